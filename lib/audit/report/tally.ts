import type { DenialCode } from '../../denial.js';
import { Bounded, Groups } from './bounded.js';
import { Callers } from './callers.js';
import { entryOf, isNotable, type Entry } from './entry.js';
import { noOutcomes, type Ending, type Outcomes } from './outcomes.js';
import { Timeline } from './timeline.js';

/** How many different rows are kept apart. What comes later is counted together. */
const MOST_ROWS = 5000;
const MOST_REASONS = 20;
const MOST_GROUPS = { owners: 2000, each: 10 };

/** Denials for one reason. */
export interface ReasonRow {
  count: number;
  last: number;
}

/** Denials with one code, told apart by what its check said of them. */
export interface CodeRow extends ReasonRow {
  readonly reasons: Bounded<ReasonRow>;
}

/** The figures of a report, in an amount of memory that does not grow with the log. */
export class Tally {
  records = 0;
  /** How the requests ended that are over. */
  readonly requests: Outcomes = noOutcomes();
  readonly callers: Callers = new Callers();
  /** Why requests were denied. */
  readonly reasons: Bounded<CodeRow> = new Bounded<CodeRow>(MOST_ROWS, () => ({
    ...newReason(),
    reasons: new Bounded<ReasonRow>(MOST_REASONS, newReason),
  }));
  readonly types: Bounded<{ count: number }> = new Bounded<{ count: number }>(MOST_ROWS, () => ({ count: 0 }));
  readonly timeline: Timeline = new Timeline();
  /** The last denials, those of one caller with one reason together. */
  readonly denials: Groups<Entry> = new Groups<Entry>(MOST_GROUPS);
  /** What somebody should look at, what one caller did in the same way together. */
  readonly notable: Groups<Entry> = new Groups<Entry>(MOST_GROUPS);
  /** The earliest and the latest time of a record. */
  from: number = Infinity;
  until: number = -Infinity;

  /** Counts an event, whatever it is. */
  add(event: unknown): void {
    const entry = entryOf(event);
    const { time } = entry;
    this.records += 1;
    this.types.at(entry.type).count += 1;
    if (time !== undefined) {
      this.from = Math.min(this.from, time);
      this.until = Math.max(this.until, time);
    }
    if (isNotable(entry)) this.#addNotable(entry);
    if (entry.outcome !== undefined) this.#addRequest(entry, isRetried(entry) ? 'retried' : entry.outcome);
  }

  #addRequest(entry: Entry, ending: Ending): void {
    this.requests[ending] += 1;
    this.callers.add(entry, ending);
    if (entry.time !== undefined) this.timeline.add(entry.time, ending);
    if (entry.code !== undefined && ending !== 'retried') this.#addDenial(entry, entry.code);
  }

  #addDenial(entry: Entry, code: string): void {
    const { reason, time = -Infinity } = entry;
    const row = this.reasons.at(code);
    for (const one of reason === '' ? [row] : [row, row.reasons.at(reason)]) {
      one.count += 1;
      one.last = Math.max(one.last, time);
    }
    this.denials.add(ownerOf(entry), keyOf(entry), entry);
  }

  /** What no caller did is told one by one: no client can make there be much of it. */
  #addNotable(entry: Entry): void {
    if (entry.id === '') this.notable.add(JSON.stringify([entry.type]), String(this.records), entry);
    else this.notable.add(ownerOf(entry), keyOf(entry), entry);
  }
}

function newReason(): ReasonRow {
  return { count: 0, last: -Infinity };
}

/** A client that is told a nonce comes again with it. */
function isRetried({ outcome, code }: Entry): boolean {
  return outcome === 'denied' && code === ('proof_nonce' satisfies DenialCode);
}

function ownerOf({ issuer, caller }: Entry): string {
  return JSON.stringify([issuer, caller]);
}

function keyOf({ type, code = '', reason }: Entry): string {
  return JSON.stringify([type, code, reason]);
}
