import { dpopChallenge } from '../dpop/challenge.js';
import { secureUrl } from '../url.js';
import type { AcceptedSchemes, Auth } from './auth.js';
import { bearerChallenge, type BearerParameters } from './bearer.js';

/** What is asked of whoever was proven by a check that does not say what it takes. */
const DPOP_ALONE: AcceptedSchemes = { bearer: false, algorithms: [] };

/**
 * The challenge to a caller who needs another token, under the scheme for what the present one is bound to (RFC 9449
 * section 7.1). Without a caller, or a key, that is `Bearer`. By default it is about the resource of the token; where that
 * is no URL that has metadata, none are named.
 */
export function challengeTo(
  auth: Auth | undefined,
  resource: string | undefined = auth?.resource,
  parameters: BearerParameters = {},
): string {
  const described = resource !== undefined && secureUrl(resource) === undefined ? resource : undefined;
  if (auth?.bindings?.some(({ method }) => method === 'dpop') !== true) return bearerChallenge(described, parameters);
  const { bearer, algorithms } = auth.schemes ?? DPOP_ALONE;
  const dpop = dpopChallenge(described, algorithms, parameters);
  if (!bearer) return dpop;
  // First, since official clients read no further than the name of the first scheme. The error is not about it.
  const { scope } = parameters;
  return `${bearerChallenge(described, scope === undefined ? {} : { scope })}, ${dpop}`;
}
