import type { JSONWebKeySet, JWK } from 'jose';
import { Unavailable } from '../denial.js';
import { callback, object, oneOf, optional, readOptions } from '../options.js';
import { importVerifyKey, type KeyAlgorithm } from './algorithms.js';
import { rawFromDer } from './ecdsaDer.js';
import { KEY_PURPOSES, type KeyPurpose } from './keyRecord.js';
import { publicHalf, publishedJwk } from './publishedJwk.js';
import type { Signer } from './signer.js';

export interface ExternalSignerOptions {
  /** The public key, with `alg`. */
  readonly publicJwk: JWK;
  /** What the key signs, to be published with it. Default: none, so that verifiers take it for every purpose. */
  readonly purpose?: KeyPurpose;
  /**
   * Asks whoever holds the private key to sign the bytes themselves, not a digest of them. ECDSA signatures may come
   * back as `r || s` or DER-encoded.
   */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** A signer that also publishes its public key. */
export interface ExternalSigner extends Signer {
  readonly jwks: () => Promise<JSONWebKeySet>;
}

/** The length of `r` and of `s` in bytes. */
const HALF: Readonly<Partial<Record<KeyAlgorithm, number>>> = { ES256: 32, ES384: 48, ES512: 66 };

/**
 * Signs with a key that is held elsewhere: a key management service, an HSM, an agent.
 *
 * Every signature is verified with the public key before it is used, so that a wrong key, or one that was rotated
 * unnoticed, shows here and not at whoever verifies.
 * @throws {TypeError} for a public key that is private, weak or without `alg`
 */
export function externalSigner(options: ExternalSignerOptions): ExternalSigner {
  const { publicJwk, purpose, sign } = readOptions<ExternalSignerOptions>('externalSigner', options, {
    publicJwk: object,
    purpose: optional(oneOf(...KEY_PURPOSES)),
    sign: callback,
  });
  const { keyId, algorithm, verify } = importVerifyKey(publicJwk);
  const named = { ...publicHalf(publicJwk), kid: keyId, alg: algorithm, use: 'sig' };
  const published = Object.freeze(purpose === undefined ? named : publishedJwk(named, purpose));

  const checked = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const signature = await ask(sign, bytes);
    if (await verify(bytes, signature)) return signature;
    const raw = rawFromDer(signature, HALF[algorithm] ?? 0);
    if (raw !== undefined && (await verify(bytes, raw))) return raw;
    throw new Unavailable('The external signer made a signature that does not verify');
  };
  const key = Object.freeze({ keyId, algorithm, sign: checked });
  return Object.freeze({
    ...(purpose === undefined ? {} : { purpose }),
    current: () => Promise.resolve(key),
    jwks: () => Promise.resolve({ keys: [{ ...published }] }),
  });
}

async function ask(sign: ExternalSignerOptions['sign'], bytes: Uint8Array): Promise<Uint8Array> {
  let signature: unknown;
  try {
    signature = await sign(bytes);
  } catch (cause) {
    throw new Unavailable('The external signer is unavailable', { cause });
  }
  if (signature instanceof Uint8Array) return signature;
  throw new Unavailable('The external signer made no signature');
}
