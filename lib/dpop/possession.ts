import { Denial } from '../denial.js';
import { memoryReplay } from '../stores/replay.js';
import type { PossessionProof } from '../tokens/binding.js';
import { canonicalResource } from '../url.js';
import { dpopChallenge } from './challenge.js';
import { ProofFault } from './fault.js';
import { openNonces, type Nonces } from './nonces.js';
import type { ReadDPoPOptions } from './options.js';
import { proofVerifier } from './verifier.js';

declare module '../denial.js' {
  interface DenialCodes {
    proof_missing: 401;
    proof_invalid: 401;
    proof_nonce: 401;
    proof_target: 400;
  }
}

/** What proofs are for, and the clock they are measured by. */
export interface DPoPSetting {
  /** The public URL of the resource. */
  readonly resource: string;
  readonly now: () => Date;
}

/** How a binding to a key is proven, and the nonces that proofs need, if they need any. */
export interface DPoP {
  readonly proof: PossessionProof;
  readonly nonces: Nonces | undefined;
}

/**
 * Prepares DPoP for a resource, unless it is off.
 * @throws {TypeError} when an option of the nonces is not what it must be
 */
export function openDPoP(factory: string, options: ReadDPoPOptions, { resource, now }: DPoPSetting): DPoP | undefined {
  if (options.mode === 'off') return undefined;
  const nonces = options.nonces && openNonces(factory, options.nonces, now);
  const verify = proofVerifier({
    resource,
    path: options.path ?? new URL(resource).pathname,
    algorithms: options.algorithms,
    window: options.window,
    replay: options.replay ?? memoryReplay({ now }),
    nonces,
    now,
  });
  const deny = proofDenials(canonicalResource(resource), options.algorithms, nonces);
  return {
    nonces,
    proof: {
      method: 'dpop',
      prove: async ({ ctx, token }, thumbprint) => {
        try {
          await verify(ctx.request, { token, thumbprint });
        } catch (error) {
          throw deny(error);
        }
      },
    },
  };
}

/** Turns a fault into a denial with the challenge of RFC 9449 section 7.1 or 9. Anything else stays what it is. */
function proofDenials(resource: string, algorithms: readonly string[], nonces: Nonces | undefined) {
  const invalid = {
    'WWW-Authenticate': dpopChallenge(resource, algorithms, {
      error: 'invalid_dpop_proof',
      error_description: 'The DPoP proof is not valid here',
    }),
  };
  const another = dpopChallenge(resource, algorithms, {
    error: 'use_dpop_nonce',
    error_description: 'The DPoP proof needs a nonce of this server',
  });
  return (error: unknown): unknown => {
    if (!(error instanceof ProofFault)) return error;
    const { reason, claim, cause } = error;
    const detail = { reason, ...(claim === undefined ? {} : { claim }) };
    if (reason === 'target') {
      return new Denial(400, 'proof_target', 'The request target is not that of the resource', { detail });
    }
    if (reason === 'missing') {
      return new Denial(401, 'proof_missing', 'A DPoP proof is required', { headers: invalid, detail });
    }
    if (reason === 'nonce' && nonces !== undefined) {
      // The nonce is for whoever asked, now, and not for a cache (RFC 9449 section 8.2).
      const headers = { 'WWW-Authenticate': another, 'DPoP-Nonce': nonces.current(), 'Cache-Control': 'no-store' };
      return new Denial(401, 'proof_nonce', 'The DPoP proof needs a nonce of this server', { headers, detail });
    }
    return new Denial(401, 'proof_invalid', 'The DPoP proof is not valid here', { headers: invalid, detail, cause });
  };
}
