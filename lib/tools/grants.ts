import { flag, listOf, optional, recordOf, suggest, type Check, type Checks } from '../options.js';
import { ANYTHING, grant, permissionSet } from '../permissions.js';
import { isScope } from '../tokens/scope.js';
import { entriesOf } from './policies.js';
import { scopeTable, type ListsByName, type ScopeTable } from './scopes.js';

type Lists = Readonly<Record<string, readonly string[]>>;

/** How callers come by permissions. */
export interface GrantOptions {
  /**
   * The permissions that an OAuth scope grants, such as `{ 'files.read': ['file:read'] }`. A scope that is not listed
   * grants nothing. Default: a scope is the permission of the same name.
   */
  readonly scopes?: Lists;
  /** Scopes that a scope includes, such as `{ 'files.write': ['files.read'] }`. Transitive. Default: none. */
  readonly implies?: Lists;
  /** The permissions of a role, in addition to those of the token's scopes. Default: none. */
  readonly roles?: Lists;
  /** The permissions of a client that calls without a token, by its `clientId`. Nobody else gets them. Default: none. */
  readonly clients?: Lists;
  /**
   * Whether a scope such as `file:*` in a token is a wildcard. Only without `scopes`; a scope `*` never is one.
   * Dangerous where clients choose the names of their scopes. Default: false.
   */
  readonly scopeWildcards?: boolean;
  /** Whether `scopes`, `roles` and `clients` may grant `*`, which is every permission. Default: false. */
  readonly fullAccess?: boolean;
}

/** What callers are granted, and what would grant them more. */
export interface Grants {
  readonly scopes: ScopeTable;
  readonly ofRoles: (roles: readonly string[]) => readonly string[];
  readonly ofClient: (clientId: string) => readonly string[];
  /** What could grant a permission to somebody who lacks it. */
  readonly sourceOf: (permission: string) => 'scope' | 'role' | undefined;
}

const scopeToken: Check = (value) => (isScope(value) ? undefined : 'must be an OAuth scope');
const grantLists: Check = optional(recordOf(listOf(grant)));

/** One check for each option that is about grants. */
export const GRANT_CHECKS: Checks<GrantOptions> = {
  scopes: grantLists,
  implies: optional(recordOf(listOf(scopeToken))),
  roles: grantLists,
  clients: grantLists,
  scopeWildcards: optional(flag),
  fullAccess: optional(flag),
};

/**
 * Prepares what callers are granted.
 * @throws {TypeError} for `*` without `fullAccess`, `scopeWildcards` beside `scopes`, an implied scope that is not listed
 */
export function readGrants(factory: string, options: GrantOptions): Grants {
  const { fullAccess = false, scopeWildcards = false } = options;
  const listsOf = (name: 'scopes' | 'implies' | 'roles' | 'clients'): ListsByName =>
    readLists(`${factory}: '${name}'`, options[name], fullAccess || name === 'implies');
  const roles = listsOf('roles');
  const clients = listsOf('clients');
  const implies = listsOf('implies');
  const mapped = options.scopes === undefined ? undefined : listsOf('scopes');
  for (const scope of [...implies.keys(), ...(mapped?.keys() ?? [])]) assertScope(factory, scope);
  if (mapped !== undefined) {
    assertListed(factory, implies, mapped);
    if (scopeWildcards) throw new TypeError(`${factory}: 'scopeWildcards' has no effect beside 'scopes'; leave it out`);
  }
  const scopes = scopeTable(mapped, implies, scopeWildcards);
  const byRole = permissionSet([...roles.values()].flat());
  return {
    scopes,
    ofRoles: (list) => list.flatMap((role) => roles.get(role) ?? []),
    ofClient: (clientId) => clients.get(clientId) ?? [],
    sourceOf: (permission) => {
      if (scopes.canGrant(permission)) return 'scope';
      return byRole.has(permission) ? 'role' : undefined;
    },
  };
}

function readLists(label: string, lists: Lists = {}, fullAccess: boolean): ListsByName {
  const map = new Map(entriesOf(label, lists).map(([name, list]) => [name, [...list]]));
  const [everything] = [...map].find(([, list]) => list.includes(ANYTHING)) ?? [];
  if (everything === undefined || fullAccess) return map;
  throw new TypeError(`${label} .${everything} grants '*', every permission there is; that needs fullAccess: true`);
}

function assertScope(factory: string, scope: string): void {
  const problem = scopeToken(scope);
  if (problem !== undefined) throw new TypeError(`${factory}: the scope '${scope}' ${problem}`);
}

/** With a mapping, an implied scope that is not in it is a slip of the pen. */
function assertListed(factory: string, implies: ListsByName, mapped: ListsByName): void {
  const known = new Set([...mapped.keys(), ...implies.keys()]);
  const unknown = [...implies.values()].flat().find((scope) => !known.has(scope));
  if (unknown === undefined) return;
  throw new TypeError(
    `${factory}: 'implies' names the scope '${unknown}', which 'scopes' does not list${suggest(unknown, [...known])}`,
  );
}
