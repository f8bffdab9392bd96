import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { generateKey } from '../../../lib/keys/generateKey.js';
import { checkSecret, deriveKeys, readSecret, seal, unseal } from '../../../lib/keys/sealing.js';
import { failureOf, SECRET } from './support/store.js';

const salt = randomBytes(16);
const keys = await deriveKeys(readSecret(SECRET), salt);

async function sealed() {
  const { keyId, privateJwk } = await generateKey('ES256');
  const record = { keyId, purpose: 'request', algorithm: 'ES256', createdAt: 1 } as const;
  return { ...record, privateJwk, privateJwe: await seal(keys, record, privateJwk) };
}

describe('seal', () => {
  it('gives the private key back to its own record', async () => {
    const { privateJwk, ...record } = await sealed();
    expect(await unseal(keys, record)).to.deep.equal(privateJwk);
  });

  it('never seals twice alike', async () => {
    const { privateJwk, ...record } = await sealed();
    expect(await seal(keys, record, privateJwk)).not.to.equal(record.privateJwe);
  });

  const otherRecords: [string, object][] = [
    ['another purpose', { purpose: 'audit' }],
    ['another algorithm', { algorithm: 'ES384' }],
    ['another time', { createdAt: 2 }],
    ['another key id', { keyId: 'x'.repeat(43) }],
  ];
  for (const [name, change] of otherRecords) {
    it(`gives nothing to a record with ${name}`, async () => {
      const { privateJwk: _, ...record } = await sealed();
      expect(await failureOf(() => unseal(keys, { ...record, ...change }))).to.include({ code: 'store_changed' });
    });
  }

  it('gives nothing to a record that took the ciphertext of another', async () => {
    const [{ privateJwe }, { privateJwk: _, ...record }] = [await sealed(), await sealed()];
    expect(await failureOf(() => unseal(keys, { ...record, privateJwe }))).to.include({ code: 'store_changed' });
  });

  it('gives nothing when the sealed key is not the one the record names', async () => {
    const [{ privateJwk }, record] = [await sealed(), await sealed()];
    const privateJwe = await seal(keys, record, privateJwk);
    expect(await failureOf(() => unseal(keys, { ...record, privateJwe }))).to.include({ code: 'store_changed' });
  });

  it('gives nothing with another secret or another salt', async () => {
    const { privateJwk: _, ...record } = await sealed();
    const others = [await deriveKeys(readSecret(randomBytes(32)), salt), await deriveKeys(readSecret(SECRET), SECRET)];
    for (const other of others) {
      expect(await failureOf(() => unseal(other, record))).to.include({ code: 'store_changed' });
    }
  });
});

describe('readSecret', () => {
  it('tells the text of 32 bytes from a passphrase', () => {
    const bytes = Buffer.from(SECRET);
    for (const text of [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')]) {
      expect(readSecret(text)).to.deep.equal({ kind: 'key', bytes });
    }
    const phrases = [bytes.toString('base64').slice(2), `${bytes.toString('hex')}0`, `${'a'.repeat(42)} `];
    for (const text of phrases) expect(readSecret(text)).to.deep.equal({ kind: 'passphrase', text });
  });

  it('takes 32 bytes or 16 characters', () => {
    for (const good of [SECRET, Buffer.alloc(32), 'sixteen letters!']) expect(checkSecret(good)).to.equal(undefined);
    for (const bad of [Buffer.alloc(33), 'fifteen letters', '', 42, null, undefined, Array(32).fill(1)]) {
      expect(checkSecret(bad)).to.match(/^must/);
    }
  });
});
