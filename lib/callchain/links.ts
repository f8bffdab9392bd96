import { callDenial } from './denials.js';
import { hopDigest, type Hop } from './hop.js';
import type { CallFrame, CallingFrame } from './names.js';
import { ROOT } from './names.js';

/** How old and how long hops may be. Seconds. */
export interface HopTimes {
  /** The longest lifetime of a hop. */
  readonly maxAge: number;
  readonly clockTolerance: number;
}

/**
 * Requires that each hop continues the one before it: names it by its digest, is made by whoever it called, and takes
 * less or the same of everything, never more.
 * @throws {Denial} 403 `chain_broken`
 */
export function assertLinked(hops: readonly Hop[]): void {
  if (hops.some((hop, place) => hops.findIndex(({ issuer, id }) => id === hop.id && issuer === hop.issuer) < place)) {
    throw broken('jti');
  }
  hops.forEach((hop, place) => {
    const parent = place === 0 ? undefined : hops[place - 1];
    if (hop.depth !== place) throw broken('depth');
    if (parent === undefined) assertFirst(hop);
    else assertContinues(hop, parent);
  });
}

function assertFirst({ parent }: Hop): void {
  if (parent !== undefined) throw broken('par_hash');
}

function assertContinues(hop: Hop, parent: Hop): void {
  if (hop.parent !== hopDigest(parent.signed)) throw broken('par_hash');
  if (hop.issuer !== parent.audience) throw broken('issuer');
  if (parent.nextKey !== undefined && hop.keyId !== parent.nextKey) throw broken('key');
  if (hop.caller !== undefined) throw broken('caller');
  if (hop.maxDepth > parent.maxDepth) throw broken('limit');
  if (hop.issuedAt < parent.issuedAt || hop.issuedAt > parent.expiresAt) throw broken('time');
  if (hop.transaction !== parent.transaction) throw broken('transaction');
  if (hop.subject !== parent.subject) throw broken('subject');
  if (!hop.permissions.every((one) => parent.permissions.includes(one))) throw broken('scope');
}

/**
 * Requires that no hop lives too long or is from the future, and that the last is unexpired: those before it were when
 * the next was made.
 * @throws {Denial} 403 `chain_stale`
 */
export function assertTimely(hops: readonly Hop[], { maxAge, clockTolerance }: HopTimes, now: number): void {
  for (const { issuedAt, expiresAt } of hops) {
    if (expiresAt - issuedAt > maxAge) throw callDenial('chain_stale', { reason: 'lifetime' });
    if (issuedAt > now + clockTolerance) throw callDenial('chain_stale', { reason: 'premature' });
  }
  const leaf = hops.at(-1);
  if (leaf === undefined || leaf.expiresAt + clockTolerance <= now)
    throw callDenial('chain_stale', { reason: 'expired' });
}

/** The tools that a chain goes through, outermost first, and who calls the last of them. */
export function framesOf(hops: readonly Hop[]): {
  readonly frames: readonly CallFrame[];
  readonly caller: CallingFrame;
} {
  const [first] = hops;
  const frames: CallFrame[] = [];
  if (first?.caller !== undefined) frames.push(Object.freeze({ resource: first.issuer, tool: first.caller }));
  for (const { audience, tool } of hops) frames.push(Object.freeze({ resource: audience, tool }));
  return { frames: Object.freeze(frames), caller: frames.at(-2) ?? ROOT };
}

/** Whether a tool is in a stack more than once. */
export function isCircular(frames: readonly CallFrame[]): boolean {
  return frames.some((frame, place) => frames.findIndex((other) => isSame(other, frame)) < place);
}

function isSame(one: CallFrame, other: CallFrame): boolean {
  return one.tool === other.tool && one.resource === other.resource;
}

function broken(reason: string): Error {
  return callDenial('chain_broken', { reason });
}
