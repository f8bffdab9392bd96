// What the server writes on standard error: what was said, how often, and when first and last.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** How many that differ are kept. */
const MOST = 30;
const LONGEST = 200;

interface Said {
  times: number;
  readonly first: number;
  last: number;
}

export class ErrorLog {
  lines = 0;
  readonly #said = new Map<string, Said>();
  readonly #began = performance.now();

  /** Whoever has no such stream says nothing. */
  read(stream: Readable | null): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      this.#add(line);
    });
  }

  /** One line for each thing that was said, in seconds since the server was started. */
  describe(): readonly string[] {
    return [...this.#said].map(
      ([what, { times, first, last }]) => `${times} times, ${first.toFixed(0)} to ${last.toFixed(0)} s: ${what}`,
    );
  }

  #add(line: string): void {
    this.lines += 1;
    const what = messageOf(line);
    const time = (performance.now() - this.#began) / 1000;
    const known = this.#said.get(what);
    if (known !== undefined) {
      known.times += 1;
      known.last = time;
    } else if (this.#said.size < MOST) {
      this.#said.set(what, { times: 1, first: time, last: time });
    }
  }
}

/** Without the stack, which is the same each time, and without the id of the request, which never is. */
function messageOf(line: string): string {
  try {
    const { error } = JSON.parse(line) as { readonly error?: unknown };
    if (typeof error === 'string') return (error.split('\n')[0] ?? '').slice(0, LONGEST);
  } catch {
    // A line of somebody else.
  }
  return line.slice(0, LONGEST);
}
