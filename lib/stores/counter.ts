import { inTime } from '../inTime.js';
import { isPromise } from '../promise.js';
import { isObject } from '../rpc.js';
import type { RateCount, RateStore } from './rate.js';

export interface CounterOptions {
  readonly windowMs: number;
  readonly limit: number;
  /** How long an answer is waited for, in milliseconds. */
  readonly timeoutMs: number;
}

/** Counts a key. Rejects when the store fails, is late, or says what cannot be. */
export type Counter = (key: string) => Promise<RateCount>;

const starts = new WeakMap<RateStore, Start>();

/**
 * Counts in a store that somebody else may have written.
 * @throws {TypeError} when the store counts in windows of another length already: it knows only one
 */
export function openCounter(store: RateStore, { windowMs, limit, timeoutMs }: CounterOptions): Counter {
  const start = starts.get(store) ?? new Start(store, windowMs, limit);
  if (start.windowMs !== windowMs) {
    throw new TypeError(
      `rateLimit: a store counts in windows of one length, and this one has ${start.windowMs} ms, not ${windowMs} ms; ` +
        `pass a function that makes one for each length, as in store: (windowMs) => new RedisStore({ ... })`,
    );
  }
  starts.set(store, start);

  return async (key) => {
    const attempt = start.attempt();
    try {
      const { pending } = start;
      if (pending !== undefined) await inTime(pending, timeoutMs);
      const count = store.increment(key);
      return checked(isPromise(count) ? await inTime(count, timeoutMs) : count);
    } catch (error) {
      start.failed(attempt);
      throw error;
    }
  };
}

/**
 * The start of a store. One that failed, or whose store failed later, is made again for the next request: a store may
 * keep a failure for good, such as that of loading a script, and nothing should have to be restarted for it.
 */
class Start {
  readonly windowMs: number;
  /** What has to be waited for before anything can be counted. */
  pending: Promise<unknown> | undefined;
  readonly #begin: () => unknown;
  #attempt = 0;
  #again = false;

  constructor(store: RateStore, windowMs: number, limit: number) {
    this.windowMs = windowMs;
    this.#begin = () => store.init?.({ windowMs, limit } as never);
    this.#start();
  }

  /** The number of the start that counts now. */
  attempt(): number {
    if (this.#again) this.#start();
    return this.#attempt;
  }

  /** Many that wait for the same start fail with it, and bring about one more. */
  failed(attempt: number): void {
    if (attempt === this.#attempt) this.#again = true;
  }

  #start(): void {
    this.#attempt += 1;
    this.#again = true;
    const begun = this.#begin();
    this.#again = false;
    this.pending = isPromise(begun) ? begun : undefined;
    this.pending?.then(
      () => {
        if (this.pending === begun) this.pending = undefined;
      },
      () => undefined,
    );
  }
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
