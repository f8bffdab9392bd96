import { dpopChallenge } from '../dpop/challenge.js';
import { secureUrl } from '../url.js';
import type { Auth } from './auth.js';
import { bearerChallenge, type BearerParameters } from './bearer.js';

/** How tokens are taken where the token of a caller was. */
export interface Schemes {
  /** Whether one that is bound to nothing would have been taken. */
  readonly bearer: boolean;
  /** What proofs may be signed with. */
  readonly algorithms: readonly string[];
}

const schemesOf = new WeakMap<Auth, Schemes>();

/** Keeps for later challenges how tokens are taken where this one was. */
export function rememberSchemes(auth: Auth, schemes: Schemes): void {
  schemesOf.set(auth, schemes);
}

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
  const { bearer, algorithms } = schemesOf.get(auth) ?? { bearer: false, algorithms: [] };
  const dpop = dpopChallenge(described, algorithms, parameters);
  if (!bearer) return dpop;
  // First, since official clients read no further than the name of the first scheme. The error is not about it.
  const { scope } = parameters;
  return `${bearerChallenge(described, scope === undefined ? {} : { scope })}, ${dpop}`;
}
