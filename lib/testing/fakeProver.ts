import { randomUUID } from 'node:crypto';
import type { JWK } from 'jose';
import { createProof, importProofKey, type ProofKey } from '../dpop/createProof.js';
import { generateKey } from '../keys/generateKey.js';
import type { KeyAlgorithm } from '../keys/algorithms.js';

/** A request to prove. Everything but the URL has a default. */
export interface RequestToProve {
  /** Default: `POST`. */
  readonly method?: string;
  readonly url: string;
  readonly token?: string;
  readonly nonce?: string;
  /** Default: random. */
  readonly jti?: string;
  /** Seconds since the epoch. Default: now. */
  readonly iat?: number;
}

/** A client with a key that tokens can be bound to. */
export interface FakeProver {
  /** The thumbprint of the key, for the `cnf` claim of a token: `{ cnf: { jkt: prover.jkt } }`. */
  readonly jkt: string;
  /** For `dpopFetch({ key })`. */
  readonly key: ProofKey;
  /** The same key as a private JWK with its `alg`, for `dpopFetch` too, or for a file of `--proof-key-file`. */
  readonly privateJwk: JWK;
  /** A DPoP proof (RFC 9449). */
  readonly proof: (request: RequestToProve) => Promise<string>;
}

/** A prover for tests. An RSA key takes a moment to generate. */
export async function fakeProver(algorithm: KeyAlgorithm = 'ES256'): Promise<FakeProver> {
  const { keyId, privateJwk } = await generateKey(algorithm);
  const key = await importProofKey(privateJwk);
  return {
    jkt: keyId,
    key,
    privateJwk,
    proof: ({ method = 'POST', url, token, nonce, jti = randomUUID(), iat = Math.floor(Date.now() / 1000) }) =>
      createProof(key, { method, url: new URL(url), token, nonce, jti, iat }),
  };
}
