import { callee, calleeOrAny, caller } from '../callchain/names.js';
import { isDigest, isVersion } from '../definitions/form.js';
import { callback, flag, integer, listOf, optional, readOptions, text, type Check, type Checks } from '../options.js';
import { permission } from '../permissions.js';
import type { Target } from '../rpc.js';
import type { Auth } from '../tokens/auth.js';

/** One use of a tool, prompt, resource or method, as rules see it. */
export interface PolicyCall {
  /** The JSON-RPC method, such as `tools/call`. */
  readonly method: string;
  /** What is used. The name of a resource is its URI as `URL` prints it, or the text of its template. */
  readonly target: Target;
  /**
   * What a tool or prompt is called with, the variables of a resource template, or the parameters of a method.
   * Not validated yet: any member may be missing or of any type. While a client completes an argument
   * (`completion/complete`), these are the arguments it has so far.
   */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Who calls, or nothing when that was proven in another way than by `auth`. */
  readonly auth: Auth | undefined;
  readonly clientId: string;
}

/** Who may use something. All of its rules must agree. */
export interface AccessPolicy {
  /** The caller needs every one. An empty list is a statement: whoever is proven may use it. */
  readonly permissions: readonly string[];
  /** The caller needs one of these roles. Default: none. */
  readonly roles?: readonly string[];
  /**
   * The user must have signed in in one of these ways, the preferred one first: values of the claim `acr`, as the
   * authorization server has them (RFC 9470). Default: in any way.
   */
  readonly acr?: readonly string[];
  /** For how many seconds a sign-in of the user counts (the claim `auth_time`, RFC 9470). Default: for any time. */
  readonly maxAge?: number;
  /** Further permissions that depend on the call. One that is not a permission denies the call. */
  readonly permissionsFor?: (call: PolicyCall) => readonly string[];
  /**
   * A rule that no other token would satisfy. Exactly `true` allows. Asked after all permissions and roles were found.
   * @throws {Unavailable} for an outage; any other error is a constant 500
   */
  readonly allow?: (call: PolicyCall) => boolean | Promise<boolean>;
}

/** Who may use one tool. */
export interface ToolPolicy extends AccessPolicy {
  /** The version of its definition, such as `1.2.0`. */
  readonly version?: string;
  /** Whether a call must be signed, whatever the mode of `verifySignature`. Default: false. */
  readonly requireSignature?: boolean;
  /**
   * What runs behind the tool, as its publisher names it: `sha256:` and the digest of a build or an image, in
   * lower-case hex. Part of the definition that `publishTools` signs. Default: none.
   */
  readonly codeDigest?: string;
  /**
   * Who may call the tool: `report` of this server, `https://a.example/mcp#report` of another, `@root` for a client on
   * its own account, `*` for all of these. Enforced by `callStackGuard`. Default: all.
   */
  readonly allowedCallers?: readonly string[];
  /** Who may not call the tool, whoever else says so. Default: nobody. */
  readonly blockedCallers?: readonly string[];
  /** Which tools it may call, named as callers are, but without `@root` and `*`. Default: all. */
  readonly allowedCallees?: readonly string[];
  /** Which tools it may not call, whatever else says so; `*` for all. Default: none. */
  readonly blockedCallees?: readonly string[];
  /** How many tools may be in the stack from this one on, itself included: 1 calls no other. Default: no limit. */
  readonly maxCallDepth?: number;
}

/** One policy that must agree before something is used. */
export interface Rule {
  readonly policy: AccessPolicy & Pick<ToolPolicy, 'requireSignature'>;
  /** Of the template through which it was found. Without them a rule sees the arguments that were sent. */
  readonly variables?: PolicyCall['arguments'];
}

/** What can be one of the `acr_values` of a challenge (RFC 9470 section 3). Not a scope, though its characters are the same. */
const acrValue: Check = (value) =>
  typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)
    ? undefined
    : 'must be an acr value, without blanks';

const ACCESS: Checks<AccessPolicy> = {
  permissions: listOf(permission),
  roles: optional(listOf(text, { least: 1 })),
  acr: optional(listOf(acrValue, { least: 1 })),
  // A token takes a moment from the sign-in to here: without any it would never be good enough.
  maxAge: optional(integer(1)),
  permissionsFor: optional(callback),
  allow: optional(callback),
};

const TOOL: Checks<ToolPolicy> = {
  ...ACCESS,
  requireSignature: optional(flag),
  version: optional((value) => (isVersion(value) ? undefined : `must be a version such as '1.2.0'`)),
  codeDigest: optional((value) => (isDigest(value) ? undefined : "must be 'sha256:' and 64 digits of lower-case hex")),
  allowedCallers: optional(listOf(caller)),
  blockedCallers: optional(listOf(caller)),
  allowedCallees: optional(listOf(callee)),
  blockedCallees: optional(listOf(calleeOrAny)),
  maxCallDepth: optional(integer(1)),
};

/**
 * A frozen copy of a policy. A bare list stands for its permissions.
 * @throws {TypeError} when it is not a policy
 */
export function readPolicy(label: string, policy: AccessPolicy | readonly string[]): AccessPolicy {
  return freeze(label, isList(policy) ? { permissions: policy } : policy, ACCESS);
}

/**
 * A frozen copy of the policy of a tool.
 * @throws {TypeError} when it is not one
 */
export function readToolPolicy(label: string, policy: ToolPolicy): ToolPolicy {
  return freeze(label, policy, TOOL);
}

/**
 * The members of an object that maps names to something.
 * @throws {TypeError} when it is not a plain object: `{ __proto__: ... }` would lose a name without a word
 */
export function entriesOf<Value>(label: string, record: Readonly<Record<string, Value>>): [string, Value][] {
  assertPlain(label, record);
  return Object.entries(record);
}

function freeze<Policy extends AccessPolicy>(label: string, policy: Policy, checks: Checks<Policy>): Policy {
  assertPlain(label, policy);
  const { permissions } = readOptions<Policy>(label, policy, checks);
  const lists = Object.entries(policy).flatMap(([name, value]) =>
    Array.isArray(value) ? [[name, Object.freeze([...(value as readonly string[])])] as const] : [],
  );
  return Object.freeze({
    ...policy,
    ...Object.fromEntries(lists),
    permissions: Object.freeze([...new Set(permissions)]),
  });
}

function isList(policy: AccessPolicy | readonly string[]): policy is readonly string[] {
  return Array.isArray(policy);
}

function assertPlain(label: string, value: unknown): void {
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError(`${label} must be a plain object`);
}
