import { Unavailable } from '../denial.js';

interface Entry<Value> {
  readonly value: Value;
  readonly until: number;
}

/** More than one for each new entry, so that those that expired are gone sooner than new ones come. */
const SWEPT_AT_ONCE = 4;
/** How many are looked at for one for which there is no room. */
const SWEPT_WHEN_FULL = 1000;

/**
 * Values that expire, never more than `max`, and no timer. What is set anew goes to the end, so where all live equally
 * long the oldest come first, and looking at a few of them for each new entry is enough to drop what expired. Where they
 * do not, one that lives long would hide those behind it: a few more are looked at, further on each time.
 */
export class Expiring<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #max: number;
  #ahead: MapIterator<[string, Entry<Value>]>;

  constructor(max: number) {
    this.#max = max;
    this.#ahead = this.#entries.entries();
  }

  get(key: string, time: number): Value | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.until > time ? entry.value : undefined;
  }

  /** @throws {Unavailable} when the store is full: nothing that still counts gives way to something new */
  set(key: string, value: Value, until: number, time: number): void {
    this.#entries.delete(key);
    this.#sweepFront(time);
    this.#sweepAhead(time);
    if (this.#isFull) throw new Unavailable('The store is full');
    this.#entries.set(key, { value, until });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  get #isFull(): boolean {
    return this.#entries.size >= this.#max;
  }

  #sweepFront(time: number): void {
    let left = SWEPT_AT_ONCE;
    for (const [key, { until }] of this.#entries) {
      if (until > time || left === 0) return;
      this.#entries.delete(key);
      left -= 1;
    }
  }

  #sweepAhead(time: number): void {
    for (let looked = 0; looked < SWEPT_AT_ONCE || (this.#isFull && looked < SWEPT_WHEN_FULL); looked += 1) {
      const { value, done } = this.#ahead.next();
      if (done === true) this.#ahead = this.#entries.entries();
      else if (value[1].until <= time) this.#entries.delete(value[0]);
    }
  }
}
