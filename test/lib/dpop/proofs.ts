// Proofs with exactly one thing wrong.
import { hash } from 'node:crypto';
import { thumbprint } from '../../../lib/keys/thumbprint.js';
import { forger, type Forger } from '../tokens/forge.js';

export const RESOURCE = 'https://mcp.example/mcp';

export interface Prover {
  readonly forge: Forger;
  /** The public key, without the members that say more about it. */
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly jkt: string;
  /** A valid proof for POST to the resource, but for what is replaced: `undefined` leaves a member out. */
  readonly proof: (token: string, seconds: number, change?: ProofChange) => string;
}

export interface ProofChange {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly signature?: Buffer;
}

let count = 0;

export function prover(algorithm: 'ES256' | 'ES384' | 'RS256' | 'Ed25519' = 'ES256', bits?: number): Prover {
  const forge = forger(algorithm, bits);
  const { kid: _kid, alg: _alg, use: _use, ...jwk } = forge.jwk;
  return {
    forge,
    jwk,
    jkt: thumbprint(jwk),
    proof: (token, seconds, { header, claims, signature } = {}) => {
      count += 1;
      const ath = hash('sha256', token, 'base64url');
      const own = { jti: `jti-${count}`, htm: 'POST', htu: RESOURCE, iat: Math.floor(seconds), ath };
      return forge.token({ typ: 'dpop+jwt', alg: algorithm, jwk, ...header }, { ...own, ...claims }, signature);
    },
  };
}
