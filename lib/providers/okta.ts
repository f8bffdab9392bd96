import { optional, readOptions, type Check } from '../options.js';
import type { Issuer } from '../tokens/issuer.js';
import { hostName, issuerChecks, makeIssuer, type IssuerOptions } from './preset.js';

/** Options of `okta`. */
export interface OktaOptions extends IssuerOptions {
  /** The Okta domain, as in `dev-123.okta.com`, or your custom domain. */
  readonly domain: string;
  /** The custom authorization server. Default: `default`. */
  readonly authorizationServerId?: string;
}

const pathSegment: Check = (value) =>
  typeof value === 'string' && /^[\w-]+$/.test(value) ? undefined : 'must be an id of letters, digits, - and _';

/**
 * A custom authorization server of Okta. Its tokens have no `typ`; the client is in `cid`, which ID tokens do not have,
 * and scopes are a list in `scp`. Tokens of the org authorization server are for Okta itself and are denied.
 *
 * Default roles: `groups`, a claim that you add to the server.
 * @throws {TypeError} when an option is unknown or not valid
 */
export function okta(options: OktaOptions): Issuer {
  const {
    domain,
    authorizationServerId = 'default',
    ...rest
  } = readOptions<OktaOptions>('okta', options, {
    ...issuerChecks,
    domain: hostName,
    authorizationServerId: optional(pathSegment),
  });
  const issuer = `https://${domain.toLowerCase()}/oauth2/${authorizationServerId}`;
  return makeIssuer('okta', rest, {
    issuer,
    discovery: [`${issuer}/.well-known/openid-configuration`],
    acceptTyp: ['absent'],
    clientIdClaims: ['cid'],
    scopeClaims: ['scp'],
    roleClaims: ['groups'],
  });
}
