import { hash } from 'node:crypto';
import type { JWK } from 'jose';
import { importSignKey } from '../keys/algorithms.js';
import { publicHalf } from '../keys/publishedJwk.js';
import { signJwt } from '../tokens/signJwt.js';

/** A private key that proves possession, and its public half. */
export interface ProofKey {
  /** The JWS algorithm, for example `ES256`. */
  readonly algorithm: string;
  /** The public key, which every proof carries. */
  readonly jwk: JWK;
  /** A raw JWS signature over the bytes: for ECDSA `r || s` (RFC 7518 section 3.4), never DER. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** What a proof is about. */
export interface ProofSubject {
  readonly method: string;
  readonly url: URL;
  /** The access token that goes with it; none at a token endpoint. */
  readonly token?: string | undefined;
  readonly nonce?: string | undefined;
  /** What no other proof of the key has. */
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly iat: number;
}

/**
 * Prepares a private JWK for proofs. Its `alg` is what it signs with.
 * @throws {TypeError} for a key that is public, symmetric, weak, torn, or made for another purpose
 */
export async function importProofKey(jwk: JWK): Promise<ProofKey> {
  const { algorithm, sign } = await importSignKey(jwk);
  const { kid: _kid, use: _use, alg: _alg, ...members } = publicHalf(jwk);
  return Object.freeze({ algorithm, sign, jwk: Object.freeze(members) });
}

/** Makes a DPoP proof (RFC 9449 section 4.2). */
export function createProof(key: ProofKey, subject: ProofSubject): Promise<string> {
  const { method, url, token, nonce, jti, iat } = subject;
  const claims = {
    jti,
    htm: method,
    htu: `${url.origin}${url.pathname}`,
    iat,
    ath: token === undefined ? undefined : hash('sha256', token, 'base64url'),
    nonce,
  };
  return signJwt({ typ: 'dpop+jwt', alg: key.algorithm, jwk: key.jwk }, claims, key);
}
