import { optional, readOptions, text } from '../options.js';
import type { Issuer } from '../tokens/issuer.js';
import { member } from '../tokens/jwt.js';
import { secureUrl } from '../url.js';
import { isKindOfAccess, issuerChecks, makeIssuer, type IssuerOptions } from './preset.js';

/** Options of `keycloak`. */
export interface KeycloakOptions extends IssuerOptions {
  /** The public URL of the server, as in `https://id.example.com`, with `/auth` where that is part of it. */
  readonly baseUrl: string;
  readonly realm: string;
  /** The Keycloak client that stands for this server: its client roles count beside those of the realm. */
  readonly client?: string;
}

/**
 * A realm of Keycloak. Its tokens say `typ: JWT` unless a client is set to `at+jwt`; access tokens are told from ID and
 * refresh tokens by the claim `typ: Bearer`. The client is in `azp`.
 *
 * Keycloak puts this server into `aud` only through an audience mapper. Default roles: those of the realm, and with
 * `client` the roles of that client; roles of other clients mean other things, and are not read.
 * @throws {TypeError} when an option is unknown or not valid
 */
export function keycloak(options: KeycloakOptions): Issuer {
  const { baseUrl, realm, client, ...rest } = readOptions<KeycloakOptions>('keycloak', options, {
    ...issuerChecks,
    baseUrl: secureUrl,
    realm: text,
    client: optional(text),
  });
  const issuer = `${baseUrl.replace(/\/$/, '')}/realms/${encodeURIComponent(realm)}`;
  return makeIssuer('keycloak', rest, {
    issuer,
    discovery: [`${issuer}/.well-known/openid-configuration`],
    acceptTyp: ['JWT'],
    clientIdClaims: ['azp', 'client_id'],
    roleClaims: [['realm_access', 'roles'], ...(client === undefined ? [] : [['resource_access', client, 'roles']])],
    isAccessToken: (claims) => isKindOfAccess(member(claims, 'typ')),
  });
}
