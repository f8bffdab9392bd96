import { integer, listOf, optional, readOptions, text } from '../options.js';
import { CLIENT_CHECKS, readCredential, type OAuthClientOptions } from '../tokens/clientRequest.js';
import { sealIssuer, type ClaimPath, type IntrospectionSource, type Issuer } from '../tokens/issuer.js';
import { secureUrl } from '../url.js';
import { discoveryUrls, issuerUrl } from './oidc.js';
import { claimPath, hasNoMarkOfOthers } from './preset.js';

/** Options of `introspect`. */
export interface IntrospectOptions extends OAuthClientOptions {
  /** The issuer identifier: an https URL, or an http one on loopback. */
  readonly issuer: string;
  /** The introspection endpoint, the only place that tokens are sent to. Default: what the issuer's metadata says. */
  readonly endpoint?: string;
  /** How long an active token is taken for active, in seconds up to 3600, never past its `exp`. Default: 60. */
  readonly maxAge?: number;
  /** How long a token that was denied is not asked about again, in seconds up to 60. Default: 5. */
  readonly negativeMaxAge?: number;
  /** How many tokens may be asked about at the same time; for others the answer is 503. Default: 100. */
  readonly maxPending?: number;
  /** The members that may name the OAuth client; the first that is there counts. Default: `['client_id']`. */
  readonly clientIdClaims?: readonly string[];
  /** The members that hold scopes, each a string or a list. Default: `scope` and `scp`. */
  readonly scopeClaims?: readonly ClaimPath[];
  /** The members that hold roles, each a string or a list. Default: `roles`. */
  readonly roleClaims?: readonly ClaimPath[];
}

/**
 * An authorization server whose access tokens are opaque: it is asked about each of them (RFC 7662).
 *
 * What it answers must name this resource as audience and have an `exp`, and is bound to a key or certificate where it
 * says so. JWTs of other issuers in the same list are verified by their keys, and never sent anywhere.
 * @throws {TypeError} when an option is unknown or not valid
 */
export function introspect(options: IntrospectOptions): Issuer {
  const given = readOptions<IntrospectOptions>('introspect', options, {
    issuer: issuerUrl,
    endpoint: optional(secureUrl),
    ...CLIENT_CHECKS,
    maxAge: optional(integer(1, 3600)),
    negativeMaxAge: optional(integer(0, 60)),
    maxPending: optional(integer(1)),
    clientIdClaims: optional(listOf(text, { least: 1 })),
    scopeClaims: optional(listOf(claimPath)),
    roleClaims: optional(listOf(claimPath)),
  });
  return sealIssuer({
    issuer: given.issuer,
    keys: Object.freeze({ introspection: sourceOf(given) }),
    algorithms: [],
    acceptTyp: [],
    // Optional in RFC 7662, and nothing here depends on them.
    optionalClaims: ['iat', 'jti'],
    clientIdClaims: Object.freeze([...(given.clientIdClaims ?? ['client_id'])]),
    scopeClaims: Object.freeze([...(given.scopeClaims ?? ['scope', 'scp'])]),
    roleClaims: Object.freeze([...(given.roleClaims ?? ['roles'])]),
    isAccessToken: hasNoMarkOfOthers,
    ownsKey: () => false,
  });
}

function sourceOf(options: IntrospectOptions): IntrospectionSource {
  const { issuer, endpoint, clientId, maxAge = 60, negativeMaxAge = 5, maxPending = 100, timeout = 5 } = options;
  return Object.freeze({
    endpoint: endpoint ?? discoveryUrls(issuer),
    clientId,
    credential: readCredential('introspect', options),
    maxAge,
    negativeMaxAge,
    maxPending,
    timeout,
  });
}
