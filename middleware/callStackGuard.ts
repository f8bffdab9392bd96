import { openBudgets } from '../lib/callchain/budget.js';
import { readCallRules } from '../lib/callchain/callRules.js';
import type { CallStack } from '../lib/callchain/callStack.js';
import { callDenial } from '../lib/callchain/denials.js';
import { MAX_HOPS } from '../lib/callchain/hop.js';
import { readIdentity, type CallIdentity } from '../lib/callchain/identity.js';
import { chainOf, receiveCall, type Reception, type ToolCall } from '../lib/callchain/receive.js';
import { namedPeers, openSenders } from '../lib/callchain/senders.js';
import { chainVerifier } from '../lib/callchain/verifyChain.js';
import type { RequestContext } from '../lib/context.js';
import { openTrust, type Trust, type TrustedKeys } from '../lib/keys/trust.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, flag, integer, listOf, object, optional, readOptions, type Check } from '../lib/options.js';
import { isStore } from '../lib/rate/budgets.js';
import type { RpcMessage } from '../lib/rpc.js';
import { memoryRate, type RateStore } from '../lib/stores/rate.js';
import { memoryReplay, type ReplayStore } from '../lib/stores/replay.js';
import { replayStore } from '../lib/stores/storeCheck.js';
import { definedTools, type Tools } from '../lib/tools/defineTools.js';

declare module '../lib/context.js' {
  interface State {
    callStack: CallStack;
  }
}

/** Options of `callStackGuard`. */
export interface CallStackGuardOptions {
  /** What `defineTools` returned: who may call each tool, whom it may call, what it needs, and how deep. */
  readonly tools: Tools;
  /** This server, as it is named in call chains, and what it signs its own calls with. */
  readonly identity: CallIdentity;
  /**
   * The servers and agents that sign call chains, and how their keys are known. Whoever is listed must bring a chain with
   * each call; only those with `mayRoot` may start one. Default: nobody, and no chain is accepted.
   */
  readonly trust?: readonly TrustedKeys[];
  /** How many tools may be in a stack, the called one included, up to 9. Default: 5. */
  readonly maxDepth?: number;
  /** How many calls one transaction may cause at this server, those that it makes included. Default: 100. */
  readonly maxCalls?: number;
  /** How long a hop is valid that this server signs, in seconds up to 300. Default: 60. */
  readonly lifetime?: number;
  /** The longest lifetime of a hop that is accepted, in seconds up to 300. Default: 300. */
  readonly maxAge?: number;
  /** How far the clocks of peers may differ, in seconds up to 60. Default: 30. */
  readonly clockTolerance?: number;
  /**
   * On whose behalf a transaction is that starts here, for all servers it gets to: a name of your own keeps yours from
   * them. Default: the subject of the token, or else the owner of the key that signed.
   */
  readonly subject?: (ctx: RequestContext) => string | undefined;
  /** Whether the token that comes with a chain must be of the chain's subject. Default: false. */
  readonly sameSubject?: boolean;
  /** Where used chains are kept. Default: the memory of this process; several instances need a shared one. */
  readonly replay?: ReplayStore;
  /**
   * Where the calls of transactions that started elsewhere are counted, or a function that makes that for windows of a
   * length in milliseconds. Default: the memory of this process.
   */
  readonly calls?: RateStore | ((windowMs: number) => RateStore);
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** How key sets of peers are fetched. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
}

const counter: Check = (value) =>
  typeof value === 'function' || isStore(value)
    ? undefined
    : 'must be a store for express-rate-limit, or make one, such as redisStores(client).rate';

const NOBODY: Trust = { find: () => Promise.resolve(undefined) };

/**
 * Requires that every tool in the call stack of a `tools/call` agreed to the call, the called one included, and proves
 * which these are: by a chain of signed hops (`typ` `etdi-call+jwt`), the last of them made by whoever is proven to send
 * the request, for this very call, once.
 *
 * May add `callStack`: for each request with one call of a tool. A caller that is not in `trust` and brings no chain is a
 * client on its own account, `@root`. Mount it after `authorizeScopes`: without that, the caller has the scopes of the
 * token as permissions, and none without a token.
 *
 * @throws {Denial} 403: `chain_malformed`, `chain_missing`, `chain_broken`, `chain_stale`, `chain_replayed`,
 *   `chain_untrusted`, `chain_invalid`, `root_denied`, `audience_mismatch`, `tool_mismatch`, `arguments_mismatch`,
 *   `subject_mismatch`, `possession_unproven`, `call_depth_exceeded`, `call_circular`, `caller_blocked`,
 *   `callee_blocked`, `caller_denied`, `callee_denied`, `privilege_escalated`, `fanout_exceeded`, `tool_undefined`,
 *   `argument_denied`; 401 `caller_unproven`; and what reading the body throws
 * @throws {Unavailable} when keys of a peer, the replay store or the count of calls are out of reach
 * @throws {TypeError} when an option is not what it must be
 */
export function callStackGuard(
  options: CallStackGuardOptions,
): Middleware<never, never, 'auth' | 'signature', 'callStack'> {
  const reception = open(options);
  return {
    name: 'callStackGuard',
    needs: [],
    oneOf: ['auth', 'signature'],
    reads: ['auth', 'signature', 'access'],
    adds: [],
    mayAdd: ['callStack'],
    async run(ctx) {
      const calls = (await ctx.request.rpc()).filter(isToolCall);
      // One handler could not be told from another: what leaves the server would carry the stack of the wrong one.
      if (calls.length > 1) assertUnchained(calls);
      const stacks: CallStack[] = [];
      for (const call of calls) stacks.push(await receiveCall(reception, ctx, call));
      const [callStack, ...others] = stacks;
      return callStack === undefined || others.length > 0 ? {} : { callStack };
    },
  };
}

function open(options: CallStackGuardOptions): Reception {
  const given = readOptions<CallStackGuardOptions>('callStackGuard', options, {
    tools: definedTools,
    identity: object,
    trust: optional(listOf(object)),
    maxDepth: optional(integer(1, MAX_HOPS + 1)),
    maxCalls: optional(integer(1)),
    lifetime: optional(integer(1, 300)),
    maxAge: optional(integer(1, 300)),
    clockTolerance: optional(integer(0, 60)),
    subject: optional(callback),
    sameSubject: optional(flag),
    replay: optional(replayStore),
    calls: optional(counter),
    now: optional(callback),
    fetch: optional(callback),
  });
  const { tools, maxDepth = 5, maxCalls = 100, sameSubject = false } = given;
  const { lifetime = 60, maxAge = 300, clockTolerance = 30, now = () => new Date() } = given;
  const trust = namedPeers(given.trust ?? []);
  const { resource, signer } = readIdentity('callStackGuard', given.identity);
  const keys = { option: 'trust', purpose: 'call-chain', fetch: given.fetch ?? fetch, now } as const;
  return {
    party: { resource, signer, tools, rules: readCallRules(tools, resource), lifetime, clockTolerance, now },
    verify: chainVerifier({
      trust: trust.length === 0 ? NOBODY : openTrust('callStackGuard', trust, keys),
      resource,
      maxAge,
      clockTolerance,
      now,
    }),
    senderOf: openSenders('callStackGuard', trust),
    subjectOf: given.subject ?? (({ state: { auth, signature } }) => auth?.subject ?? signature?.owner),
    sameSubject,
    maxDepth,
    maxCalls,
    budgetOf: openBudgets({ store: given.calls ?? memoryRate({ now }), maxCalls, maxAge }),
    replay: given.replay ?? memoryReplay({ now }),
  };
}

function isToolCall(message: RpcMessage): message is ToolCall {
  return message.kind !== 'response' && message.target.kind === 'tool';
}

function assertUnchained(calls: readonly ToolCall[]): void {
  if (calls.some((call) => chainOf(call) !== undefined)) throw callDenial('chain_malformed', { reason: 'batch' });
}
