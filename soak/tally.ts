// Counts what came of the requests of each kind.
import type { Kind } from './kind.js';
import type { Answer, Worth } from './verdict.js';

/** What came of one kind. */
export interface Line {
  readonly kind: Kind;
  readonly counts: Record<Worth, number>;
}

/** How many answers that were wrong are shown: the first of each second and text. */
const SHOWN = 40;

export class Tally {
  readonly lines: readonly Line[];
  readonly wrong: string[] = [];
  readonly #told = new Set<string>();
  readonly #byKind: ReadonlyMap<Kind, Line>;

  constructor(kinds: readonly Kind[]) {
    this.lines = kinds.map((kind) => ({
      kind,
      counts: { right: 0, unavailable: 0, 'wrongly allowed': 0, 'wrongly denied': 0, 'other reason': 0 },
    }));
    this.#byKind = new Map(this.lines.map((line) => [line.kind, line]));
  }

  add(kind: Kind, worth: Worth, answer: Answer, at: number): void {
    const line = this.#byKind.get(kind);
    if (line !== undefined) line.counts[worth] += 1;
    if (worth !== 'right' && worth !== 'unavailable') this.#tell(`${worth} after`, kind, answer, at);
  }

  #tell(what: string, { name }: Kind, { status, code, message }: Answer, at: number): void {
    const came = [status ?? 'no answer', code, message].filter((part) => part !== undefined).join(' ');
    const key = `${at.toFixed(0)} ${came}`;
    if (this.#told.has(key) || this.wrong.length >= SHOWN) return;
    this.#told.add(key);
    this.wrong.push(`${what} ${at.toFixed(1)} s: ${name}: ${came}`);
  }

  total(worth: Worth, group?: Kind['group']): number {
    return this.lines.reduce(
      (sum, { kind, counts }) => (group === undefined || kind.group === group ? sum + counts[worth] : sum),
      0,
    );
  }

  /** All that were judged. */
  judged(group?: Kind['group']): number {
    const worths: readonly Worth[] = ['right', 'unavailable', 'wrongly allowed', 'wrongly denied', 'other reason'];
    return worths.reduce((sum, worth) => sum + this.total(worth, group), 0);
  }
}
