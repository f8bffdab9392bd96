import type { KeyAlgorithm } from './algorithms.js';
import { stateAt, type KeyPurpose, type KeyRecord, type Track } from './keyRecord.js';
import {
  activeKey,
  addKey,
  anyActiveKey,
  endOthers,
  forgetPrivate,
  hasOthers,
  isDue,
  pendingKey,
  promote,
  revoke,
  type Policy,
} from './rotation.js';

type Keys = readonly KeyRecord[];

/** What a change needs to know. */
export interface Circumstances {
  readonly time: number;
  readonly policyOf: (purpose: KeyPurpose) => Policy;
  readonly algorithmsOf: (purpose: KeyPurpose) => readonly KeyAlgorithm[];
  /** A new key, which signs after so many milliseconds. */
  readonly generate: (track: Track, wait: number) => Promise<KeyRecord>;
}

/** Which key to sign with. */
export interface Wanted extends Track {
  /** Whether a key of another algorithm will do until the first one of this algorithm was published for long enough. */
  readonly mayBridge: boolean;
}

/** The key that signs now, if there is one. */
export function chooseKey(keys: Keys, wanted: Wanted, time: number): KeyRecord | undefined {
  const active = activeKey(keys, wanted, time);
  if (active !== undefined || !wanted.mayBridge || pendingKey(keys, wanted, time) === undefined) return active;
  return anyActiveKey(keys, wanted.purpose, time);
}

/** Adds a key to sign with, unless there is one. */
export async function withFirstKey(keys: Keys, wanted: Wanted, now: Circumstances): Promise<Keys | undefined> {
  if (chooseKey(keys, wanted, now.time) !== undefined) return undefined;
  const { publishFor, retireAfter } = now.policyOf(wanted.purpose);
  const pending = pendingKey(keys, wanted, now.time);
  if (pending !== undefined) return promote(keys, pending, now.time, retireAfter);
  const isBridged = wanted.mayBridge && anyActiveKey(keys, wanted.purpose, now.time) !== undefined;
  return addKey(keys, await now.generate(wanted, isBridged ? publishFor : 0), retireAfter);
}

/** Adds the next key of a track, to sign after it was published for a while, or now. */
export async function withNextKey(
  keys: Keys,
  track: Track,
  immediately: boolean,
  now: Circumstances,
): Promise<Keys | undefined> {
  const { publishFor, retireAfter } = now.policyOf(track.purpose);
  const pending = pendingKey(keys, track, now.time);
  if (pending !== undefined) return immediately ? promote(keys, pending, now.time, retireAfter) : undefined;
  const isFirst = activeKey(keys, track, now.time) === undefined;
  return addKey(keys, await now.generate(track, immediately || isFirst ? 0 : publishFor), retireAfter);
}

/** Takes a key out. When it was the one that signs, its successor starts now. */
export async function withoutKey(keys: Keys, record: KeyRecord, now: Circumstances): Promise<Keys | undefined> {
  if (record.revokedAt !== undefined) return undefined;
  const rest = revoke(keys, record, now.time);
  if (stateAt(record, now.time) !== 'active') return rest;
  const { retireAfter } = now.policyOf(record.purpose);
  const pending = pendingKey(rest, record, now.time);
  if (pending !== undefined) return promote(rest, pending, now.time, retireAfter);
  return addKey(rest, await now.generate(record, 0), retireAfter);
}

/** Whether time alone makes a change due. */
export function isBehind(keys: Keys, track: Track, now: Circumstances): boolean {
  const { time, policyOf, algorithmsOf } = now;
  return (
    isDue(keys, track, policyOf(track.purpose), time) ||
    hasFormerAlgorithms(keys, track, algorithmsOf(track.purpose), time) ||
    forgetPrivate(keys, time) !== keys
  );
}

/** Does what is due. */
export async function caughtUp(keys: Keys, track: Track, now: Circumstances): Promise<Keys | undefined> {
  if (!isBehind(keys, track, now)) return undefined;
  const policy = now.policyOf(track.purpose);
  const algorithms = now.algorithmsOf(track.purpose);
  const rest = hasFormerAlgorithms(keys, track, algorithms, now.time)
    ? endOthers(keys, track.purpose, algorithms, now.time, policy.retireAfter)
    : keys;
  if (!isDue(rest, track, policy, now.time)) return rest;
  return addKey(rest, await now.generate(track, policy.publishFor), policy.retireAfter);
}

function hasFormerAlgorithms(keys: Keys, track: Track, algorithms: readonly KeyAlgorithm[], time: number): boolean {
  return activeKey(keys, track, time) !== undefined && hasOthers(keys, track.purpose, algorithms, time);
}
