import { hash } from 'node:crypto';
import { Bounded } from './bounded.js';
import type { Entry, Target } from './entry.js';
import { noOutcomes, type Ending, type Outcomes } from './outcomes.js';

const MOST_CALLERS = 2000;
/** How many names of each are told apart, and how many of those before any call of the name was let through. */
const MOST_NAMES = 40;
const MOST_REFUSED = 20;
/** How many names that are not defined are counted as different ones. */
const MOST_UNDEFINED = 500;

/** What somebody called. */
export interface CallRow {
  /** Absent for what was counted together. */
  readonly target?: Target;
  readonly outcomes: Outcomes;
  last: number;
}

/** Calls of names that are not defined. Whoever calls may make up any. */
export interface UndefinedRow extends CallRow {
  readonly kind: Target['kind'];
  readonly names: Set<number>;
}

/** Who called, and what. One caller takes no room of another. */
export interface Caller {
  readonly caller: string;
  readonly issuer: string;
  readonly calls: Bounded<CallRow>;
  readonly undefined: Map<Target['kind'], UndefinedRow>;
}

/** Everybody who called, in an amount of memory that does not grow with the log. */
export class Callers {
  readonly #rows = new Bounded<Caller>(MOST_CALLERS, () => newCaller({ caller: '', issuer: '' }));

  /** Those that are kept apart. */
  list(): readonly Caller[] {
    return this.#rows.entries().map(([, caller]) => caller);
  }

  /** Whoever came when there was no more room, taken together. */
  get rest(): Caller | undefined {
    return this.#rows.rest;
  }

  /** Counts a request, once for each of its messages. */
  add(entry: Entry, ending: Ending): void {
    const { issuer, caller, targets } = entry;
    const row = this.#rows.at(JSON.stringify([issuer, caller]), () => newCaller(entry));
    for (const target of targets.length === 0 ? [NOTHING] : targets) {
      const call = isUndefined(entry, target) ? undefinedRow(row, target) : callRow(row, target, ending);
      call.outcomes[ending] += 1;
      call.last = Math.max(call.last, entry.time ?? -Infinity);
    }
  }
}

const NOTHING: Target = { kind: 'method', name: 'unknown' };

/** All rows of a caller. */
export function rowsOf({ calls, undefined: made }: Caller): readonly CallRow[] {
  const rest = calls.rest === undefined ? [] : [calls.rest];
  return [...calls.entries().map(([, row]) => row), ...made.values(), ...rest];
}

/** How many different names that are not defined, or that there were too many to count. */
export function namesText({ names }: UndefinedRow): string {
  return names.size < MOST_UNDEFINED ? String(names.size) : `${MOST_UNDEFINED} or more`;
}

function newCaller({ caller, issuer }: Pick<Entry, 'caller' | 'issuer'>): Caller {
  return { caller, issuer, calls: new Bounded<CallRow>(MOST_NAMES, newRow), undefined: new Map() };
}

function newRow(): CallRow {
  return { outcomes: noOutcomes(), last: -Infinity };
}

/** Of a batch nobody knows which of its names it is. */
function isUndefined({ code, targets }: Entry, { kind }: Target): boolean {
  return targets.length === 1 && code === `${kind}_undefined`;
}

function undefinedRow({ undefined: made }: Caller, { kind, name }: Target): UndefinedRow {
  const row = made.get(kind) ?? { ...newRow(), kind, names: new Set<number>() };
  made.set(kind, row);
  // A number for each name: texts of a client's choice would fill the memory.
  if (row.names.size < MOST_UNDEFINED) row.names.add(Number.parseInt(hash('sha256', name).slice(0, 12), 16));
  return row;
}

/** What was never let through leaves room for what will be. */
function callRow({ calls }: Caller, target: Target, ending: Ending): CallRow {
  const most = ending === 'allowed' ? MOST_NAMES : MOST_REFUSED;
  const key = JSON.stringify([target.kind, target.name]);
  return calls.at(key, () => ({ ...newRow(), target }), most);
}
