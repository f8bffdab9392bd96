import type { RequestContext } from '../context.js';
import { isWildcard, permissionSet, type PermissionSet } from '../permissions.js';
import { principalOf } from '../principal.js';
import { isOfToken, type Caller } from '../tools/caller.js';

/** A caller's list of permissions is one frozen array for as long as its token is cached. */
const known = new WeakMap<readonly string[], PermissionSet>();
const NONE: readonly string[] = Object.freeze([]);
const NO_ROLES: ReadonlySet<string> = new Set();

/**
 * Who calls, and what they may: what `authorizeScopes` found, or else the scopes of the token, each as the permission of
 * the same name. Without both they may nothing.
 * @throws {Denial} 401 `caller_unproven`
 */
export function rightsOf(state: RequestContext['state']): Caller {
  const { auth, signature } = principalOf(state);
  const hasToken = auth !== undefined && isOfToken(auth);
  return {
    auth,
    clientId: (auth ?? signature).clientId,
    hasToken,
    roles: hasToken && auth.roles.length > 0 ? new Set(auth.roles) : NO_ROLES,
    permissions: permissionsOf(state.access?.granted, hasToken ? auth.scopes : NONE),
  };
}

function permissionsOf(granted: readonly string[] | undefined, scopes: readonly string[]): PermissionSet {
  const list = granted ?? scopes;
  const earlier = known.get(list);
  if (earlier !== undefined) return earlier;
  // A client may have chosen the name of a scope: none is a wildcard unless authorizeScopes says so.
  const set = permissionSet(granted ?? scopes.filter((scope) => !isWildcard(scope)));
  known.set(list, set);
  return set;
}
