import type { TrailPlace } from '../verifyTrail.js';

interface Range {
  readonly from: number;
  readonly to: number;
  /** The record before which they are missing. */
  readonly place: TrailPlace;
}

/** The numbers of records that were not there when it was their turn. */
export class MissingRecords {
  #ranges: readonly Range[] = [];

  add(from: number, to: number, { file, line }: TrailPlace): void {
    if (from <= to) this.#ranges = [...this.#ranges, { from, to, place: { file, line } }];
  }

  /** Takes a number out. Whether it was missing. */
  take(seq: number): boolean {
    const found = this.#ranges.find(({ from, to }) => seq >= from && seq <= to);
    if (found === undefined) return false;
    const { from, to, place } = found;
    const left = [
      { from, to: seq - 1, place },
      { from: seq + 1, to, place },
    ].filter((range) => range.from <= range.to);
    this.#ranges = this.#ranges.flatMap((range) => (range === found ? left : [range]));
    return true;
  }

  ranges(): readonly Range[] {
    return this.#ranges;
  }
}
