import { callback, optional, readOptions, type Check } from '../options.js';
import { memoryApprovals } from './approvals.js';
import { memoryRate, type RateStore } from './rate.js';
import { memoryReplay } from './replay.js';
import { memoryRevocations } from './revocations.js';
import { memorySessions } from './sessions.js';
import type { Stores } from './stores.js';

export interface MemoryStoresOptions {
  /**
   * Say `true`: this server runs as one process, and may forget everything when it is restarted. With two, a signature
   * that one has seen is new to the other.
   */
  readonly singleProcess: true;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** What was made here: nothing else about a store says where it keeps what it knows. */
const inMemory = new WeakSet<object>();

/** Whether any of these stores is in the memory of this process. */
export function areInMemory(stores: object): boolean {
  return Object.values(stores).some((one: unknown) => typeof one === 'object' && one !== null && inMemory.has(one));
}

const yes: Check = (value) => (value === true ? undefined : 'must be true; several processes need redisStores(client)');

/**
 * Stores in the memory of one process.
 * @throws {TypeError} unless `singleProcess` is true
 */
export function memoryStores(options: MemoryStoresOptions): Stores {
  const { now = () => new Date() } = readOptions<MemoryStoresOptions>('memoryStores', options, {
    singleProcess: yes,
    now: optional(callback),
  });
  const counters = new Map<number, RateStore>();
  const stores = {
    approvals: memoryApprovals(),
    rate: (windowMs: number) => {
      const known = counters.get(windowMs) ?? memoryRate({ now });
      counters.set(windowMs, known);
      return known;
    },
    replay: memoryReplay({ now }),
    revocations: memoryRevocations({ now }),
    sessions: memorySessions({ now }),
  };
  for (const one of [stores.approvals, stores.replay, stores.revocations, stores.sessions]) inMemory.add(one);
  return Object.freeze(stores);
}
