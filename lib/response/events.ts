import { readJson } from '../json/read.js';
import { rewriteParsed, type Rewrite } from './rewrite.js';

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);
const LINE = /\r\n|\n|\r/;

/**
 * Takes the complete events off an event stream (HTML Living Standard section 9.2.6), wherever its chunks are cut.
 * Each comes with the blank line that ends it; no byte is added, lost, or held back longer than its event.
 */
export class EventSplitter {
  #kept: Buffer[] = [];
  #lineIsEmpty = true;
  #afterCr = false;

  push(chunk: Buffer): readonly Buffer[] {
    const events: Buffer[] = [];
    let line = this.#afterCr && chunk[0] === LF ? 1 : 0;
    let event = 0;
    if (line > 0 && this.#kept.length === 0) {
      // The second half of a CR LF whose first half ended an event. That one is on its way, and this must not wait.
      events.push(chunk.subarray(0, line));
      event = line;
    }
    for (let at = nextBreak(chunk, line); at >= 0; at = nextBreak(chunk, line)) {
      const endsEvent = at === line && this.#lineIsEmpty;
      line = chunk[at] === CR && chunk[at + 1] === LF ? at + 2 : at + 1;
      this.#lineIsEmpty = true;
      if (!endsEvent) continue;
      events.push(this.#cut(chunk.subarray(event, line)));
      event = line;
    }
    // A copy, since a handler may use its buffer again.
    if (event < chunk.length) this.#kept.push(Buffer.from(chunk.subarray(event)));
    if (line < chunk.length) this.#lineIsEmpty = false;
    if (chunk.length > 0) this.#afterCr = chunk.at(-1) === CR;
    return events;
  }

  /** What is left when the stream ends: perhaps an event that no blank line ended. */
  rest(): readonly Buffer[] {
    return this.#kept.length === 0 ? [] : [this.#cut(NOTHING)];
  }

  #cut(last: Buffer): Buffer {
    const event = this.#kept.length === 0 ? last : Buffer.concat([...this.#kept, last]);
    this.#kept = [];
    return event;
  }
}

/** Where the next line ends, or -1. */
function nextBreak(chunk: Buffer, from: number): number {
  const lf = chunk.indexOf(LF, from);
  const cr = chunk.subarray(from, lf < 0 ? chunk.length : lf).indexOf(CR);
  return cr < 0 ? lf : from + cr;
}

/** One event with its JSON-RPC message rewritten. Anything else, and a message left as it is, keeps its bytes. */
export async function rewriteEvent(event: Buffer, rewrite: Rewrite): Promise<Buffer> {
  const lines = event.toString('utf8').split(LINE);
  const changed = await rewriteParsed(parse(lines.filter(isData).map(valueOf).join('\n')), rewrite);
  if (changed === undefined) return event;
  const others = lines.filter((line) => line !== '' && !isData(line));
  return Buffer.from([...others, `data: ${changed}`, '', ''].join('\n'));
}

function isData(line: string): boolean {
  return line.startsWith('data:') || line === 'data';
}

function valueOf(line: string): string {
  const start = line.startsWith('data: ') ? 'data: '.length : 'data:'.length;
  return line.slice(start);
}

/** Not every event carries JSON: some only name an id or a place, and those are no messages. */
function parse(data: string): unknown {
  return data === '' ? undefined : readJson(data);
}
