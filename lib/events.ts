import { isObject, type OutgoingMessage } from './rpc.js';

type Rewrite = (message: OutgoingMessage) => Promise<OutgoingMessage>;

const BOUNDARY = /\r\n\r\n|\n\n|\r\r/g;
const LINE = /\r\n|\n|\r/;

/** Takes the complete events off a piece of an event stream (HTML Living Standard section 9.2.6). */
export function splitEvents(bytes: Buffer): { readonly complete: readonly Buffer[]; readonly rest: Buffer } {
  // Latin-1 keeps every byte at its own index, so that a character cut in two by a chunk stays whole.
  const text = bytes.toString('latin1');
  const complete: Buffer[] = [];
  let start = 0;
  for (const boundary of text.matchAll(BOUNDARY)) {
    const end = boundary.index + boundary[0].length;
    complete.push(bytes.subarray(start, end));
    start = end;
  }
  return { complete, rest: bytes.subarray(start) };
}

/** One event with its JSON-RPC message rewritten. Anything else, and a message left as it is, keeps its bytes. */
export async function rewriteEvent(event: Buffer, rewrite: Rewrite): Promise<Buffer> {
  const lines = event
    .toString('utf8')
    .split(LINE)
    .filter((line) => line !== '');
  const data = lines
    .filter(isData)
    .map((line) => line.slice('data:'.length).replace(/^ /, ''))
    .join('\n');
  const parsed = parse(data);
  const list: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const rewritten: unknown[] = [];
  for (const message of list) rewritten.push(isObject(message) ? await rewrite(message) : message);
  if (rewritten.every((message, index) => message === list[index])) return event;
  const others = lines.filter((line) => !isData(line));
  const changed = JSON.stringify(Array.isArray(parsed) ? rewritten : rewritten[0]);
  return Buffer.from([...others, `data: ${changed}`, '', ''].join('\n'));
}

function isData(line: string): boolean {
  return line.startsWith('data:');
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return undefined;
  }
}
