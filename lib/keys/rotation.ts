import { stateAt, type KeyRecord, type KeyState, type Track } from './keyRecord.js';

type Keys = readonly KeyRecord[];

/** How long a key stays in its states, in milliseconds. */
export interface Policy {
  /** From active to retiring. */
  readonly rotateEvery: number;
  /** From pending to active, at least. */
  readonly publishFor: number;
  /** From retiring to retired. */
  readonly retireAfter: number;
}

const sameTrack = (record: Track, { purpose, algorithm }: Track): boolean =>
  record.purpose === purpose && record.algorithm === algorithm;

function newest(keys: Keys, state: KeyState, time: number): KeyRecord | undefined {
  return keys
    .filter((record) => record.privateJwe !== undefined && stateAt(record, time) === state)
    .reduce<KeyRecord | undefined>((best, one) => (best && best.activeAt > one.activeAt ? best : one), undefined);
}

const ofTrack = (keys: Keys, track: Track): Keys => keys.filter((record) => sameTrack(record, track));

/** The key that signs for a track. */
export function activeKey(keys: Keys, track: Track, time: number): KeyRecord | undefined {
  return newest(ofTrack(keys, track), 'active', time);
}

/** The key that is going to sign for a track. */
export function pendingKey(keys: Keys, track: Track, time: number): KeyRecord | undefined {
  return newest(ofTrack(keys, track), 'pending', time);
}

/** The newest active key of a purpose, whatever its algorithm. */
export function anyActiveKey(keys: Keys, purpose: Track['purpose'], time: number): KeyRecord | undefined {
  return newest(
    keys.filter((record) => record.purpose === purpose),
    'active',
    time,
  );
}

/** Whether a track is due for its next key, which is published before the present one has served its time. */
export function isDue(keys: Keys, track: Track, { rotateEvery, publishFor }: Policy, time: number): boolean {
  const active = activeKey(keys, track, time);
  if (active === undefined || pendingKey(keys, track, time) !== undefined) return false;
  return time >= active.activeAt + rotateEvery - publishFor;
}

/** Adds a key. Whatever signs for its track stops when the new key starts. */
export function addKey(keys: Keys, fresh: KeyRecord, retireAfter: number): Keys {
  return [...endAt(keys, (one) => sameTrack(one, fresh), fresh.activeAt, retireAfter), fresh];
}

/** Lets a pending key start now. */
export function promote(keys: Keys, { keyId, ...track }: KeyRecord, time: number, retireAfter: number): Keys {
  return endAt(keys, (one) => one.keyId !== keyId && sameTrack(one, track), time, retireAfter).map((one) =>
    one.keyId === keyId ? { ...one, activeAt: time } : one,
  );
}

/** Whether `endOthers` has anything to end. */
export function hasOthers(keys: Keys, purpose: Track['purpose'], algorithms: readonly string[], time: number): boolean {
  return keys.some((one) => isOther(one, purpose, algorithms, time));
}

/** Ends the active keys of a purpose whose algorithm is no longer wanted. */
export function endOthers(
  keys: Keys,
  purpose: Track['purpose'],
  algorithms: readonly string[],
  time: number,
  retireAfter: number,
): Keys {
  return endAt(keys, (one) => isOther(one, purpose, algorithms, time), time, retireAfter);
}

function isOther(one: KeyRecord, purpose: Track['purpose'], algorithms: readonly string[], time: number): boolean {
  return one.purpose === purpose && !algorithms.includes(one.algorithm) && stateAt(one, time) === 'active';
}

function endAt(keys: Keys, matches: (one: KeyRecord) => boolean, end: number, retireAfter: number): Keys {
  return keys.map((one) =>
    one.revokedAt === undefined && (one.retiringAt ?? Infinity) > end && matches(one)
      ? { ...one, retiringAt: end, retiredAt: end + retireAfter }
      : one,
  );
}

/** Takes a key out for good. The key that it was going to replace goes on. */
export function revoke(keys: Keys, revoked: KeyRecord, time: number): Keys {
  const waited = stateAt(revoked, time) === 'pending';
  return keys.map((one) => {
    if (one.keyId === revoked.keyId) return { ...one, revokedAt: time };
    return waited && sameTrack(one, revoked) && one.retiringAt === revoked.activeAt ? reopen(one) : one;
  });
}

function reopen({ retiringAt: _end, retiredAt: _gone, ...rest }: KeyRecord): KeyRecord {
  return rest;
}

/** Drops the private half of keys that will never sign again. The same list when there is none. */
export function forgetPrivate(keys: Keys, time: number): Keys {
  const isOver = (record: KeyRecord): boolean =>
    record.privateJwe !== undefined && ['retired', 'revoked'].includes(stateAt(record, time));
  return keys.some(isOver) ? keys.map((record) => (isOver(record) ? withoutPrivate(record) : record)) : keys;
}

function withoutPrivate({ privateJwe: _erased, ...rest }: KeyRecord): KeyRecord {
  return rest;
}
