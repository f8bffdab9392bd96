import { listOf, oneOf, optional, readOptions, text, type Check } from '../options.js';
import type { Issuer } from '../tokens/issuer.js';
import { insertWellKnown, secureUrl } from '../url.js';
import { issuerChecks, makeIssuer, type IssuerOptions } from './preset.js';

/** Options of `oidc`. */
export interface OidcOptions extends IssuerOptions {
  /** The issuer identifier, exactly as tokens carry it in `iss`: an https URL, or an http one on loopback. */
  readonly issuer: string;
  /** The claims that may name the OAuth client; the first that is there counts. Default: `['client_id']`. */
  readonly clientIdClaims?: readonly string[];
  /** Claims that RFC 9068 requires and this server leaves out. Default: none. */
  readonly optionalClaims?: readonly ('iat' | 'jti')[];
}

/** Allows an issuer identifier (RFC 8414 section 2). */
export const issuerUrl: Check = (value) => {
  const problem = secureUrl(value);
  if (problem !== undefined) return problem;
  const url = value as string;
  if (url.includes('/.well-known/')) return 'must be the issuer itself, not the URL of its metadata';
  return url.includes('?') ? 'must not have a query' : undefined;
};

/**
 * Any authorization server that issues access tokens by RFC 9068, strictly.
 *
 * Its keys are found by its metadata (RFC 8414, then OpenID Connect Discovery). A server that writes `typ: JWT` needs
 * `acceptTyp: ['JWT']`: its tokens are then told from ID tokens by the absence of `nonce`, `at_hash` and `c_hash`, so
 * keep the audience apart from every client id. Default scopes: `scope` and `scp`; roles: `roles`.
 * @throws {TypeError} when an option is unknown or not valid
 */
export function oidc(options: OidcOptions): Issuer {
  const { issuer, clientIdClaims, optionalClaims, ...rest } = readOptions<OidcOptions>('oidc', options, {
    ...issuerChecks,
    issuer: issuerUrl,
    clientIdClaims: optional(listOf(text, { least: 1 })),
    optionalClaims: optional(listOf(oneOf('iat', 'jti'))),
  });
  return makeIssuer('oidc', rest, {
    issuer,
    discovery: discoveryUrls(issuer),
    clientIdClaims: Object.freeze([...(clientIdClaims ?? ['client_id'])]),
    optionalClaims: Object.freeze([...(optionalClaims ?? [])]),
    scopeClaims: ['scope', 'scp'],
    roleClaims: ['roles'],
  });
}

/** Where the metadata of an issuer may be, in the order that MCP clients try. */
export function discoveryUrls(issuer: string): readonly string[] {
  return [
    ...new Set([
      insertWellKnown(issuer, 'oauth-authorization-server'),
      insertWellKnown(issuer, 'openid-configuration'),
      `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
    ]),
  ];
}
