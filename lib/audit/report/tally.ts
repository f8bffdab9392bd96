import type { AuditOutcome } from '../record.js';
import { Bounded, Latest } from './bounded.js';
import { entryOf, isNotable, type Entry, type Target } from './entry.js';
import { noOutcomes, type Outcomes } from './outcomes.js';
import { Timeline } from './timeline.js';

/** How many different rows are kept apart. What comes later is counted together. */
const MOST_ROWS = 5000;
const MOST_LATEST = 50;

/** Who called what. */
export interface CallRow {
  readonly caller: string;
  readonly issuer: string;
  readonly target: Target;
  readonly outcomes: Outcomes;
  last: number;
}

/** Denials for one reason. */
export interface ReasonRow {
  count: number;
  last: number;
}

/** The figures of a report, in an amount of memory that does not grow with the log. */
export class Tally {
  records = 0;
  /** How the requests ended that are over. */
  readonly requests: Outcomes = noOutcomes();
  /** What they asked for: a batch counts once for each of its messages. */
  readonly calls: Bounded<CallRow> = new Bounded<CallRow>(MOST_ROWS, () => callRow({ caller: '', issuer: '' }, REST));
  /** Why requests were denied. */
  readonly reasons: Bounded<ReasonRow> = new Bounded<ReasonRow>(MOST_ROWS, () => ({ count: 0, last: -Infinity }));
  readonly types: Bounded<{ count: number }> = new Bounded<{ count: number }>(MOST_ROWS, () => ({ count: 0 }));
  readonly callers: Bounded<{ count: number }> = new Bounded<{ count: number }>(MOST_ROWS, () => ({ count: 0 }));
  readonly timeline: Timeline = new Timeline();
  readonly denials: Latest<Entry> = new Latest<Entry>(MOST_LATEST);
  readonly notable: Latest<Entry> = new Latest<Entry>(MOST_LATEST);
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
    if (isNotable(entry)) this.notable.add(entry);
    if (entry.outcome !== undefined) this.#addRequest(entry, entry.outcome);
  }

  #addRequest(entry: Entry, outcome: AuditOutcome): void {
    const { caller, issuer, code, time = -Infinity } = entry;
    this.requests[outcome] += 1;
    this.callers.at(JSON.stringify([issuer, caller])).count += 1;
    if (entry.time !== undefined) this.timeline.add(entry.time, outcome);
    for (const target of entry.targets.length === 0 ? [NOTHING] : entry.targets) {
      const key = JSON.stringify([issuer, caller, target.kind, target.name]);
      const row = this.calls.at(key, () => callRow(entry, target));
      row.outcomes[outcome] += 1;
      row.last = Math.max(row.last, time);
    }
    if (code === undefined) return;
    const reason = this.reasons.at(code);
    reason.count += 1;
    reason.last = Math.max(reason.last, time);
    this.denials.add(entry);
  }
}

const REST: Target = { kind: 'method', name: 'further ones' };
const NOTHING: Target = { kind: 'method', name: 'unknown' };

function callRow({ caller, issuer }: Pick<Entry, 'caller' | 'issuer'>, target: Target): CallRow {
  return { caller, issuer, target, outcomes: noOutcomes(), last: -Infinity };
}
