import { expect } from 'chai';
import { readCompact, signCompact } from '../../../lib/definitions/compact.js';
import { verifyJws } from '../../../lib/definitions/jws.js';
import { NOW, publishing, SERVER } from './support.js';

const encoded = (text: string | Buffer): string => Buffer.from(text).toString('base64url');

describe('a JWS in one text', () => {
  it('holds what was signed', async () => {
    const { find, terms } = await publishing();
    const jws = readCompact(await signCompact('etdi-manifest+jws', '{"a":"\u00e9"}', SERVER, terms));
    expect(jws?.payload).to.equal('{"a":"\u00e9"}');
    const { payload = '', signature = { protected: '', signature: '' } } = jws ?? {};
    expect(await verifyJws('etdi-manifest+jws', payload, signature, find, NOW)).to.include({ issuer: SERVER });
  });

  it('is taken apart without a look at its header and signature', () => {
    expect(readCompact('a.e30.b')).to.deep.equal({ payload: '{}', signature: { protected: 'a', signature: 'b' } });
  });

  it('is not taken for one when it is anything else', () => {
    const others = [
      undefined,
      7,
      ['a.e30.b'],
      '',
      'a.e30',
      'a.e30.b.c',
      'a..b',
      '.e30.b',
      'a.e30.',
      'a.e30=.b',
      ' a.e30.b',
      'a.e30.b\n',
      'a.e+0.b',
      `a.${encoded('{}').slice(0, -1)}1.b`,
      `a.${encoded(Buffer.from([0xff]))}.b`,
    ];
    for (const other of others) expect(readCompact(other), String(other)).to.equal(undefined);
  });

  it('may be as long as is said, and no longer', () => {
    expect(readCompact('a.e30.b', 7)).to.include({ payload: '{}' });
    expect(readCompact('aa.e30.b', 7)).to.equal(undefined);
  });
});
