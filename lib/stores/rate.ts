import { callback, integer, optional, readOptions } from '../options.js';
import { Expiring } from './expiring.js';

/** How often a key was counted in its window. */
export interface RateCount {
  readonly totalHits: number;
  /** When the window of this key ends. */
  readonly resetTime: Date | undefined;
}

/**
 * Counts. The shape of a store for `express-rate-limit` 8: any of them fits as it is.
 *
 * Keys are digests: nothing a client sent, and nothing about the caller, can be read from them.
 */
export interface RateStore {
  /** Called once, before anything is counted, with an object that has `windowMs` and `limit`. */
  readonly init?: (options: never) => void | Promise<void>;
  /** Counts a key, and says how often it was counted in its window. Atomic: no two calls get the same number. */
  readonly increment: (key: string) => RateCount | Promise<RateCount>;
  readonly decrement: (key: string) => void | Promise<void>;
  readonly resetKey: (key: string) => void | Promise<void>;
  readonly resetAll?: () => void | Promise<void>;
  /** Stops timers and closes what is open. Whoever made the store calls it. */
  readonly shutdown?: () => void | Promise<void>;
}

export interface MemoryRateOptions {
  /** How many keys are counted at the most. Beyond it every new one is `Unavailable`. Default: 1,000,000. */
  readonly max?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

interface Window {
  hits: number;
  readonly end: number;
}

/**
 * Counts in the memory of one process, without timers. The window of a key opens with its first use after the last one
 * ended. A full store counts no new key, so that no flood can wash out a count.
 * @throws {TypeError} when an option is not what it must be
 */
export function memoryRate(options: MemoryRateOptions = {}): RateStore {
  const { max = 1_000_000, now = () => new Date() } = readOptions<MemoryRateOptions>('memoryRate', options, {
    max: optional(integer(1)),
    now: optional(callback),
  });
  const windows = new Expiring<Window>(max);
  let windowMs = 0;

  const windowOf = (key: string): Window => {
    const time = now().getTime();
    const known = windows.get(key, time);
    if (known !== undefined) return known;
    const fresh = { hits: 0, end: time + windowMs };
    windows.set(key, fresh, fresh.end, time);
    return fresh;
  };

  return Object.freeze({
    init(given: { readonly windowMs: number }) {
      ({ windowMs } = given);
    },
    increment(key: string) {
      // Without a window nothing would ever be counted twice.
      if (windowMs === 0) throw new TypeError('memoryRate: call init({ windowMs }) first, as rateLimit does');
      const window = windowOf(key);
      window.hits += 1;
      return { totalHits: window.hits, resetTime: new Date(window.end) };
    },
    decrement(key: string) {
      const window = windows.get(key, now().getTime());
      if (window !== undefined && window.hits > 0) window.hits -= 1;
    },
    resetKey(key: string) {
      windows.delete(key);
    },
    resetAll() {
      windows.clear();
    },
  });
}
