import { callDenial } from './denials.js';
import { assertAgreed, type CallRules } from './callRules.js';
import { hasEnded, originOf, type CallStack, type StackOrigin } from './callStack.js';
import { argumentsDigest, hopDigest, MAX_CHAIN, MAX_HOPS, signingInput, type HopClaims } from './hop.js';
import { nameOf, ROOT, type CallFrame } from './names.js';
import { signHop } from './signHop.js';

/** A call that is to be made on another server. */
export interface OutgoingCall {
  readonly callee: CallFrame;
  readonly arguments: unknown;
  readonly calleeKey: string | undefined;
  readonly toolDigest: string | undefined;
}

/**
 * Requires that a stack may call a tool: its own tool allows it, the stack is not too deep, does not have the tool
 * already, and the transaction has calls left.
 * @throws {Denial} 403 `call_ended`, what `assertAgreed` throws, `call_depth_exceeded`, `call_circular`, `fanout_exceeded`
 * @throws {Unavailable} when the calls of the transaction cannot be counted
 */
export async function assertMayCall(
  label: string,
  stack: CallStack,
  callee: { readonly frame: CallFrame; readonly rules: CallRules | undefined },
): Promise<StackOrigin> {
  const origin = originOf(label, stack);
  const { transaction } = stack;
  assertOngoing(stack, origin);
  const frame = stack.frames.at(-1) ?? ROOT;
  const rules = frame === ROOT ? undefined : origin.party.rules.get(frame.tool);
  assertAgreed({ frame, rules }, callee, transaction);
  const name = nameOf(callee.frame);
  if (stack.depth >= stack.maxDepth) {
    throw callDenial('call_depth_exceeded', { reason: origin.limitedBy, transaction, callee: name });
  }
  if (stack.frames.some((one) => nameOf(one) === name)) {
    throw callDenial('call_circular', { transaction, callee: name });
  }
  await origin.spend();
  return origin;
}

/** @throws {Denial} 403 `call_ended` */
export function assertOngoing(stack: CallStack, { party, endsAt }: StackOrigin): void {
  const isLate = endsAt <= party.now().getTime();
  if (isLate || hasEnded(stack)) throw callDenial('call_ended', { transaction: stack.transaction });
}

/**
 * Signs the chain of a call: the hops that came with the request, one for each call within this server since, and one
 * for this call.
 * @throws {Denial} 403 `chain_stale` when the call that this one is made for is too long ago, `chain_broken` when the
 *   caller wants another key to continue, `call_depth_exceeded` when the chain would have too many hops
 * @throws {Unavailable} when the signer cannot reach its keys
 */
export async function signChain(stack: CallStack, call: OutgoingCall): Promise<readonly string[]> {
  const origin = originOf('chainFetch', stack);
  const { party, hops, local } = origin;
  const { transaction } = stack;
  if (party.signer === undefined) throw new TypeError('chainFetch: this server signs no hops: pass identity.signer');
  if (hops.length + local.length >= MAX_HOPS) {
    throw callDenial('call_depth_exceeded', { reason: 'hops', transaction });
  }
  const key = await party.signer.current();
  const leaf = hops.at(-1);
  if (leaf?.nextKey !== undefined && leaf.nextKey !== key.keyId) {
    throw callDenial('chain_broken', { reason: 'key', transaction });
  }
  const times = hopTimes(stack);
  const chain = hops.map(({ token }) => token);
  for (const next of hopsToSign(stack, call)) {
    const parent = chain.at(-1);
    const link = { parent: parent === undefined ? undefined : hopDigest(signingInput(parent)), depth: chain.length };
    chain.push(await signHop({ ...next, ...times, ...link }, key));
  }
  assertSize(chain);
  // The key may have been long in coming.
  assertOngoing(stack, origin);
  return chain;
}

type Unlinked = Omit<HopClaims, 'issuedAt' | 'expiresAt' | 'parent' | 'depth'>;

function hopsToSign(stack: CallStack, call: OutgoingCall): readonly Unlinked[] {
  const { party, hops, local } = originOf('chainFetch', stack);
  const { subject, transaction } = stack;
  // Depths count tools, hops are counted from 0: the difference is the same all along a chain.
  const offset = stack.depth - hops.length - local.length;
  const known = { issuer: party.resource, subject, transaction };
  const within = local.map((one) => ({
    ...known,
    audience: party.resource,
    maxDepth: one.maxDepth - offset - 1,
    permissions: one.permissions,
    nextKey: undefined,
    tool: one.tool,
    argumentsDigest: argumentsDigest(plain(one.arguments)),
    toolDigest: undefined,
  }));
  const leaving = {
    ...known,
    audience: call.callee.resource,
    maxDepth: stack.maxDepth - offset - 1,
    permissions: stack.permissions,
    nextKey: call.calleeKey,
    tool: call.callee.tool,
    argumentsDigest: argumentsDigest(call.arguments),
    toolDigest: call.toolDigest,
  };
  // Only the first hop says which tool it comes from: the hops before the others do.
  const started = hops.length > 0 ? undefined : stack.frames.at(-1 - local.length)?.tool;
  return [...within, leaving].map((one, place) => ({ ...one, caller: place === 0 ? started : undefined }));
}

/** A call within the server can be made with more than JSON can say. */
function plain(args: unknown): unknown {
  return args === undefined ? undefined : (JSON.parse(JSON.stringify(args)) as unknown);
}

/** Clocks differ a little: a hop is never made before the one that it continues, and not long after that ended. */
function hopTimes(stack: CallStack): { readonly issuedAt: number; readonly expiresAt: number } {
  const { party, hops } = originOf('chainFetch', stack);
  const now = Math.floor(party.now().getTime() / 1000);
  const leaf = hops.at(-1);
  if (leaf === undefined) return { issuedAt: now, expiresAt: now + party.lifetime };
  if (now > leaf.expiresAt + party.clockTolerance) {
    throw callDenial('chain_stale', { reason: 'expired', transaction: stack.transaction });
  }
  const issuedAt = Math.min(Math.max(now, leaf.issuedAt), leaf.expiresAt);
  return { issuedAt, expiresAt: issuedAt + party.lifetime };
}

function assertSize(chain: readonly string[]): void {
  const length = chain.reduce((sum, { length: one }) => sum + one, 0);
  if (length > MAX_CHAIN)
    throw new TypeError('chainFetch: the chain is too long to be sent; let tools need fewer permissions');
}
