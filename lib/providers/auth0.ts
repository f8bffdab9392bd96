import { readOptions } from '../options.js';
import type { Issuer } from '../tokens/issuer.js';
import { hostName, issuerChecks, makeIssuer, type IssuerOptions } from './preset.js';

/** Options of `auth0`. */
export interface Auth0Options extends IssuerOptions {
  /** The tenant domain, as in `tenant.eu.auth0.com`, or your custom domain. */
  readonly domain: string;
}

/**
 * An Auth0 tenant, with either access token profile of the API: the RFC 9068 one (`at+jwt`), or Auth0's own (`JWT`),
 * which leaves out `jti` and names the client in `azp`. ID tokens of Auth0 have no `azp`.
 *
 * Default scopes: `scope`, and the `permissions` that an API adds when that is switched on. These are all permissions
 * of the user, whatever the client asked for; `scopeClaims: ['scope']` holds a client to what it was granted.
 * Default roles: none; Auth0 has them in a claim of your naming, as in `roleClaims: ['https://example.com/roles']`.
 * @throws {TypeError} when an option is unknown or not valid
 */
export function auth0(options: Auth0Options): Issuer {
  const { domain, ...rest } = readOptions<Auth0Options>('auth0', options, { ...issuerChecks, domain: hostName });
  const issuer = `https://${domain.toLowerCase()}/`;
  return makeIssuer('auth0', rest, {
    issuer,
    discovery: [`${issuer}.well-known/openid-configuration`],
    acceptTyp: ['JWT'],
    optionalClaims: ['jti'],
    clientIdClaims: ['azp', 'client_id'],
    scopeClaims: ['scope', 'permissions'],
  });
}
