import { challenge } from '../challenge.js';
import { dpopChallenge, type DPoPParameters } from '../dpop/challenge.js';
import type { ReadDPoPOptions } from '../dpop/options.js';
import { Denial } from '../denial.js';
import { bearerChallenge } from './bearer.js';
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
  readonly dpop: Pick<ReadDPoPOptions, 'mode' | 'algorithms'>;
}

/** One denial for each reason. */
export interface TokenDenials {
  readonly missing: () => Denial;
  readonly duplicate: () => Denial;
  readonly malformed: () => Denial;
  readonly invalid: (fault: TokenFault, scheme: Scheme) => Denial;
}

/** Prepares the denials. All carry a challenge; only those that answer a token carry an error (RFC 6750 section 3.1). */
export function tokenDenials(challenged: Challenged): TokenDenials {
  const { scopes = [] } = challenged;
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
  const missing = headers(challenged, scope);
  const malformed = headers(challenged, { error: 'invalid_request' });
  const error = { error: 'invalid_token', error_description: 'The access token is not valid here', ...scope } as const;
  const invalid: Readonly<Record<Scheme, Readonly<Record<string, string>>>> = {
    bearer: headers(challenged, error),
    dpop: { 'WWW-Authenticate': dpopChallenge(challenged.resource, challenged.dpop.algorithms, error) },
  };
  return {
    missing: () => new Denial(401, 'token_missing', 'An access token is required', { headers: missing }),
    duplicate: () =>
      new Denial(400, 'header_duplicate', 'A header that may appear once appears twice', { headers: malformed }),
    malformed: () =>
      new Denial(400, 'token_malformed', 'The Authorization header is malformed', { headers: malformed }),
    invalid: ({ reason, claim, cause }, scheme) =>
      new Denial(401, 'token_invalid', 'The access token is not valid here', {
        headers: invalid[scheme],
        detail: { reason, ...(claim === undefined ? {} : { claim }) },
        cause,
      }),
  };
}

/**
 * What may be tried, Bearer first: official clients read no further. The error goes with the scheme that was tried
 * (RFC 9449 section 7.2).
 */
function headers(
  { resource, dpop: { mode, algorithms } }: Challenged,
  parameters: DPoPParameters & { readonly error?: 'invalid_request' | 'invalid_token' },
): Readonly<Record<string, string>> {
  const bearer = bearerChallenge(resource, parameters);
  if (mode === 'off') return { 'WWW-Authenticate': bearer };
  if (mode === 'require') return { 'WWW-Authenticate': dpopChallenge(resource, algorithms, parameters) };
  return { 'WWW-Authenticate': `${bearer}, ${challenge('DPoP', { algs: algorithms.join(' ') })}` };
}
