import { Denial } from '../denial.js';
import { bearerChallenge, type BearerParameters } from './bearer.js';
import type { Scheme } from './credentials.js';
import type { TokenFault } from './fault.js';

declare module '../denial.js' {
  interface DenialCodes {
    token_missing: 401;
    token_invalid: 401;
    token_malformed: 400;
  }
}

/** What a resource challenges its callers with. */
export interface Challenged {
  /** In canonical form. */
  readonly resource: string;
  /** The scopes that a client is told to ask for. */
  readonly scopes?: readonly string[] | undefined;
}

/** One denial for each reason. */
export interface TokenDenials {
  readonly missing: () => Denial;
  readonly duplicate: () => Denial;
  readonly malformed: () => Denial;
  readonly invalid: (fault: TokenFault, scheme: Scheme) => Denial;
}

/** Prepares the denials. All carry a challenge; only those that answer a token carry an error (RFC 6750 section 3.1). */
export function tokenDenials({ resource, scopes = [] }: Challenged): TokenDenials {
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
  const headers = (parameters: BearerParameters) => ({ 'WWW-Authenticate': bearerChallenge(resource, parameters) });
  const missing = headers(scope);
  const malformed = headers({ error: 'invalid_request' });
  const invalid = headers({
    error: 'invalid_token',
    error_description: 'The access token is not valid here',
    ...scope,
  });
  return {
    missing: () => new Denial(401, 'token_missing', 'An access token is required', { headers: missing }),
    duplicate: () =>
      new Denial(400, 'header_duplicate', 'A header that may appear once appears twice', { headers: malformed }),
    malformed: () =>
      new Denial(400, 'token_malformed', 'The Authorization header is malformed', { headers: malformed }),
    invalid: ({ reason, claim, cause }) =>
      new Denial(401, 'token_invalid', 'The access token is not valid here', {
        headers: invalid,
        detail: { reason, ...(claim === undefined ? {} : { claim }) },
        cause,
      }),
  };
}
