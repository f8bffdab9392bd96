import { addTo, noOutcomes, type Ending, type Outcomes } from './outcomes.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How wide a bar may be, in milliseconds. Each is a multiple of the one before, so that bars can be joined. */
const WIDTHS = [
  ...[1000, 5000, 15_000, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR],
  ...[12 * HOUR, DAY, 7 * DAY, 28 * DAY, 364 * DAY],
];
const MOST_BARS = 96;

/** One bar. */
export interface Slot {
  /** When it begins, in milliseconds since 1970. */
  readonly time: number;
  readonly outcomes: Outcomes;
}

/** Counts over time, in at most 96 bars, whatever the time is that they span and whatever their order. */
export class Timeline {
  #slots = new Map<number, Outcomes>();
  #step = 0;
  #first = Infinity;
  #last = -Infinity;

  /** The width of a bar in milliseconds. */
  get width(): number {
    const last = WIDTHS.length - 1;
    return this.#step <= last ? (WIDTHS[this.#step] ?? 0) : (WIDTHS[last] ?? 0) * 2 ** (this.#step - last);
  }

  add(time: number, outcome: Ending): void {
    this.#first = Math.min(this.#first, time);
    this.#last = Math.max(this.#last, time);
    while (this.#count() > MOST_BARS) this.#widen();
    this.#at(Math.floor(time / this.width))[outcome] += 1;
  }

  /** When the last request was. */
  get last(): number {
    return this.#last;
  }

  /** How many there were in all. */
  total(): Outcomes {
    const sum = noOutcomes();
    for (const outcomes of this.#slots.values()) addTo(sum, outcomes);
    return sum;
  }

  /** Every bar from the first to the last, empty ones included. */
  slots(): readonly Slot[] {
    const count = this.#first === Infinity ? 0 : this.#count();
    const begin = Math.floor(this.#first / this.width);
    return Array.from({ length: count }, (_, index) => ({
      time: (begin + index) * this.width,
      outcomes: this.#slots.get(begin + index) ?? noOutcomes(),
    }));
  }

  #count(): number {
    return Math.floor(this.#last / this.width) - Math.floor(this.#first / this.width) + 1;
  }

  #widen(): void {
    const [narrow, before] = [this.width, this.#slots];
    this.#step += 1;
    this.#slots = new Map();
    for (const [index, outcomes] of before) addTo(this.#at(Math.floor((index * narrow) / this.width)), outcomes);
  }

  #at(index: number): Outcomes {
    const outcomes = this.#slots.get(index) ?? noOutcomes();
    this.#slots.set(index, outcomes);
    return outcomes;
  }
}
