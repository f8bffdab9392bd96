import { challenge } from '../challenge.js';
import { metadataUrl } from '../url.js';

/** The parameters of a Bearer challenge (RFC 6750 section 3). Those that are undefined are left out. */
export interface BearerParameters {
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | 'insufficient_user_authentication';
  readonly error_description?: string;
  /** Every scope that the operation needs, separated by spaces. */
  readonly scope?: string;
  /** For step-up authentication (RFC 9470 section 3). */
  readonly acr_values?: string;
  readonly max_age?: string;
}

/** A `WWW-Authenticate` value that tells where the metadata of a resource is (RFC 9728 section 5.1), if there are any. */
export function bearerChallenge(resource: string | undefined, parameters: BearerParameters = {}): string {
  return challenge('Bearer', {
    ...parameters,
    resource_metadata: resource === undefined ? undefined : metadataUrl(resource),
  });
}
