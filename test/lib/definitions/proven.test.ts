import { expect } from 'chai';
import { proves } from '../../../lib/definitions/proven.js';
import type { VerifyKey } from '../../../lib/keys/algorithms.js';

describe('what a key has proven', () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  let asked: string[];

  /** Takes the signature `good` over anything, and no other. */
  const keyOf = (keyId = 'key'): VerifyKey => ({
    keyId,
    algorithm: 'ES256',
    verify: (data, signature) => {
      asked.push(Buffer.from(data).toString());
      return Buffer.from(signature).toString() === 'good';
    },
  });

  beforeEach(() => {
    asked = [];
  });

  it('is computed once', async () => {
    const key = keyOf();
    for (let times = 0; times < 3; times += 1) {
      expect(await proves(key, bytes('a'), bytes('good'))).to.equal(true);
    }
    expect(asked).to.deep.equal(['a']);
  });

  it('is nothing about other bytes, another signature, or another key', async () => {
    const key = keyOf();
    expect(await proves(key, bytes('a'), bytes('good'))).to.equal(true);
    expect(await proves(key, bytes('b'), bytes('good'))).to.equal(true);
    expect(await proves(key, bytes('a'), bytes('bad'))).to.equal(false);
    expect(await proves(keyOf(), bytes('a'), bytes('good'))).to.equal(true);
    expect(asked).to.deep.equal(['a', 'b', 'a', 'a']);
  });

  it('is never that a signature does not hold', async () => {
    const key = keyOf();
    for (let times = 0; times < 3; times += 1) expect(await proves(key, bytes('a'), bytes('bad'))).to.equal(false);
    expect(asked).to.have.lengthOf(3);
  });

  it('is forgotten before it fills the memory', async () => {
    const key = keyOf();
    for (let at = 0; at < 1025; at += 1) await proves(key, bytes(`${at}`), bytes('good'));
    asked = [];
    expect(await proves(key, bytes('1024'), bytes('good'))).to.equal(true);
    expect(asked).to.deep.equal([]);
    expect(await proves(key, bytes('0'), bytes('good'))).to.equal(true);
    expect(asked).to.deep.equal(['0']);
  });
});
