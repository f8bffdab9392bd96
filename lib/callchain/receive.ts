import { randomUUID } from 'node:crypto';
import type { RequestContext } from '../context.js';
import { metaOf } from '../definitions/form.js';
import { tellCall } from '../exchange.js';
import type { ReplayStore } from '../stores/replay.js';
import type { RpcNotification, RpcRequest } from '../rpc.js';
import type { Caller } from '../tools/caller.js';
import { permissionsOf, undefinedDenial, type Case } from '../tools/judge.js';
import type { ToolPolicy } from '../tools/policies.js';
import { ownBudget, type openBudgets } from './budget.js';
import { assertAgreed, type CallRules } from './callRules.js';
import { openStack, type CallParty, type CallStack, type DepthLimit, type StackOrigin } from './callStack.js';
import { callDenial } from './denials.js';
import { CALL_CHAIN, type Hop } from './hop.js';
import { framesOf, isCircular } from './links.js';
import { nameOf, ROOT, type CallFrame } from './names.js';
import { rightsOf } from './rights.js';
import type { SenderOf } from './senders.js';
import type { VerifyChain } from './verifyChain.js';

/** What decides over calls that arrive. */
export interface Reception {
  readonly party: CallParty;
  readonly verify: VerifyChain;
  readonly senderOf: SenderOf;
  readonly subjectOf: (ctx: RequestContext) => string | undefined;
  readonly sameSubject: boolean;
  readonly maxDepth: number;
  readonly maxCalls: number;
  readonly budgetOf: ReturnType<typeof openBudgets>;
  readonly replay: ReplayStore;
}

/** A call of a tool, as it arrived. */
export type ToolCall = RpcRequest | RpcNotification;

interface Arrival {
  readonly ctx: RequestContext;
  readonly frame: CallFrame;
  readonly rules: CallRules;
  readonly caller: Caller;
  readonly required: readonly string[];
}

/** The chain of a call, whatever it is, or nothing. */
export function chainOf({ params }: ToolCall): unknown {
  const meta = metaOf(params);
  return meta !== undefined && Object.hasOwn(meta, CALL_CHAIN) ? meta[CALL_CHAIN] : undefined;
}

/**
 * Proves which tools called each other to make a call, and that each agreed.
 * @throws {Denial} 403, each code for one reason
 * @throws {Unavailable} when keys, the count of calls or the replay store are out of reach
 */
export async function receiveCall(reception: Reception, ctx: RequestContext, call: ToolCall): Promise<CallStack> {
  const { party, senderOf } = reception;
  const { target, params } = call;
  const policy = party.tools?.get(target.name);
  const rules = party.rules.get(target.name);
  if (policy === undefined || rules === undefined) throw undefinedDenial('tool');
  const caller = rightsOf(ctx.state);
  const arrival: Arrival = {
    ctx,
    frame: Object.freeze({ resource: party.resource, tool: target.name }),
    rules,
    caller,
    required: permissionsOf([caseOf(call, policy)], caller),
  };
  const chain = chainOf(call);
  const sender = senderOf(ctx.state);
  if (chain !== undefined) {
    const hops = await reception.verify(chain, { tool: target.name, params, sender });
    return continued(reception, arrival, hops);
  }
  if (sender !== undefined) throw callDenial('chain_missing', { caller: sender });
  return started(reception, arrival);
}

function caseOf({ method, target, params }: ToolCall, policy: ToolPolicy): Case {
  return { use: { method, target, arguments: params['arguments'] }, rules: [{ policy }] };
}

/** A call that no tool made starts a transaction. */
function started(reception: Reception, arrival: Arrival): CallStack {
  const { party, maxDepth, maxCalls, subjectOf } = reception;
  const { ctx, frame, rules, required } = arrival;
  assertAgreed({ frame: ROOT, rules: undefined }, arrival);
  assertHeld(arrival);
  const transaction = randomUUID();
  const limit = limitOf([
    { from: 'policy', depth: maxDepth },
    { from: 'tool', depth: rules.maxDepth },
  ]);
  const shown = {
    transaction,
    subject: subjectOf(ctx),
    root: party.resource,
    depth: 1,
    maxDepth: limit.depth,
    frames: Object.freeze([frame]),
    caller: ROOT,
    permissions: required,
  } as const;
  return openStack(
    shown,
    originOfCall(arrival, party, { hops: [], limitedBy: limit.from, spend: ownBudget(maxCalls, transaction) }),
  );
}

/** A call that a tool made continues one. What it uses up is claimed last. */
async function continued(
  reception: Reception,
  arrival: Arrival,
  hops: Awaited<ReturnType<VerifyChain>>,
): Promise<CallStack> {
  const { party, budgetOf } = reception;
  const [first] = hops;
  const leaf = hops.at(-1) ?? first;
  const { frames, caller } = framesOf(hops);
  const { transaction } = first;
  const depth = frames.length;
  const limits = limitsOf(reception, frames, leaf);
  for (const { from, depth: most } of limits) {
    if (depth > most) throw callDenial('call_depth_exceeded', { reason: from, transaction });
  }
  if (isCircular(frames)) throw callDenial('call_circular', { transaction });
  const callerRules = caller !== ROOT && caller.resource === party.resource ? party.rules.get(caller.tool) : undefined;
  assertAgreed({ frame: caller, rules: callerRules }, arrival, transaction);
  assertSubject(reception, arrival, leaf);
  assertHeld(arrival, leaf.permissions, transaction);
  const spend = budgetOf(first.issuer, transaction);
  await spend();
  await claim(reception, leaf);
  const limit = limitOf(limits);
  const { required } = arrival;
  const shown = {
    transaction,
    subject: first.subject,
    root: first.issuer,
    depth,
    maxDepth: limit.depth,
    frames,
    caller,
    permissions: required,
  };
  return openStack(shown, originOfCall(arrival, party, { hops, limitedBy: limit.from, spend }));
}

interface Limit {
  readonly from: DepthLimit;
  readonly depth: number;
}

/** How deep the stack may be: by this server, by each of its tools that is in it, and by those that signed the chain. */
function limitsOf({ party, maxDepth }: Reception, frames: readonly CallFrame[], leaf: Hop): readonly Limit[] {
  const limits: Limit[] = [
    { from: 'policy', depth: maxDepth },
    { from: 'chain', depth: frames.length + leaf.maxDepth - leaf.depth },
  ];
  frames.forEach(({ resource, tool }, place) => {
    const budget = resource === party.resource ? party.rules.get(tool)?.maxDepth : undefined;
    if (budget !== undefined) limits.push({ from: 'tool', depth: place + budget });
  });
  return limits;
}

function limitOf(limits: readonly Limit[]): Limit {
  return limits.reduce((least, one) => (one.depth < least.depth ? one : least));
}

/** What a tool needs must be within the rights of whoever calls, and of every tool before it. */
function assertHeld(
  { required, caller, frame }: Arrival,
  delegated: readonly string[] = required,
  transaction?: string,
): void {
  const missing = required.filter((one) => !delegated.includes(one) || !caller.permissions.has(one));
  if (missing.length === 0) return;
  const granted = delegated.filter(caller.permissions.has);
  throw callDenial('privilege_escalated', { required, granted, missing, callee: nameOf(frame), transaction });
}

/** Only a token of a user says who that is: of a client that calls for itself the chain knows more. */
function assertSubject({ sameSubject }: Reception, { caller: { auth } }: Arrival, { subject, transaction }: Hop): void {
  if (sameSubject && auth?.subject !== subject) throw callDenial('subject_mismatch', { transaction });
}

async function claim({ party, replay }: Reception, { issuer, id, expiresAt, transaction }: Hop): Promise<void> {
  const until = new Date((expiresAt + party.clockTolerance) * 1000);
  if (!(await replay.claim(`call:${issuer}:${id}`, until, issuer))) throw callDenial('chain_replayed', { transaction });
}

/** A handler may go on after its response. What was proven for it does not hold for ever. */
const LONGEST_MS = 3_600_000;

function endOf({ auth }: Caller, { now, clockTolerance }: CallParty): number {
  const expiresAt = auth === undefined ? Infinity : (auth.expiresAt + clockTolerance) * 1000;
  return Math.min(expiresAt, now().getTime() + LONGEST_MS);
}

function originOfCall(
  { ctx, caller }: Arrival,
  party: CallParty,
  { hops, limitedBy, spend }: Pick<StackOrigin, 'hops' | 'limitedBy' | 'spend'>,
): StackOrigin {
  const credentials = credentialsOf(ctx);
  return {
    party,
    hops,
    local: [],
    limitedBy,
    endsAt: endOf(caller, party),
    tell: (call) => {
      tellCall(ctx, call);
    },
    spend,
    caller,
    signed: ctx.state.signature !== undefined,
    credentials,
    trace: traceOf(ctx, credentials),
  };
}

/** Without the scheme: a credential is one in front of whatever name. */
function credentialsOf({ request: { headers } }: RequestContext): readonly string[] {
  const lines = headers['authorization'] ?? [];
  return lines.map((line) => line.trim().replace(/^\S+ +/, '')).filter((one) => one !== '');
}

const TRACE = { traceparent: /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/, tracestate: /^[\x20-\x7e]{1,512}$/ };

/**
 * What is not of its form (W3C Trace Context), or holds a credential, is left out. Whoever called may have made it up: it
 * proves nothing.
 */
function traceOf({ request: { headers } }: RequestContext, credentials: readonly string[]): StackOrigin['trace'] {
  const [parent, ...others] = headers['traceparent'] ?? [];
  if (parent === undefined || others.length > 0 || !TRACE.traceparent.test(parent)) return {};
  const state = (headers['tracestate'] ?? []).join(',');
  const isFit = TRACE.tracestate.test(state) && !credentials.some((one) => state.includes(one));
  return { traceparent: parent, ...(isFit ? { tracestate: state } : {}) };
}
