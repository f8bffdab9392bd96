import { parseStrictJson } from '../../lib/json/strict.js';
import { isObject } from '../../lib/rpc.js';

type Message = Readonly<Record<string, unknown>>;

/** How much more is read of what a server answers. */
export interface Allowance {
  bytes: number;
}

/** Enough for all answers to one listing: a server may send a hundred pages. */
export function newAllowance(): Allowance {
  return { bytes: 16 * 1024 * 1024 };
}

/**
 * The JSON-RPC response of that id in the body of an answer, which is JSON or an event stream. A stream is left as soon
 * as it has come: it may stay open for as long as its server likes.
 * @throws {Error} for a body without one, one that is too long, and one that can be read in more than one way
 */
export async function readResponse(answer: Response, id: number, allowance: Allowance): Promise<Message> {
  const isStream = (answer.headers.get('content-type') ?? '').toLowerCase().startsWith('text/event-stream');
  const chunks = chunksOf(answer, allowance);
  const texts = isStream ? eventsOf(chunks) : wholeOf(chunks);
  for await (const text of texts) {
    const message = parseStrictJson(text);
    if (isObject(message) && message['id'] === id && !Object.hasOwn(message, 'method')) return message;
  }
  throw new Error('the server did not answer the request');
}

async function* chunksOf(answer: Response, allowance: Allowance): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    allowance.bytes -= chunk.byteLength;
    if (allowance.bytes < 0) throw new Error('the answer of the server is too long');
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

async function* wholeOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  const parts: string[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  yield parts.join('');
}

const LINE = /\r\n|\n|\r(?!$)/;

/** The data of each event. An event that is cut off at the end of the stream is none. */
async function* eventsOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let data: string[] = [];
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(LINE);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      if (line !== '' || data.length === 0) continue;
      const event = data.join('\n');
      data = [];
      if (event !== '') yield event;
    }
  }
}
