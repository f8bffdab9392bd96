import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from 'jose';
import { importSignKey, type KeyAlgorithm } from './algorithms.js';
import { publicHalf } from './publishedJwk.js';
import { thumbprint } from './thumbprint.js';

const generate = promisify(generateKeyPair);

/** A new key pair. */
export interface GeneratedKey {
  readonly keyId: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
}

/** Generates a key pair off the event loop, and proves that its halves belong together. RSA keys have 3072 bits. */
export async function generateKey(algorithm: KeyAlgorithm): Promise<GeneratedKey> {
  const { privateKey } = await generatePair(algorithm);
  const jwk = privateKey.export({ format: 'jwk' }) as JWK;
  const keyId = thumbprint(jwk);
  const named = { kid: keyId, alg: algorithm, use: 'sig' };
  const privateJwk = { ...jwk, ...named };
  await importSignKey(privateJwk);
  return { keyId, publicJwk: publicHalf(privateJwk), privateJwk };
}

function generatePair(algorithm: KeyAlgorithm): Promise<{ privateKey: KeyObject }> {
  switch (algorithm) {
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' });
    case 'ES384':
      return generate('ec', { namedCurve: 'P-384' });
    case 'ES512':
      return generate('ec', { namedCurve: 'P-521' });
    case 'Ed25519':
      return generate('ed25519');
    default:
      return generate('rsa', { modulusLength: 3072, publicExponent: 0x10001 });
  }
}
