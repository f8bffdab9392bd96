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

/** A `WWW-Authenticate` value that tells where the metadata of a resource is (RFC 9728 section 5.1). */
export function bearerChallenge(resource: string, parameters: BearerParameters = {}): string {
  return challenge('Bearer', { ...parameters, resource_metadata: metadataUrl(resource) });
}

/** What the `Authorization` lines of a request hold. */
export type Credentials = { readonly token: string } | { readonly problem: 'missing' | 'duplicate' | 'malformed' };

const SCHEME = /^bearer(?![^ \t])/i;
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** Reads the Bearer token of a request (RFC 6750 section 2.1). Another scheme is no token; so is one in query or body. */
export function readBearer(lines: readonly string[] | undefined): Credentials {
  const [line, ...others] = lines ?? [];
  if (others.length > 0) return { problem: 'duplicate' };
  if (line === undefined || !SCHEME.test(line)) return { problem: 'missing' };
  const token = BEARER.exec(line)?.[1];
  return token === undefined ? { problem: 'malformed' } : { token };
}
