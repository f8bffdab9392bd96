import { callback, integer, listOf, oneOf, optional, readOptions, text, type Check } from '../lib/options.js';
import { urlOf } from '../lib/outgoingRequest.js';
import { bearerChallenge } from '../lib/tokens/bearer.js';
import { TokenCache } from '../lib/tokens/cache.js';
import { credentialReader } from '../lib/tokens/credentials.js';
import { TokenFault, type FaultReason } from '../lib/tokens/fault.js';
import { isIssuer, type Issuer } from '../lib/tokens/issuer.js';
import { isOpaque } from '../lib/tokens/jwt.js';
import { readKeySetOptions } from '../lib/tokens/keySet.js';
import { resolveHost } from '../lib/tokens/publicHost.js';
import { tokenVerifier } from '../lib/tokens/verifier.js';
import { canonicalResource, secureUrl } from '../lib/url.js';

/** Options of `verifyingFetch`. */
export interface VerifyingFetchOptions {
  /** The URL of the MCP endpoint: access tokens go to its origin and path, whatever the query, and nowhere else. */
  readonly resource: string;
  /** The authorization servers whose tokens are sent: what `oidc`, `auth0`, `okta`, `entra` and `keycloak` return. */
  readonly issuers: readonly Issuer[];
  /** Further identifiers of the resource that tokens may be for, such as `api://...`. */
  readonly audience?: string | readonly string[];
  /** What becomes of tokens that are no JWTs: of those only the target can be checked. Default: `deny`. */
  readonly opaque?: 'deny' | 'allow';
  /** How far the clock of an issuer may differ, in seconds up to 300. Default: 30. */
  readonly clockTolerance?: number;
  /** Sends the request, once its token was verified. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
  /** How metadata and keys of the issuers are fetched. Default: the system's `fetch`. */
  readonly fetchKeys?: typeof fetch;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** Why an access token was not sent. `target`: not to its resource. `opaque`: it cannot be read. Else what is wrong with it. */
export type TokenReason = FaultReason | 'target' | 'opaque';

/** An access token was not sent. It carries no part of the token. */
export class TokenDenied extends Error {
  override readonly name = 'TokenDenied';
  readonly reason: TokenReason;

  constructor(reason: TokenReason, cause?: unknown) {
    super(`the access token is not sent (${reason})`, { cause });
    this.reason = reason;
  }
}

const issuer: Check = (value) =>
  isIssuer(value) && !('introspection' in value.keys)
    ? undefined
    : 'must be what oidc, auth0, okta, entra or keycloak returns';
const credentialsIn = credentialReader(['bearer', 'dpop']);

/**
 * A `fetch` that sends an access token only to the resource it is for, and only after it was verified as the server
 * will verify it: issuer, audience, lifetime and signature (RFC 9068 section 4, RFC 8707).
 *
 * Give it to an MCP client as the `fetch` option of its transport. An expired token is not sent: the client gets a 401
 * and refreshes it. Requests without an access token, such as those for metadata and tokens, pass untouched.
 * @throws {TypeError} when an option is not what it must be
 * @throws {TokenDenied} later, for a token that is for somebody else, of somebody else, or on its way somewhere else
 * @throws {Unavailable} later, when the keys of the issuer cannot be fetched
 */
export function verifyingFetch(options: VerifyingFetchOptions): typeof fetch {
  const given = readOptions<VerifyingFetchOptions>('verifyingFetch', options, {
    resource: secureUrl,
    issuers: listOf(issuer, { least: 1 }),
    audience: optional((value) => (Array.isArray(value) ? listOf(text)(value) : text(value))),
    opaque: optional(oneOf('deny', 'allow')),
    clockTolerance: optional(integer(0, 300)),
    fetch: optional(callback),
    fetchKeys: optional(callback),
    now: optional(callback),
  });
  const { opaque = 'deny', fetch: send = fetch } = given;
  const endpoint = new URL(given.resource);
  const verify = verifier(given);

  return async (input, init) => {
    const credentials = credentialsIn([headersOf(input, init).get('authorization') ?? '']);
    if ('problem' in credentials && credentials.problem === 'missing') return send(input, init);
    const url = urlOf(input);
    if (url.origin !== endpoint.origin || url.pathname !== endpoint.pathname) throw new TokenDenied('target');
    if ('problem' in credentials) throw new TokenDenied('format');
    const { token } = credentials;
    if (isOpaque(token)) {
      if (opaque === 'deny') throw new TokenDenied('opaque');
    } else if ((await verify(token)) === 'expired') {
      return expired(given.resource);
    }
    return send(input, { ...init, redirect: init?.redirect === 'error' ? 'error' : 'manual' });
  };
}

function verifier(options: VerifyingFetchOptions): (token: string) => Promise<'valid' | 'expired'> {
  const { resource, issuers, audience = [], clockTolerance: tolerance = 30, fetchKeys } = options;
  const { now = () => new Date() } = options;
  const known = new TokenCache<'valid'>({ max: 100, milliseconds: 60_000, now });
  const verify = tokenVerifier({
    issuers,
    audiences: new Set([resource, ...[audience].flat()].map(canonicalResource)),
    tolerance,
    keySets: readKeySetOptions('verifyingFetch', {}),
    network: fetchKeys === undefined ? { fetch, resolve: resolveHost } : { fetch: fetchKeys },
    now,
  });
  return async (token) => {
    if (known.get(token) !== undefined) return 'valid';
    try {
      const { notBefore, expiresAt } = await verify(token);
      known.set(token, 'valid', { from: (notBefore - tolerance) * 1000, until: (expiresAt + tolerance) * 1000 });
      return 'valid';
    } catch (error) {
      if (!(error instanceof TokenFault)) throw error;
      if (error.reason === 'expired') return 'expired';
      throw new TokenDenied(error.reason, error);
    }
  };
}

/** What the server would have answered: official clients refresh their token for it. */
function expired(resource: string): Response {
  const challenge = bearerChallenge(resource, { error: 'invalid_token', error_description: 'The token has expired' });
  return new Response(null, { status: 401, headers: { 'WWW-Authenticate': challenge } });
}

/** Those of the second argument stand for all of the first. */
function headersOf(input: string | URL | Request, init: RequestInit | undefined): Headers {
  return new Headers(init?.headers ?? (typeof input === 'object' && 'headers' in input ? input.headers : undefined));
}
