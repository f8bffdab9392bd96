import { hash } from 'node:crypto';
import { GENESIS, recordBytes, type Link } from '../line.js';
import type { TrailFault, TrailPlace } from '../verifyTrail.js';
import type { Findings } from './findings.js';
import { MissingRecords } from './missing.js';

/** A line that is a record, and where it is. */
export interface Seen extends TrailPlace {
  readonly link: Link;
}

/** How far behind its record a checkpoint may be written: much further than a trail lets records wait. A power of two. */
export const REMEMBERED: number = 2 ** 15;

/**
 * Walks the chain, one line after the other, and says what is wrong with it.
 *
 * A broken link shows that one of two neighbours was changed. Which of them, only the record behind both can tell, so
 * that the verdict on the last link waits for the next line.
 */
export class ChainCheck {
  records = 0;
  first: Seen | undefined;
  /** The newest record that is where it should be. */
  last: Seen | undefined;
  #next = 1;
  /** What the next record may name as its predecessor. None: anything. */
  #heads: readonly string[] = [GENESIS];
  /** How many lines before this one are no records. Each may have been one. */
  #malformed = 0;
  /** Two neighbours of which one was changed. */
  #torn: { readonly before: TrailPlace & { readonly seq: number }; readonly after: Seen } | undefined;
  /** Two records with one number and one predecessor. */
  #twins: { readonly first: Seen; readonly second: Seen } | undefined;
  readonly #missing = new MissingRecords();
  readonly #hashes: string[] = [];
  readonly #partial: boolean;
  readonly #findings: Findings;

  constructor(partial: boolean, findings: Findings) {
    this.#partial = partial;
    this.#findings = findings;
  }

  /** A line that is no record, unless one of the trail's own records explains it. */
  malformed(place: TrailPlace): void {
    this.#settle(undefined);
    this.add('malformed', this.#next, place, 'this line is not a record of a trail');
    this.#malformed += 1;
  }

  /** Takes a line that is a record. Whether it has the hash that it states. */
  take(line: Buffer, link: Link, place: TrailPlace): boolean {
    this.records += 1;
    const seen: Seen = { file: place.file, line: place.line, link };
    const actual = hash('sha256', recordBytes(line), 'hex');
    if (this.first === undefined) this.#begin(seen);
    this.#settle(link);
    if (actual !== link.hash) {
      this.#takeEdited(seen, actual);
      return false;
    }
    this.#takeWhole(seen);
    return true;
  }

  /** To be called once, after the last line. */
  end(): void {
    this.#settle(undefined);
    for (const { from, to, place } of this.#missing.ranges()) {
      const which = from === to ? `record ${from} is` : `records ${from} to ${to} are`;
      this.add('removed', from, place, `${which} gone`);
    }
  }

  add(fault: TrailFault, seq: number, { file, line }: TrailPlace, message: string): void {
    this.#findings.add({ fault, seq, file, line, message });
  }

  #begin(seen: Seen): void {
    this.first = seen;
    if (!this.#partial) return;
    this.#next = seen.link.seq;
    this.#heads = [];
  }

  #takeEdited(seen: Seen, actual: string): void {
    const { link } = seen;
    // Its number may be what was edited: then it stands where it always stood.
    const seq = this.#isNext(link.seq) ? link.seq : this.#next;
    this.add('edited', seq, seen, `record ${seq} was changed after it was written`);
    this.#accept({ ...seen, link: { ...link, seq } }, [link.hash, actual]);
  }

  #takeWhole(seen: Seen): void {
    const { link } = seen;
    if (this.first !== undefined && link.chain !== this.first.link.chain) {
      this.add('inserted', link.seq, seen, 'this record is of another trail');
    } else if (link.seq < this.#next) {
      this.#takeLate(seen);
    } else if (this.#isNext(link.seq)) {
      this.#takeNext(seen);
    } else {
      this.#missing.add(this.#next + this.#malformed, link.seq - 1, seen);
      this.#accept(seen, [link.hash]);
    }
  }

  #takeNext(seen: Seen): void {
    const { link } = seen;
    const follows = this.#heads.length === 0 || this.#heads.includes(link.prev) || link.seq !== this.#next;
    if (!follows) this.#torn = { before: at(this.last ?? seen), after: seen };
    this.#accept(seen, [link.hash]);
  }

  /** A record whose turn is over: it was moved here, or there are two of that number. */
  #takeLate(seen: Seen): void {
    const { link } = seen;
    if (this.#missing.take(link.seq)) {
      this.add('reordered', link.seq, seen, `record ${link.seq} is behind later ones`);
      return;
    }
    const { last } = this;
    if (last?.link.seq === link.seq && last.link.prev === link.prev) {
      this.#twins = { first: last, second: seen };
      this.#heads = [last.link.hash, link.hash];
      return;
    }
    this.add('inserted', link.seq, seen, `there is another record ${link.seq}`);
  }

  /** Whether a record was before the first, and before the one that the first names. */
  isOutOfSight(seq: number): boolean {
    return this.first !== undefined && seq < this.first.link.seq - 1;
  }

  /** The hash of a record that was accepted not long ago, or of the one before the first. */
  hashOf(seq: number): string | undefined {
    const { first, last } = this;
    if (first !== undefined && seq === first.link.seq - 1) return first.link.prev;
    const isNear = last !== undefined && seq <= last.link.seq && seq > last.link.seq - REMEMBERED;
    return isNear ? this.#hashes[seq % REMEMBERED] : undefined;
  }

  #accept(seen: Seen, heads: readonly string[]): void {
    this.#hashes[seen.link.seq % REMEMBERED] = seen.link.hash;
    this.last = seen;
    this.#next = seen.link.seq + 1;
    this.#heads = heads;
    this.#malformed = 0;
  }

  #isNext(seq: number): boolean {
    return seq >= this.#next && seq <= this.#next + this.#malformed;
  }

  /** Says which of two records is the wrong one, now that the one behind them is known, or that there is none. */
  #settle(following: Link | undefined): void {
    if (this.#twins !== undefined) {
      const { first, second } = this.#twins;
      this.#twins = undefined;
      const isFirst = following?.prev === second.link.hash && first.link.hash !== second.link.hash;
      const wrong = isFirst ? first : second;
      this.add('inserted', wrong.link.seq, wrong, `there is another record ${wrong.link.seq}`);
    }
    if (this.#torn !== undefined) {
      const { before, after } = this.#torn;
      this.#torn = undefined;
      // The later one was changed where its successor does not know it. That link is then broken for the same reason.
      const isLater = following?.seq === after.link.seq + 1 && following.prev !== after.link.hash;
      const wrong = isLater ? at(after) : before;
      if (isLater) this.#heads = [];
      this.add('edited', wrong.seq, wrong, `record ${wrong.seq} was changed after it was written`);
    }
  }
}

function at({ file, line, link }: Seen): TrailPlace & { readonly seq: number } {
  return { file, line, seq: link.seq };
}
