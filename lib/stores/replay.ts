import { hash } from 'node:crypto';
import { Unavailable } from '../denial.js';
import { callback, integer, optional, readOptions } from '../options.js';

/** Remembers what may be used once. Shared between instances, it holds across all of them. */
export interface ReplayStore {
  /**
   * Claims a key until it expires. Atomic: of any number of parallel claims exactly one gets `true`.
   * @throws {Unavailable} when the store cannot tell: nothing is accepted then
   */
  readonly claim: (key: string, expiresAt: Date) => Promise<boolean>;
}

export interface MemoryReplayOptions {
  /** How many keys are held at the most. Beyond it every claim is `Unavailable`. Default: 1,000,000. */
  readonly max?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

const BUCKET_MS = 60_000;
const MAX_AHEAD_MS = 3_600_000;

/**
 * A replay store for one process.
 *
 * Keys are held as SHA-256 digests in one set for each minute of expiry, and a set is dropped as a whole: a claim
 * costs the same whatever the store holds. A full store accepts nothing, so that no flood can wash out a used key.
 */
export function memoryReplay(options: MemoryReplayOptions = {}): ReplayStore {
  const checked = readOptions<MemoryReplayOptions>('memoryReplay', options, {
    max: optional(integer(1)),
    now: optional(callback),
  });
  const { max = 1_000_000, now = () => new Date() } = checked;
  const buckets = new Map<number, Set<string>>();

  const claimNow = (key: string, expiresAt: Date): boolean => {
    const time = now().getTime();
    const until = expiresAt.getTime();
    if (!(until > time) || until > time + MAX_AHEAD_MS) return false;
    let held = 0;
    for (const [minute, keys] of buckets) {
      if ((minute + 1) * BUCKET_MS <= time) buckets.delete(minute);
      else held += keys.size;
    }
    const digest = hash('sha256', key, 'binary');
    for (const keys of buckets.values()) if (keys.has(digest)) return false;
    if (held >= max) throw new Unavailable('The replay store is full');
    const minute = Math.floor(until / BUCKET_MS);
    const bucket = buckets.get(minute);
    if (bucket === undefined) buckets.set(minute, new Set([digest]));
    else bucket.add(digest);
    return true;
  };

  return Object.freeze({
    // eslint-disable-next-line @typescript-eslint/require-await -- turns a throw into a rejection
    claim: async (key: string, expiresAt: Date) => claimNow(key, expiresAt),
  });
}
