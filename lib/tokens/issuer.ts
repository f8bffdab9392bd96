import type { JSONWebKeySet } from 'jose';
import type { Algorithm } from './algorithms.js';
import type { OAuthClient } from './clientRequest.js';
import type { Members } from './jwt.js';

/** A `typ` that tells access tokens from other tokens less well than `at+jwt`, or none at all. */
export type LooseTyp = 'JWT' | 'absent';

/** The name of a claim, or the names that lead to a nested one, as in `['realm_access', 'roles']`. */
export type ClaimPath = string | readonly string[];

/** Where the public keys of an issuer come from. */
export type KeySource =
  | { readonly jwks: JSONWebKeySet }
  | { readonly jwksUri: string }
  /** URLs of metadata documents, tried in this order until one answers. */
  | { readonly discovery: readonly string[] }
  /** No keys: the issuer is asked about each of its tokens (RFC 7662). */
  | { readonly introspection: IntrospectionSource };

/** How an issuer is asked about its tokens. Periods in seconds. */
export interface IntrospectionSource extends OAuthClient {
  /** Where; or the URLs of metadata documents that say where. */
  readonly endpoint: string | readonly string[];
  readonly maxAge: number;
  readonly negativeMaxAge: number;
  readonly maxPending: number;
  readonly timeout: number;
}

/**
 * One authorization server, and how its access tokens are told and read.
 * Made by `oidc`, `auth0`, `okta`, `entra`, `keycloak` or `introspect`; frozen.
 */
export interface Issuer {
  /** The exact `iss` of its tokens. */
  readonly issuer: string;
  readonly keys: KeySource;
  readonly algorithms: readonly Algorithm[];
  /** What is accepted as `typ` beside `at+jwt`. */
  readonly acceptTyp: readonly LooseTyp[];
  /** Required by RFC 9068, and left out by this issuer. */
  readonly optionalClaims: readonly string[];
  /** The first of these that a token has names the OAuth client. */
  readonly clientIdClaims: readonly string[];
  /** All of these together are the scopes, each a string or a list. */
  readonly scopeClaims: readonly ClaimPath[];
  readonly roleClaims: readonly ClaimPath[];
  /** Whether claims are those of an access token, asked where `typ` does not tell. */
  readonly isAccessToken: (claims: Members) => boolean;
  /** Whether a key of the key set belongs to this issuer. */
  readonly ownsKey: (jwk: Members) => boolean;
}

const made = new WeakSet<object>();

/** Freezes and marks what a preset has validated. */
export function sealIssuer(issuer: Issuer): Issuer {
  made.add(issuer);
  return Object.freeze(issuer);
}

/** Whether a preset made this, so that nothing about it was left unchecked. */
export function isIssuer(value: unknown): value is Issuer {
  return typeof value === 'object' && value !== null && made.has(value);
}
