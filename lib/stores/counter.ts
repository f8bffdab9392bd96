import { isPromise } from '../promise.js';
import { isObject } from '../rpc.js';
import { inTime } from './inTime.js';
import type { RateCount, RateStore } from './rate.js';

export interface CounterOptions {
  readonly windowMs: number;
  readonly limit: number;
  /** How long an answer is waited for, in milliseconds. */
  readonly timeoutMs: number;
}

/** Counts a key. Rejects when the store fails, is late, or says what cannot be. */
export type Counter = (key: string) => Promise<RateCount>;

const windows = new WeakMap<RateStore, number>();

/**
 * Counts in a store that somebody else may have written.
 * @throws {TypeError} when the store counts in windows of another length already: it knows only one
 */
export function openCounter(store: RateStore, { windowMs, limit, timeoutMs }: CounterOptions): Counter {
  const known = windows.get(store);
  if (known !== undefined && known !== windowMs) {
    throw new TypeError(
      `rateLimit: a store counts in windows of one length, and this one has ${known} ms, not ${windowMs} ms; ` +
        `pass a function that makes one for each length, as in store: (windowMs) => new RedisStore({ ... })`,
    );
  }
  windows.set(store, windowMs);
  const init = (): Promise<void> | undefined => {
    const started = store.init?.({ windowMs, limit } as never);
    if (!isPromise(started)) return undefined;
    started.then(undefined, () => undefined);
    return started;
  };
  let ready = known === undefined ? init() : undefined;

  /** A start that failed is tried again for the next request, so that nothing has to be restarted. */
  const started = async (start: Promise<void>): Promise<void> => {
    try {
      await inTime(start, timeoutMs);
    } catch (error) {
      if (ready === start) ready = init();
      throw error;
    }
  };

  return async (key) => {
    if (ready !== undefined) await started(ready);
    const count = store.increment(key);
    return checked(isPromise(count) ? await inTime(count, timeoutMs) : count);
  };
}

/** A copy: some stores give out what they go on counting with. */
function checked(count: unknown): RateCount {
  const { totalHits, resetTime } = isObject(count) ? count : {};
  if (!Number.isSafeInteger(totalHits) || (totalHits as number) < 1) {
    throw new TypeError('the store did not say how often it counted');
  }
  const isTime = resetTime instanceof Date && !Number.isNaN(resetTime.getTime());
  return { totalHits: totalHits as number, resetTime: isTime ? resetTime : undefined };
}
