import { oneOf, optional, readOptions, type Check } from '../options.js';
import type { Issuer } from '../tokens/issuer.js';
import { member, type Members } from '../tokens/jwt.js';
import { hasNoMarkOfOthers, issuerChecks, makeIssuer, type IssuerOptions } from './preset.js';

/** Options of `entra`. */
export interface EntraOptions extends IssuerOptions {
  /** The directory (tenant) id, a GUID. `common` and `organizations` are no issuer: list each tenant that you serve. */
  readonly tenantId: string;
  /**
   * The version of the access tokens, which the manifest of your API sets (`requestedAccessTokenVersion`), not the
   * endpoint that clients use. Default: `'2.0'`. To serve both, list two issuers.
   */
  readonly version?: '1.0' | '2.0';
  /** The sign-in host of a national cloud. Default: `login.microsoftonline.com`. */
  readonly host?: 'login.microsoftonline.com' | 'login.microsoftonline.us' | 'login.partner.microsoftonline.cn';
}

/** In either case, as people copy it. */
const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const guid: Check = (value) =>
  typeof value === 'string' && GUID.test(value)
    ? undefined
    : "must be the GUID of a tenant; 'common' and 'organizations' are no issuer";

/**
 * A Microsoft Entra ID tenant. Its tokens say `typ: JWT` and leave out `jti`; the client is in `azp`, or in `appid` for
 * version 1.0, neither of which ID tokens have. A key of the key set that names another tenant is not used.
 *
 * Tokens of version 2.0 are for the GUID of your API, those of 1.0 for its `api://...` URI: pass it as `audience` of
 * `authenticate`. Default scopes: `scp`, the delegated permissions; roles: `roles`, the app roles, which is also where
 * the application permissions of a client without a user are.
 * @throws {TypeError} when an option is unknown or not valid
 */
export function entra(options: EntraOptions): Issuer {
  const {
    tenantId,
    version = '2.0',
    host = 'login.microsoftonline.com',
    ...rest
  } = readOptions<EntraOptions>('entra', options, {
    ...issuerChecks,
    tenantId: guid,
    version: optional(oneOf('1.0', '2.0')),
    host: optional(oneOf('login.microsoftonline.com', 'login.microsoftonline.us', 'login.partner.microsoftonline.cn')),
  });
  const tenant = tenantId.toLowerCase();
  const tokenHost = host.endsWith('.cn') ? 'sts.chinacloudapi.cn' : 'sts.windows.net';
  const issuers = { '1.0': `https://${tokenHost}/${tenant}/`, '2.0': `https://${host}/${tenant}/v2.0` };
  const issuer = issuers[version];
  const owners: readonly string[] = Object.values(issuers);
  const base = version === '1.0' ? `https://${host}/${tenant}` : issuer;
  return makeIssuer('entra', rest, {
    issuer,
    discovery: [`${base}/.well-known/openid-configuration`],
    acceptTyp: ['JWT'],
    optionalClaims: ['jti'],
    clientIdClaims: ['azp', 'appid'],
    scopeClaims: ['scp'],
    roleClaims: ['roles'],
    isAccessToken: (claims) => hasNoMarkOfOthers(claims) && [undefined, tenant].includes(tidOf(claims)),
    ownsKey: ({ issuer: owner }) =>
      owner === undefined || (typeof owner === 'string' && owners.includes(owner.replace('{tenantid}', tenant))),
  });
}

function tidOf(claims: Members): string | undefined {
  return member(claims, 'tid') as string | undefined;
}
