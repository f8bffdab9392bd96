import type { Check } from './options.js';

/** The longest permission, in characters: it must fit into a challenge. */
const MAX_PERMISSION = 256;

/** `segment(:segment)*`; every character may stand in an OAuth scope (RFC 6749 section 3.3), and in a quoted string. */
const PERMISSION = /^[A-Za-z0-9._~/-]+(?::[A-Za-z0-9._~/-]+)*$/;

/** The grant of every permission. */
export const ANYTHING = '*';
const WILDCARD = ':*';
const FORM = `such as 'file:read': segments of letters, digits and ._~/- with ':' between them`;

/** Everything that somebody was granted. */
export interface PermissionSet {
  readonly list: readonly string[];
  /** Whether a grant covers the permission. */
  readonly has: (permission: string) => boolean;
}

/** Whether a value is one exact permission, such as `file:read`. Case counts, and there are no wildcards. */
export function isPermission(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_PERMISSION && PERMISSION.test(value);
}

/** Whether a value may be granted: a permission, or all below one, such as `file:*`, or `*`. */
export function isGrant(value: unknown): value is string {
  return (
    value === ANYTHING ||
    isPermission(value) ||
    (typeof value === 'string' && value.endsWith(WILDCARD) && isPermission(value.slice(0, -2)))
  );
}

/** Whether a grant covers more than one permission. */
export function isWildcard(grant: unknown): boolean {
  return typeof grant === 'string' && (grant === ANYTHING || grant.endsWith(WILDCARD));
}

/** Whether a grant covers a permission: `a:*` covers `a:b` and `a:b:c`, but neither `a` nor `ab:c`. */
export function covers(grant: string, permission: string): boolean {
  return permissionSet([grant]).has(permission);
}

/** Prepares grants for being asked often. What is not a grant grants nothing, and only a permission is ever covered. */
export function permissionSet(grants: Iterable<string>): PermissionSet {
  const list = [...new Set(grants)].filter(isGrant);
  const exact = new Set(list.filter((grant) => !isWildcard(grant)));
  const prefixes = new Set(list.filter(isWildcard).map((grant) => grant.slice(0, -1)));
  const has = (permission: string): boolean =>
    exact.has(permission) || (prefixes.size > 0 && isPermission(permission) && isBelow(permission, prefixes));
  return Object.freeze({ list: Object.freeze(list), has });
}

/** Whether a prefix that ends after a colon, or the empty one, is in the set. */
function isBelow(permission: string, prefixes: ReadonlySet<string>): boolean {
  if (prefixes.has('')) return true;
  for (let colon = permission.indexOf(':'); colon >= 0; colon = permission.indexOf(':', colon + 1)) {
    if (prefixes.has(permission.slice(0, colon + 1))) return true;
  }
  return false;
}

/** Allows an exact permission. */
export const permission: Check = (value) => {
  if (isPermission(value)) return undefined;
  return isWildcard(value) ? 'must be one exact permission: wildcards are for grants' : `must be a permission ${FORM}`;
};

/** Allows a permission or a wildcard. */
export const grant: Check = (value) =>
  isGrant(value) ? undefined : `must be a permission ${FORM}, or one with ':*' behind it`;
