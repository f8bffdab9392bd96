import { expect } from 'chai';
import { fromBase64url, toBase64url } from '../../lib/base64url.js';

describe('base64url', () => {
  it('stands for the bytes of a text or an array, without padding', () => {
    for (const data of ['\u00fb\u00ff', Buffer.from('\u00fb\u00ff'), Uint8Array.from([0xc3, 0xbb, 0xc3, 0xbf])]) {
      expect(toBase64url(data)).to.equal('w7vDvw');
    }
    expect(toBase64url(Uint8Array.from([0, 0xfb, 0xff]).subarray(1))).to.equal('-_8');
  });

  it('gives the bytes back', () => {
    expect(fromBase64url('-_8')).to.deep.equal(Buffer.from([0xfb, 0xff]));
  });

  it('is nothing in another spelling', () => {
    for (const text of ['', '+/8', '-_8=', '-_9', '-_8\n', ' -_8', '-', '-_8.']) {
      expect(fromBase64url(text), text).to.equal(undefined);
    }
  });
});
