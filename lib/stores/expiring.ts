import { Unavailable } from '../denial.js';

interface Entry<Value> {
  readonly value: Value;
  readonly until: number;
}

/** More than one for each new entry, so that those that expired are gone sooner than new ones come. */
const SWEPT_AT_ONCE = 4;

/**
 * Values that expire, never more than `max`, and no timer. What is set anew goes to the end, so where all live equally
 * long the oldest come first, and looking at a few of them for each new entry is enough to drop what expired.
 */
export class Expiring<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string, time: number): Value | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.until > time ? entry.value : undefined;
  }

  /** @throws {Unavailable} when the store is full: nothing that still counts gives way to something new */
  set(key: string, value: Value, until: number, time: number): void {
    this.#entries.delete(key);
    this.#sweep(time);
    if (this.#entries.size >= this.#max) throw new Unavailable('The store is full');
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

  #sweep(time: number): void {
    let left = SWEPT_AT_ONCE;
    for (const [key, { until }] of this.#entries) {
      if (until > time || left === 0) return;
      this.#entries.delete(key);
      left -= 1;
    }
  }
}
