import { Denial, type DenialCode, type DenialCodes } from '../denial.js';
import { isPermission } from '../permissions.js';
import { isObject, type RpcMessage, type Target } from '../rpc.js';
import type { Caller } from './caller.js';
import type { AccessPolicy, PolicyCall, Rule } from './policies.js';
import type { Rulebook } from './rulebook.js';
import { normalUri } from './resourceUris.js';
import { usesOf, type Use } from './uses.js';

declare module '../denial.js' {
  interface DenialCodes {
    tool_undefined: 403;
    prompt_undefined: 403;
    resource_undefined: 403;
    method_undefined: 403;
    role_insufficient: 403;
    argument_denied: 403;
  }
}

/** Something that is used, and all that must agree. */
export interface Case {
  /** Nothing for a response of the client, and for a request without messages. */
  readonly use: Use | undefined;
  readonly rules: readonly Rule[];
}

/** How many permissions may depend on one call. */
const MAX_PERMISSIONS = 100;
const NO_ARGUMENTS: PolicyCall['arguments'] = Object.freeze({});

const UNDEFINED = {
  tool: ['tool_undefined', 'The tool is not defined'],
  prompt: ['prompt_undefined', 'The prompt is not defined'],
  resource: ['resource_undefined', 'The resource is not defined'],
  method: ['method_undefined', 'The method is not defined'],
} as const satisfies Record<Target['kind'], readonly [DenialCode, string]>;

/**
 * Everything that a request uses, the messages of a batch one and all.
 * @throws {Denial} 403 when no policy knows it
 */
export function casesOf(messages: readonly RpcMessage[], rulebook: Rulebook): readonly Case[] {
  const base: Case = { use: undefined, rules: rulebook.base };
  if (messages.length === 0) return [base];
  return usesOf(messages).map((use) => (use === undefined ? base : { use, rules: knownRules(use, rulebook) }));
}

function knownRules(use: Use, rulebook: Rulebook): readonly Rule[] {
  const rules = rulebook.rulesFor(use);
  if (rules.length > 0) return rules;
  throw undefinedDenial(use.target.kind);
}

/** The denial of what no policy knows, the same whoever notices. */
export function undefinedDenial(kind: Target['kind']): Denial {
  const [code, text] = UNDEFINED[kind];
  return new Denial<DenialCode>(403, code, text, { policy: true, detail: { kind } });
}

/**
 * Every permission that the cases need together, those that depend on a call included. Without duplicates, frozen.
 * @throws {Denial} 403 `argument_denied`
 */
export function permissionsOf(cases: readonly Case[], caller: Caller): readonly string[] {
  const lists: (readonly string[])[] = [];
  for (const { use, rules } of cases) {
    for (const rule of rules) {
      const { permissions, permissionsFor } = rule.policy;
      lists.push(permissions);
      if (use !== undefined && permissionsFor !== undefined) lists.push(dependent(permissionsFor, use, rule, caller));
    }
  }
  const [first, ...others] = lists;
  // One call of a tool whose permissions are fixed is the common case: its list is unique and frozen already.
  return first !== undefined && others.length === 0 ? first : Object.freeze([...new Set(lists.flat())]);
}

function dependent(
  permissionsFor: NonNullable<AccessPolicy['permissionsFor']>,
  use: Use,
  rule: Rule,
  caller: Caller,
): readonly string[] {
  const list: unknown = permissionsFor(policyCall(use, rule, caller));
  if (!Array.isArray(list)) throw new TypeError('permissionsFor must return an array of permissions');
  // What was made from arguments can be anything: a wildcard, an empty segment, a text without end.
  if (list.length > MAX_PERMISSIONS || !list.every(isPermission)) throw argumentDenied(use);
  return list;
}

/**
 * Of a request that nobody signed. A forgotten `verifySignature` must not let an unsigned call of such a tool through.
 * @throws {Denial} 403 `signature_required`
 */
export function assertUnsigned(cases: readonly Case[]): void {
  for (const { use, rules } of cases) {
    if (!rules.some(({ policy }) => policy.requireSignature === true)) continue;
    throw new Denial(403, 'signature_required', 'A signature is required', { detail: { kind: use?.target.kind } });
  }
}

/** @throws {Denial} 403 `role_insufficient` when a case asks for one of several roles and the caller has none of them */
export function assertRoles(cases: readonly Case[], caller: Caller): void {
  for (const { use, rules } of cases) {
    for (const { policy } of rules) {
      if (policy.roles === undefined || policy.roles.some((role) => caller.roles.has(role))) continue;
      throw deny('role_insufficient', 'The caller has no role that may do this', use, { roles: policy.roles });
    }
  }
}

/**
 * Asks every rule of a case that is more than permissions and roles. Returns a promise only where there is one to ask.
 * @throws {Denial} 403 `argument_denied`
 */
export function assertAllowed(one: Case, caller: Caller): Promise<void> | undefined {
  return one.rules.some(({ policy }) => policy.allow !== undefined) ? askRules(one, caller) : undefined;
}

async function askRules({ use, rules }: Case, caller: Caller): Promise<void> {
  if (use === undefined) return;
  for (const rule of rules) {
    const { allow } = rule.policy;
    if (allow !== undefined && !isTrue('allow', await allow(policyCall(use, rule, caller)))) throw argumentDenied(use);
  }
}

/**
 * Reads a verdict. Anything but a boolean is no verdict, however true it looks.
 * @throws {TypeError} unless it is a boolean
 */
export function isTrue(name: string, verdict: unknown): boolean {
  if (typeof verdict === 'boolean') return verdict;
  throw new TypeError(`${name} must return, or resolve to, true or false`);
}

/**
 * What a rule gets to see.
 * @throws {Denial} 403 `argument_denied` when the arguments are not an object
 */
export function policyCall(use: Use, rule: Rule, { auth, clientId }: Caller): PolicyCall {
  const { method } = use;
  const given: unknown = rule.variables ?? (use.arguments === undefined ? NO_ARGUMENTS : use.arguments);
  if (!isObject(given)) throw argumentDenied(use);
  return { method, target: normalTarget(use), arguments: given, auth, clientId };
}

/** A rule that compares a URI must see the one that will be looked up. */
function normalTarget({ target, completes = false }: Use): Target {
  if (target.kind !== 'resource' || completes) return target;
  return { kind: 'resource', name: normalUri(target.name) ?? target.name };
}

/** A denial that no other token would cure. */
export function deny<Code extends DenialCode>(
  code: DenialCodes[Code] extends 403 ? Code : never,
  text: string,
  use: Use | undefined,
  detail: Readonly<Record<string, unknown>> = {},
): Denial {
  return new Denial<DenialCode>(403, code, text, {
    policy: true,
    detail: { kind: use?.target.kind ?? 'base', ...detail },
  });
}

function argumentDenied(use: Use): Denial {
  return deny('argument_denied', 'The arguments are not allowed', use);
}
