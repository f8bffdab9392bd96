import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { Unavailable } from '../../../lib/denial.js';
import { importVerifyKey, type KeyAlgorithm } from '../../../lib/keys/algorithms.js';
import { rawFromDer } from '../../../lib/keys/ecdsaDer.js';
import { externalSigner } from '../../../lib/keys/externalSigner.js';
import { generateKey, type GeneratedKey } from '../../../lib/keys/generateKey.js';
import { failureOf } from './support/store.js';

const bytes = Buffer.from('to be signed');
const HASH: Record<string, string | null> = { ES256: 'sha256', ES384: 'sha384', ES512: 'sha512', Ed25519: null };
const keyOf = ({ privateJwk }: GeneratedKey): KeyObject => createPrivateKey({ key: privateJwk, format: 'jwk' });

describe('externalSigner', () => {
  for (const algorithm of ['ES256', 'ES384', 'ES512', 'Ed25519'] as KeyAlgorithm[]) {
    for (const dsaEncoding of ['der', 'ieee-p1363'] as const) {
      it(`signs with ${algorithm} when the service answers in the ${dsaEncoding} encoding`, async () => {
        const pair = await generateKey(algorithm);
        const key = keyOf(pair);
        const signer = externalSigner({
          publicJwk: pair.publicJwk,
          sign: (data) => Promise.resolve(sign(HASH[algorithm], data, { key, dsaEncoding })),
        });
        const current = await signer.current();
        expect(current).to.include({ keyId: pair.keyId, algorithm });
        const signature = await current.sign(bytes);
        expect(await importVerifyKey(pair.publicJwk).verify(bytes, signature)).to.equal(true);
      });
    }
  }

  it('publishes the public key and nothing else', async () => {
    const { publicJwk, keyId } = await generateKey('ES256');
    const signer = externalSigner({ publicJwk: { ...publicJwk, ext: true }, sign: () => Promise.reject(new Error()) });
    const { keys } = await signer.jwks();
    expect(keys).to.have.length(1);
    expect(keys[0]).to.have.all.keys('kty', 'crv', 'x', 'y', 'kid', 'alg', 'use').and.to.include({ kid: keyId });
  });

  const answers: [string, (pair: GeneratedKey, other: GeneratedKey) => unknown][] = [
    ['that another key made', (_pair, other) => sign('sha256', bytes, keyOf(other))],
    ['of other bytes', (pair) => sign('sha256', Buffer.from('other'), keyOf(pair))],
    ['with another hash', (pair) => sign('sha512', bytes, keyOf(pair))],
    ['that is empty', () => new Uint8Array()],
    ['that is text', (pair) => sign('sha256', bytes, keyOf(pair)).toString('base64')],
    ['that is nothing', () => undefined],
  ];
  for (const [name, answer] of answers) {
    it(`hands out no signature ${name}`, async () => {
      const [pair, other] = [await generateKey('ES256'), await generateKey('ES256')];
      const signer = externalSigner({
        publicJwk: pair.publicJwk,
        sign: () => Promise.resolve(answer(pair, other) as Uint8Array),
      });
      const { sign: ask } = await signer.current();
      expect(await failureOf(() => ask(bytes))).to.be.instanceOf(Unavailable);
    });
  }

  it('is unavailable when the service is', async () => {
    const { publicJwk } = await generateKey('ES256');
    const cause = new Error('no route to host');
    const { sign: ask } = await externalSigner({ publicJwk, sign: () => Promise.reject(cause) }).current();
    const error = await failureOf(() => ask(bytes));
    expect(error).to.be.instanceOf(Unavailable);
    expect(error.cause).to.equal(cause);
  });

  it('does not take what is not a public signing key', async () => {
    const { publicJwk, privateJwk } = await generateKey('ES256');
    const { alg: _, ...nameless } = publicJwk;
    for (const jwk of [privateJwk, nameless, { ...publicJwk, alg: 'ES384' }, { kty: 'oct', k: 'AAAA', alg: 'HS256' }]) {
      expect(() => externalSigner({ publicJwk: jwk, sign: () => Promise.resolve(bytes) })).to.throw(TypeError);
    }
    expect(() => externalSigner({ publicJwk } as never)).to.throw(TypeError, "'sign' must be a function");
  });
});

describe('rawFromDer', () => {
  const bytesOf = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

  it('reads what OpenSSL writes, whatever the numbers', async () => {
    for (const [algorithm, half] of [
      ['ES256', 32],
      ['ES512', 66],
    ] as const) {
      const pair = await generateKey(algorithm);
      const key = keyOf(pair);
      const { verify } = importVerifyKey(pair.publicJwk);
      for (let count = 0; count < 40; count += 1) {
        const raw = rawFromDer(sign(HASH[algorithm], bytes, { key, dsaEncoding: 'der' }), half);
        expect(await verify(bytes, raw!)).to.equal(true);
      }
    }
  });

  it('pads short numbers and drops the sign byte', () => {
    expect(rawFromDer(bytesOf('30 07 02 01 05 02 02 00 80'), 2)).to.deep.equal(new Uint8Array([0, 5, 0, 0x80]));
    expect(rawFromDer(bytesOf('30 08 02 02 7f ff 02 02 01 00'), 2)).to.deep.equal(new Uint8Array([0x7f, 0xff, 1, 0]));
  });

  const bad: [string, string][] = [
    ['nothing', ''],
    ['another type', '31 06 02 01 05 02 01 06'],
    ['bytes behind the sequence', '30 06 02 01 05 02 01 06 00'],
    ['bytes behind the numbers', '30 07 02 01 05 02 01 06 00'],
    ['one number', '30 03 02 01 05'],
    ['a length that is too long', '30 07 02 01 05 02 01 06'],
    ['a number that is cut short', '30 06 02 01 05 02 02 06'],
    ['a length in a longer form', '30 81 06 02 01 05 02 01 06'],
    ['an indefinite length', '30 80 02 01 05 02 01 06 00 00'],
    ['a negative number', '30 06 02 01 85 02 01 06'],
    ['a number with a needless zero', '30 07 02 02 00 05 02 01 06'],
    ['an empty number', '30 05 02 00 02 01 06'],
    ['a number that does not fit', '30 08 02 03 01 00 00 02 01 06'],
    ['a bit string in place of a number', '30 06 03 01 05 02 01 06'],
  ];
  for (const [name, hex] of bad) {
    it(`reads no signature from ${name}`, () => {
      expect(rawFromDer(bytesOf(hex), 2)).to.equal(undefined);
    });
  }

  it('takes any bytes without failing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 160 }), fc.constantFrom(0, 32, 48, 66), (der, half) => {
        const raw = rawFromDer(der, half);
        expect(raw?.byteLength ?? 2 * half).to.equal(2 * half);
      }),
    );
  });
});
