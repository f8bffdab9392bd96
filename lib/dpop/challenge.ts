import { challenge } from '../challenge.js';
import { metadataUrl } from '../url.js';

/** The parameters of a DPoP challenge (RFC 9449 section 7.1, RFC 6750 section 3). Those that are undefined are left out. */
export interface DPoPParameters {
  readonly error?: 'invalid_dpop_proof' | 'use_dpop_nonce' | 'invalid_token' | 'invalid_request';
  readonly error_description?: string;
  /** Every scope that the operation needs, separated by spaces. */
  readonly scope?: string;
}

/** A challenge that names the algorithms of proofs, and where the metadata of the resource is (RFC 9728 section 5.1). */
export function dpopChallenge(
  resource: string,
  algorithms: readonly string[],
  parameters: DPoPParameters = {},
): string {
  const algs = algorithms.join(' ');
  return challenge('DPoP', { ...parameters, algs, resource_metadata: metadataUrl(resource) });
}
