import { challenge } from '../challenge.js';
import { contextOf, withContext } from '../handOver.js';
import { callback, integer, object, optional, readOptions } from '../options.js';
import type { Caller } from '../tools/caller.js';
import {
  assertAllowed,
  assertRoles,
  assertUnsigned,
  permissionsOf,
  undefinedDenial,
  type Case,
} from '../tools/judge.js';
import { assertSignedIn, signInOf } from '../tools/stepUp.js';
import { endStack, openStack, originOf, type CallStack } from './callStack.js';
import { callDenial } from './denials.js';
import { assertMayCall, assertOngoing } from './extend.js';
import { ROOT } from './names.js';
import { callReport, reportingDenial } from './report.js';

/** Options of `callTool`. */
export interface CallToolOptions {
  /** Ends the call. That of the calling tool does as well. */
  readonly signal?: AbortSignal;
  /** How long the call may take, in milliseconds up to 2,147,483,647. Default: as long as it takes. */
  readonly timeoutMs?: number;
}

/** What tool handlers get, as far as a call within the server replaces it. */
interface HandlerSource {
  readonly signal?: AbortSignal;
  readonly mcpReq?: { readonly signal?: AbortSignal };
}

/** Timers of Node wait no longer. */
const MOST_MS = 2 ** 31 - 1;

/** It reaches no client from here: the calling tool has its own answer. */
const SIGN_IN = challenge('Bearer', { error: 'insufficient_user_authentication' });

/**
 * Calls a tool of the same server from a tool, under the rules for both of them.
 *
 * `source` is what the calling handler got, `handler` the function that is registered for the tool. It gets a source of
 * its own: `contextOf` finds the call stack of this call in it. Once the call is over, be it returned, thrown, aborted or
 * late, that stack makes no further calls.
 * @returns what the handler returned
 * @throws {Denial} 403: `call_ended`, `callee_blocked`, `caller_blocked`, `callee_denied`, `caller_denied`,
 *   `call_depth_exceeded`, `call_circular`, `fanout_exceeded`, `privilege_escalated`, `tool_undefined`, and what the
 *   policy of the tool is denied with: `role_insufficient`, `signature_required`, `authentication_impossible`,
 *   `argument_denied`; 401 `authentication_insufficient`
 * @throws {DOMException} `AbortError` and `TimeoutError`, or the reason that the signal was given
 * @throws {TypeError} when the request did not pass `callStackGuard`, or an option is not what it must be
 */
export async function callTool<Source extends object, Args extends object, Result>(
  source: Source,
  tool: string,
  args: Args,
  handler: (args: Args, source: Source) => Result | Promise<Result>,
  options: CallToolOptions = {},
): Promise<Result> {
  const { signal, timeoutMs } = readOptions<CallToolOptions>('callTool', options, {
    signal: optional(object),
    timeoutMs: optional(integer(1, MOST_MS)),
  });
  if (callback(handler) !== undefined) throw new TypeError("callTool: 'handler' must be a function");
  const ctx = contextOf(source, 'callStack');
  const stack = ctx.state.callStack;
  const report = callReport('callTool', stack, { tool, arguments: args });
  const callStack = await reportingDenial('callTool', report, () => enter(stack, tool, args));
  const outer = signalOf(source);
  const signals = [outer, signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)];
  const within = AbortSignal.any(signals.filter((one) => one !== undefined));
  const inner = withSignal(withContext(source, { callStack }), within);
  report('started');
  try {
    within.throwIfAborted();
    const result = await unlessAborted(Promise.resolve(handler(args, inner)), within);
    report('succeeded', { result });
    return result;
  } catch (error) {
    report('failed');
    throw error;
  } finally {
    endStack(callStack);
  }
}

/** The stack of a call within the server, if all rules allow the call. */
async function enter(stack: CallStack, tool: string, args: object): Promise<CallStack> {
  const origin = originOf('callTool', stack);
  const { party, caller } = origin;
  const policy = party.tools?.get(tool);
  const rules = party.rules.get(tool);
  if (policy === undefined || rules === undefined || caller === undefined) {
    throw undefinedDenial('tool');
  }
  const frame = Object.freeze({ resource: party.resource, tool });
  await assertMayCall('callTool', stack, { frame, rules });
  const use = { method: 'tools/call', target: { kind: 'tool', name: tool }, arguments: args } as const;
  const required = await assertPolicy(stack, { use, rules: [{ policy }] }, caller);
  // It may have ended while it was asked what it may.
  assertOngoing(stack, origin);
  const budget = stack.depth + rules.maxDepth;
  const maxDepth = Math.min(stack.maxDepth, budget);
  const shown: CallStack = {
    ...stack,
    depth: stack.depth + 1,
    maxDepth,
    frames: Object.freeze([...stack.frames, frame]),
    caller: stack.frames.at(-1) ?? ROOT,
    permissions: required,
  };
  return openStack(shown, {
    ...origin,
    within: stack,
    local: [...origin.local, { tool, arguments: args, permissions: required, maxDepth }],
    limitedBy: budget < stack.maxDepth ? 'tool' : origin.limitedBy,
  });
}

/** All that `authorizeScopes` asks of a call that arrives, and that the calling tool may hand on what is needed. */
async function assertPolicy(stack: CallStack, one: Case, caller: Caller): Promise<readonly string[]> {
  const { party, signed } = originOf('callTool', stack);
  const required = permissionsOf([one], caller);
  const missing = required.filter((permission) => !stack.permissions.includes(permission));
  if (missing.length > 0) {
    const granted = stack.permissions;
    throw callDenial('privilege_escalated', { required, granted, missing, transaction: stack.transaction });
  }
  if (!signed) assertUnsigned([one]);
  assertRoles([one], caller);
  const signIn = signInOf([one]);
  if (signIn !== undefined) assertSignedIn(signIn, caller, party.now(), () => SIGN_IN);
  await assertAllowed(one, caller);
  return required;
}

function signalOf({ signal, mcpReq }: HandlerSource): AbortSignal | undefined {
  return mcpReq?.signal ?? signal;
}

/** Both SDK lines tell a handler by a signal that its call was cancelled. */
function withSignal<Source extends object>(source: Source, signal: AbortSignal): Source {
  const { mcpReq } = source as HandlerSource;
  const [name, value] = mcpReq === undefined ? ['signal', signal] : ['mcpReq', { ...mcpReq, signal }];
  // Defined and not assigned: the one behind may have no setter.
  return Object.defineProperty(source, name, { value, enumerable: true });
}

/** A handler that does not listen is not waited for, and what it makes of it is nobody's business any more. */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}
