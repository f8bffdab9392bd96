import type { JSONWebKeySet } from 'jose';
import { listOf, object, oneOf, optional, text, type Check, type Checks } from '../options.js';
import { ALGORITHMS, DEFAULT_ALGORITHMS, type Algorithm } from '../tokens/algorithms.js';
import { sealIssuer, type ClaimPath, type Issuer, type LooseTyp } from '../tokens/issuer.js';
import { member, type Members } from '../tokens/jwt.js';
import { readStaticKeySet } from '../tokens/publicKeys.js';
import { secureUrl } from '../url.js';

/** What every preset lets a developer change. */
export interface IssuerOptions {
  /** The JWS algorithms that are allowed; a key is used with its own alone. Default: RS256, PS256, ES256 and Ed25519. */
  readonly algorithms?: readonly Algorithm[];
  /**
   * What is accepted as `typ` beside `at+jwt`. With `JWT`, or none at all (`absent`), only claims are left to tell an
   * access token from an ID token. The default is the preset's; `[]` is strict.
   */
  readonly acceptTyp?: readonly LooseTyp[];
  /** The claims that hold scopes, each a string or a list. All are read. */
  readonly scopeClaims?: readonly ClaimPath[];
  /** The claims that hold roles, each a string or a list. All are read. */
  readonly roleClaims?: readonly ClaimPath[];
  /** The public keys themselves: nothing is fetched, and a rotation needs a restart. */
  readonly jwks?: JSONWebKeySet;
  /** Where the public keys are, when discovery is not wanted. May be a private https URL. */
  readonly jwksUri?: string;
}

type Preset = Pick<Issuer, 'issuer'> & Partial<Issuer> & { readonly discovery: readonly string[] };

/** Allows the name of a claim, or the names that lead to it. */
export const claimPath: Check = (value) =>
  text(value) === undefined || (Array.isArray(value) && value.length > 0 && listOf(text)(value) === undefined)
    ? undefined
    : 'must be the name of a claim, or a list of names that lead to it';

/** The checks of the options that presets share. */
export const issuerChecks: Checks<IssuerOptions> = {
  algorithms: optional(listOf(oneOf(...ALGORITHMS), { least: 1 })),
  acceptTyp: optional(listOf(oneOf('JWT', 'absent'))),
  scopeClaims: optional(listOf(claimPath)),
  roleClaims: optional(listOf(claimPath)),
  jwks: optional(object),
  jwksUri: optional(secureUrl),
};

/** Allows a host name alone. */
export const hostName: Check = (value) => {
  const url = `https://${String(value)}/`;
  const valid = typeof value === 'string' && URL.canParse(url) && new URL(url).hostname === value.toLowerCase();
  return valid && value.includes('.') ? undefined : "must be a host name alone, as in 'example.com'";
};

/**
 * Joins what a provider is known for with what the developer changed.
 * @throws {TypeError} when both `jwks` and `jwksUri` are given, or a key cannot be used
 */
export function makeIssuer(factory: string, options: IssuerOptions, preset: Preset): Issuer {
  const { algorithms = DEFAULT_ALGORITHMS, acceptTyp, scopeClaims, roleClaims, jwks, jwksUri } = options;
  const { discovery, ...known } = preset;
  if (jwks !== undefined && jwksUri !== undefined)
    throw new TypeError(`${factory}: pass 'jwks' or 'jwksUri', not both`);
  const issuer: Issuer = {
    optionalClaims: [],
    clientIdClaims: ['client_id'],
    isAccessToken: hasNoMarkOfOthers,
    ownsKey: () => true,
    ...known,
    keys: jwks !== undefined ? { jwks: structuredClone(jwks) } : jwksUri !== undefined ? { jwksUri } : { discovery },
    algorithms: Object.freeze([...algorithms]),
    acceptTyp: Object.freeze([...(acceptTyp ?? known.acceptTyp ?? [])]),
    scopeClaims: Object.freeze([...(scopeClaims ?? known.scopeClaims ?? ['scope'])]),
    roleClaims: Object.freeze([...(roleClaims ?? known.roleClaims ?? [])]),
  };
  if ('jwks' in issuer.keys) assertKeys(factory, issuer, issuer.keys.jwks);
  return sealIssuer(issuer);
}

function assertKeys(factory: string, issuer: Issuer, jwks: JSONWebKeySet): void {
  try {
    readStaticKeySet(jwks, issuer);
  } catch (cause) {
    throw new TypeError(`${factory}: 'jwks' ${(cause as TypeError).message}`, { cause });
  }
}

/** Claims that only ID tokens have (OpenID Connect Core sections 2 and 3.3.2.11). */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash'];

/** Whether nothing in the claims says that this is an ID token, a refresh token or a logout token. */
export function hasNoMarkOfOthers(claims: Members): boolean {
  if (ID_TOKEN_CLAIMS.some((name) => member(claims, name) !== undefined)) return false;
  const use = member(claims, 'token_use');
  const typ = member(claims, 'typ');
  return (use === undefined || use === 'access') && (typ === undefined || isKindOfAccess(typ));
}

/** The `typ` claim, not the header member, of an access token as Keycloak writes it. */
export function isKindOfAccess(typ: unknown): boolean {
  return typ === 'Bearer' || typ === 'DPoP';
}
