import { challenge } from '../challenge.js';
import type { BearerParameters } from '../tokens/bearer.js';
import { metadataUrl } from '../url.js';

/** The parameters of a DPoP challenge (RFC 9449 section 7.1): those for Bearer, and errors of its own. */
export interface DPoPParameters extends Omit<BearerParameters, 'error'> {
  readonly error?: BearerParameters['error'] | 'invalid_dpop_proof' | 'use_dpop_nonce';
}

/**
 * A challenge that names the algorithms of proofs, where they are known, and where the metadata of the resource is
 * (RFC 9728 section 5.1), if there are any.
 */
export function dpopChallenge(
  resource: string | undefined,
  algorithms: readonly string[],
  parameters: DPoPParameters = {},
): string {
  const algs = algorithms.length === 0 ? undefined : algorithms.join(' ');
  return challenge('DPoP', {
    ...parameters,
    algs,
    resource_metadata: resource === undefined ? undefined : metadataUrl(resource),
  });
}
