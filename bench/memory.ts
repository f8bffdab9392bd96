// Requests without a kernel: Node's own HTTP parser and response over connections in memory.
import type { Server } from 'node:http';
import { Duplex } from 'node:stream';
import { BODY } from './message.js';

/** So many are under way at once: what is handed to other threads is not waited for one by one. */
const CONNECTIONS = 8;

/** A client that sends a request and sees its answer end. */
class MemoryConnection extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  readonly #answered: (connection: MemoryConnection) => void;

  constructor(answered: (connection: MemoryConnection) => void) {
    super({ decodeStrings: false });
    this.#answered = answered;
  }

  override _read(): void {
    // Requests are pushed.
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    const text = typeof chunk === 'string' ? chunk : chunk.toString('latin1');
    if (text.startsWith('HTTP/1.1 ') && !text.startsWith('HTTP/1.1 200')) throw new Error(`answered ${text}`);
    done();
    // A head ends with a line break, so this is the end of the JSON body, or else the last chunk.
    if (text.endsWith('}') || text.endsWith('0\r\n\r\n')) this.#answered(this);
  }
}

/** Sends these requests and resolves when all are answered with 200. */
export type Drive = (requests: readonly Buffer[]) => Promise<void>;

export function connect(server: Server): Drive {
  let toSend: readonly Buffer[] = [];
  let sent = 0;
  let toAnswer = 0;
  let finish = (): void => undefined;
  let scheduled = false;
  const ready: MemoryConnection[] = [];
  const flush = (): void => {
    scheduled = false;
    for (const connection of ready.splice(0, toSend.length - sent)) {
      connection.push(toSend[sent]);
      sent += 1;
    }
  };
  // As from a socket, requests arrive in a turn of the event loop of their own.
  const schedule = (): void => {
    if (scheduled || sent === toSend.length) return;
    scheduled = true;
    setImmediate(flush);
  };
  const answered = (connection: MemoryConnection): void => {
    ready.push(connection);
    toAnswer -= 1;
    if (toAnswer === 0) finish();
    else schedule();
  };
  for (let i = 0; i < CONNECTIONS; i += 1) {
    const connection = new MemoryConnection(answered);
    server.emit('connection', connection);
    ready.push(connection);
  }
  return (requests) =>
    new Promise((resolve) => {
      toSend = requests;
      sent = 0;
      toAnswer = requests.length;
      finish = resolve;
      schedule();
    });
}

/** The one request that every contender gets, with these headers. */
export function requestBytes(headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({ host: 'mcp.example.com', ...headers }).map(([name, value]) => `${name}: ${value}`);
  const head = ['POST /mcp HTTP/1.1', ...lines, `content-length: ${Buffer.byteLength(BODY)}`, '', ''].join('\r\n');
  return Buffer.from(head + BODY);
}
