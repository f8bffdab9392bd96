import { hash } from 'node:crypto';
import { Unavailable } from '../denial.js';
import { callback, integer, optional, readOptions } from '../options.js';

/** Remembers what may be used once. Shared between instances, it holds across all of them. */
export interface ReplayStore {
  /**
   * Claims a key until it expires. Atomic: of any number of parallel claims exactly one gets `true`.
   *
   * `holder` says on whose account, where that is proven. A store may limit what one of them holds.
   * @throws {Unavailable} when the store cannot tell: nothing is accepted then
   */
  readonly claim: (key: string, expiresAt: Date, holder?: string) => Promise<boolean>;
}

export interface MemoryReplayOptions {
  /** How many keys are held at the most. Beyond it every claim is `Unavailable`. Default: 1,000,000. */
  readonly max?: number;
  /**
   * How many of them on the account of one holder. Beyond it the claims of this one are `Unavailable`, and those of
   * others are not. Default: a tenth of `max`, and at least 1.
   */
  readonly maxPerHolder?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

const BUCKET_MS = 60_000;
const MAX_AHEAD_MS = 3_600_000;

/** All keys that expire within the same minute, and how many of them each holder has. */
interface Bucket {
  readonly keys: Set<string>;
  readonly counts: Map<string, number>;
}

/**
 * A replay store for one process.
 *
 * Keys are held as SHA-256 digests in one set for each minute of expiry, and a set is dropped as a whole: a claim
 * costs the same whatever the store holds. A full store accepts nothing, so that no flood can wash out a used key; and
 * no holder can fill it alone.
 * @throws {TypeError} when an option is not what it must be
 */
export function memoryReplay(options: MemoryReplayOptions = {}): ReplayStore {
  const checked = readOptions<MemoryReplayOptions>('memoryReplay', options, {
    max: optional(integer(1)),
    maxPerHolder: optional(integer(1)),
    now: optional(callback),
  });
  const { max = 1_000_000, now = () => new Date() } = checked;
  const { maxPerHolder = Math.max(1, Math.floor(max / 10)) } = checked;
  const buckets = new Map<number, Bucket>();

  const claimNow = (key: string, expiresAt: Date, holder: string | undefined): boolean => {
    const time = now().getTime();
    const until = expiresAt.getTime();
    if (!(until > time) || until > time + MAX_AHEAD_MS) return false;
    const digest = hash('sha256', key, 'binary');
    let held = 0;
    let heldByHolder = 0;
    for (const [minute, { keys, counts }] of buckets) {
      if ((minute + 1) * BUCKET_MS <= time) {
        buckets.delete(minute);
        continue;
      }
      if (keys.has(digest)) return false;
      held += keys.size;
      if (holder !== undefined) heldByHolder += counts.get(holder) ?? 0;
    }
    if (held >= max) throw new Unavailable('The replay store is full');
    if (heldByHolder >= maxPerHolder) throw new Unavailable('The replay store holds too much for one signer');
    add(bucketOf(buckets, Math.floor(until / BUCKET_MS)), digest, holder);
    return true;
  };

  return Object.freeze({
    // eslint-disable-next-line @typescript-eslint/require-await -- turns a throw into a rejection
    claim: async (key: string, expiresAt: Date, holder?: string) => claimNow(key, expiresAt, holder),
  });
}

function bucketOf(buckets: Map<number, Bucket>, minute: number): Bucket {
  const known = buckets.get(minute);
  if (known !== undefined) return known;
  const bucket: Bucket = { keys: new Set(), counts: new Map() };
  buckets.set(minute, bucket);
  return bucket;
}

function add({ keys, counts }: Bucket, digest: string, holder: string | undefined): void {
  keys.add(digest);
  if (holder !== undefined) counts.set(holder, (counts.get(holder) ?? 0) + 1);
}
