import type { Tools } from '../tools/defineTools.js';
import type { ToolPolicy } from '../tools/policies.js';
import { callDenial } from './denials.js';
import { ANY, fullName, nameOf, type CallFrame, type CallingFrame } from './names.js';

/** Which calls of and by one tool its policy allows, every name in full. */
export interface CallRules {
  readonly blockedCallers: ReadonlySet<string>;
  readonly allowedCallers: ReadonlySet<string> | undefined;
  readonly blockedCallees: ReadonlySet<string>;
  readonly allowedCallees: ReadonlySet<string> | undefined;
  /** How many tools may be in the stack from this one on. */
  readonly maxDepth: number;
}

/** Prepares the rules of all tools of the server at `resource`. */
export function readCallRules(tools: Tools, resource: string): ReadonlyMap<string, CallRules> {
  return new Map([...tools].map(([name, policy]) => [name, readRules(policy, resource)]));
}

function readRules(policy: ToolPolicy, resource: string): CallRules {
  const setOf = (names: readonly string[]): ReadonlySet<string> => new Set(names.map((one) => fullName(one, resource)));
  const { allowedCallers, blockedCallers = [], allowedCallees, blockedCallees = [], maxCallDepth } = policy;
  return {
    blockedCallers: setOf(blockedCallers),
    allowedCallers: allowedCallers && setOf(allowedCallers),
    blockedCallees: setOf(blockedCallees),
    allowedCallees: allowedCallees && setOf(allowedCallees),
    maxDepth: maxCallDepth ?? Infinity,
  };
}

/**
 * Requires that both tools agree to the call, as far as their rules are known here. Blocklists go first.
 * @throws {Denial} 403 `callee_blocked`, `caller_blocked`, `callee_denied`, `caller_denied`
 */
export function assertAgreed(
  { frame: caller, rules: callerRules }: { readonly frame: CallingFrame; readonly rules: CallRules | undefined },
  { frame: callee, rules: calleeRules }: { readonly frame: CallFrame; readonly rules: CallRules | undefined },
  transaction?: string,
): void {
  const [callerName, calleeName] = [nameOf(caller), nameOf(callee)];
  const detail = { caller: callerName, callee: calleeName, transaction };
  if (callerRules !== undefined && names(callerRules.blockedCallees, calleeName)) {
    throw callDenial('callee_blocked', detail);
  }
  if (calleeRules !== undefined && names(calleeRules.blockedCallers, callerName)) {
    throw callDenial('caller_blocked', detail);
  }
  if (callerRules?.allowedCallees?.has(calleeName) === false) throw callDenial('callee_denied', detail);
  const { allowedCallers } = calleeRules ?? {};
  if (allowedCallers !== undefined && !names(allowedCallers, callerName)) throw callDenial('caller_denied', detail);
}

function names(list: ReadonlySet<string>, name: string): boolean {
  return list.size > 0 && (list.has(name) || list.has(ANY));
}
