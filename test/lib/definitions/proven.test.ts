import { expect } from 'chai';
import { proves as provesBytes } from '../../../lib/definitions/proven.js';
import type { VerifyKey } from '../../../lib/keys/algorithms.js';

describe('what a key has proven', () => {
  const encoded = (text: string): string => Buffer.from(text).toString('base64url');
  const [good, bad] = [encoded('good'), encoded('bad')];
  const proves = (key: VerifyKey, signed: string, signature: string): Promise<boolean> =>
    provesBytes(key, signed, signature, Buffer.from(signature, 'base64url'));
  let asked: string[];

  /** Takes signatures that begin with `good`, over anything. */
  const keyOf = (): VerifyKey => ({
    keyId: 'key',
    algorithm: 'ES256',
    verify: (data, signature) => {
      asked.push(Buffer.from(data).toString());
      return Buffer.from(signature).toString().startsWith('good');
    },
  });

  beforeEach(() => {
    asked = [];
  });

  it('is computed once', async () => {
    const key = keyOf();
    for (let times = 0; times < 3; times += 1) {
      expect(await proves(key, 'a', good)).to.equal(true);
    }
    expect(asked).to.deep.equal(['a']);
  });

  it('is nothing about other bytes, another signature, or another key', async () => {
    const key = keyOf();
    expect(await proves(key, 'a', good)).to.equal(true);
    expect(await proves(key, 'b', good)).to.equal(true);
    expect(await proves(key, 'a', bad)).to.equal(false);
    expect(await proves(keyOf(), 'a', good)).to.equal(true);
    expect(asked).to.deep.equal(['a', 'b', 'a', 'a']);
  });

  it('is never that a signature does not hold', async () => {
    const key = keyOf();
    for (let times = 0; times < 3; times += 1) expect(await proves(key, 'a', bad)).to.equal(false);
    expect(asked).to.have.lengthOf(3);
  });

  it('is not remembered where it is large', async () => {
    const key = keyOf();
    const large = 'a'.repeat(65_537);
    for (let times = 0; times < 2; times += 1) expect(await proves(key, large, good)).to.equal(true);
    expect(asked).to.have.lengthOf(2);
  });

  it('is forgotten before it fills the memory', async () => {
    const key = keyOf();
    const check = (at: number): Promise<boolean> => proves(key, `${at}`, encoded(`good ${at}`));
    for (let at = 0; at < 1025; at += 1) await check(at);
    asked = [];
    expect(await check(1024)).to.equal(true);
    expect(asked).to.deep.equal([]);
    expect(await check(0)).to.equal(true);
    expect(asked).to.deep.equal(['0']);
  });
});
