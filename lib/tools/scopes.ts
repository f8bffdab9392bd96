import { ANYTHING, isGrant, isPermission, isWildcard, permissionSet, type PermissionSet } from '../permissions.js';

/** Names, and the list that belongs to each. */
export type ListsByName = ReadonlyMap<string, readonly string[]>;

/** What OAuth scopes grant, and which scopes a caller would need. */
export interface ScopeTable {
  readonly grantsOf: (scopes: readonly string[]) => readonly string[];
  /** Whether some scope grants the permission. */
  readonly canGrant: (permission: string) => boolean;
  /**
   * The narrowest scopes that grant all that scopes can grant of these permissions, without those that others
   * include. The same for every caller, whatever they hold.
   */
  readonly scopesFor: (permissions: ReadonlySet<string>) => readonly string[];
}

/** A wildcard is wider than any list. */
const WILDCARD_WIDTH = 1_000_000;

/**
 * Prepares a mapping from scopes to permissions and a hierarchy of scopes.
 * @param mapped without it, a scope is the permission of the same name
 * @param wildcards whether `file:*` is a wildcard when it is a scope; only without `mapped`
 */
export function scopeTable(mapped: ListsByName | undefined, implies: ListsByName, wildcards: boolean): ScopeTable {
  const own = (scope: string): readonly string[] => (isOwnGrant(scope, wildcards) ? [scope] : []);
  const direct = mapped === undefined ? own : (scope: string) => mapped.get(scope) ?? [];
  const known = new Map(
    [...new Set([...(mapped?.keys() ?? []), ...implies.keys()])]
      .map((scope) => [scope, permissionSet(included(scope, implies).flatMap(direct))] as const)
      .sort(([, a], [, b]) => width(a) - width(b)),
  );
  const narrowest = (permission: string): string | undefined =>
    mapped === undefined ? permission : [...known].find(([, grants]) => grants.has(permission))?.[0];
  return {
    grantsOf: (scopes) => scopes.flatMap((scope) => known.get(scope)?.list ?? direct(scope)),
    canGrant: (permission) => narrowest(permission) !== undefined,
    scopesFor: (permissions) => {
      const picked = [...new Set([...permissions].flatMap((permission) => narrowest(permission) ?? []))];
      return withoutIncluded(picked, permissions, known);
    },
  };
}

/** Leaves out every scope whose permissions the remaining ones grant as well. */
function withoutIncluded(
  picked: readonly string[],
  permissions: ReadonlySet<string>,
  known: ReadonlyMap<string, PermissionSet>,
): readonly string[] {
  const granted = new Map(picked.map((scope) => [scope, grantedOf(scope, permissions, known.get(scope))]));
  const times = new Map<string, number>();
  for (const permission of [...granted.values()].flat()) times.set(permission, (times.get(permission) ?? 0) + 1);
  for (const [scope, list] of [...granted].sort(([, a], [, b]) => a.length - b.length)) {
    if (!list.every((permission) => (times.get(permission) ?? 0) > 1)) continue;
    granted.delete(scope);
    for (const permission of list) times.set(permission, (times.get(permission) ?? 0) - 1);
  }
  return picked.filter((scope) => granted.has(scope));
}

function grantedOf(
  scope: string,
  permissions: ReadonlySet<string>,
  grants: PermissionSet | undefined,
): readonly string[] {
  return grants === undefined ? [scope] : [...permissions].filter((permission) => grants.has(permission));
}

/** A scope and all that it includes, however deep. A circle ends where it began. */
function included(scope: string, implies: ListsByName): readonly string[] {
  const found = new Set([scope]);
  // A set that grows while it is walked also visits what was added.
  for (const one of found) for (const next of implies.get(one) ?? []) found.add(next);
  return [...found];
}

function isOwnGrant(scope: string, wildcards: boolean): boolean {
  return wildcards ? scope !== ANYTHING && isGrant(scope) : isPermission(scope);
}

function width({ list }: PermissionSet): number {
  return list.reduce((sum, grant) => sum + (isWildcard(grant) ? WILDCARD_WIDTH : 1), 0);
}
