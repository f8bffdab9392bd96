import { permissionSet, type PermissionSet } from '../permissions.js';
import type { Target } from '../rpc.js';
import type { Auth } from '../tokens/auth.js';
import type { Grants } from './grants.js';
import type { Rulebook } from './rulebook.js';
import type { AccessPolicy } from './policies.js';
import { asksForSignIn } from './stepUp.js';
import { NAMING_METHODS } from './uses.js';

/** Whether somebody may use something. `'depends'`: on the arguments, on what else a call names, or on the sign-in. */
export type May = 'yes' | 'no' | 'depends';

/** Who calls, as far as it was proven. */
export interface Identity {
  /** Nothing for a caller who is known by a signature alone. */
  readonly auth: Auth | undefined;
  readonly clientId: string;
}

/** Who calls, and all that is known of their rights. */
export interface Caller extends Identity {
  /** Whether another token could change what the caller may do. */
  readonly hasToken: boolean;
  readonly roles: ReadonlySet<string>;
  readonly permissions: PermissionSet;
}

/** A caller who sent a token has what it grants; only one who sent none has the permissions of the client. */
export function callerOf({ auth, clientId }: Identity, grants: Grants): Caller {
  if (auth === undefined || !isOfToken(auth)) {
    const permissions = permissionSet(grants.ofClient(clientId));
    return { auth, clientId, hasToken: false, roles: new Set(), permissions };
  }
  const permissions = permissionSet([...grants.scopes.grantsOf(auth.scopes), ...grants.ofRoles(auth.roles)]);
  return { auth, clientId, hasToken: true, roles: new Set(auth.roles), permissions };
}

/** Whether a caller was proven by a token, be it shown or not. */
export function isOfToken({ token, redacted }: Auth): boolean {
  return token !== '' || redacted === true;
}

/** Whether the caller may use a thing, as far as that can be told without a call. */
export function may(rulebook: Rulebook, caller: Caller, { kind, name }: Target): May {
  if (kind === 'method' && NAMING_METHODS.has(name)) return 'depends';
  const rules = rulebook.rulesFor({ method: '', target: { kind, name }, arguments: undefined, completes: true });
  if (rules.length === 0) return 'no';
  const lacks = rules.some(
    ({ policy }) =>
      !policy.permissions.every(caller.permissions.has) ||
      policy.roles?.some((role) => caller.roles.has(role)) === false,
  );
  if (lacks) return 'no';
  return rules.some(({ policy }) => dependsOnMore(policy)) ? 'depends' : 'yes';
}

function dependsOnMore(policy: AccessPolicy): boolean {
  return policy.permissionsFor !== undefined || policy.allow !== undefined || asksForSignIn(policy);
}
