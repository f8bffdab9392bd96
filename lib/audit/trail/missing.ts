import type { TrailPlace } from '../verifyTrail.js';

interface Range {
  readonly from: number;
  readonly to: number;
  /** The record before which they are missing. */
  readonly place: TrailPlace;
}

/** The numbers of records that were not there when it was their turn. */
export class MissingRecords {
  /** In ascending order: a trail is read forwards. Changed in place, since of a log in pieces there are very many. */
  readonly #ranges: Range[] = [];

  /** Takes numbers that are all behind those before. */
  add(from: number, to: number, { file, line }: TrailPlace): void {
    if (from <= to) this.#ranges.push({ from, to, place: { file, line } });
  }

  /** Takes a number out. Whether it was missing. */
  take(seq: number): boolean {
    const index = this.#firstFrom(seq);
    const found = this.#ranges[index];
    if (found === undefined || seq < found.from) return false;
    const { from, to, place } = found;
    const left = [
      { from, to: seq - 1, place },
      { from: seq + 1, to, place },
    ].filter((range) => range.from <= range.to);
    this.#ranges.splice(index, 1, ...left);
    return true;
  }

  ranges(): readonly Range[] {
    return this.#ranges;
  }

  /** The place of the first range that does not end before a number. */
  #firstFrom(seq: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.to ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
