// A connection without a kernel: Node's own HTTP parser and response over a stream in memory.
import type { Server } from 'node:http';
import { Duplex } from 'node:stream';
import { HOST } from './fixture.js';
import { codeOf, type FullAnswer, type Outgoing, type Sender } from './send.js';

const NONE: FullAnswer = { status: undefined, session: undefined };

class MemoryConnection extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  #text = '';
  #answered: ((answer: FullAnswer) => void) | undefined;

  ask(bytes: Buffer): Promise<FullAnswer> {
    this.#text = '';
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.push(bytes);
    });
  }

  override _read(): void {
    // Requests are pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#text += chunk.toString('latin1');
    const answer = answerIn(this.#text);
    if (answer !== undefined) this.#end(answer);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#end(NONE);
    done(error);
  }

  #end(answer: FullAnswer): void {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(answer);
  }
}

/** An answer that is complete, or nothing. */
function answerIn(text: string): FullAnswer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [head, body] = [text.slice(0, end), text.slice(end + 4)];
  const status = Number(head.slice(9, 12));
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  const isComplete =
    length === undefined ? status === 204 || body.endsWith('0\r\n\r\n') : body.length >= Number(length);
  if (!isComplete) return undefined;
  const code = status < 300 ? undefined : codeOf(body);
  const session = /^mcp-session-id: (.*)$/im.exec(head)?.[1];
  return { status, session, ...(code === undefined ? {} : { code }) };
}

/** Sends requests to a server of this process, over connections that are used again. */
export class MemorySender implements Sender {
  /** How many requests were sent. */
  count = 0;
  readonly #server: Server;
  readonly #free: MemoryConnection[] = [];

  constructor(server: Server) {
    this.#server = server;
  }

  async send(outgoing: Outgoing): Promise<FullAnswer> {
    this.count += 1;
    const connection = this.#free.pop() ?? this.#connect();
    const answer = await connection.ask(bytesOf(outgoing));
    // As from a socket, the next request arrives in a turn of the event loop of its own.
    setImmediate(() => {
      if (!connection.destroyed) this.#free.push(connection);
    });
    return answer;
  }

  raw(): Promise<never> {
    return Promise.reject(new Error('what is no HTTP needs a socket'));
  }

  #connect(): MemoryConnection {
    const connection = new MemoryConnection();
    this.#server.emit('connection', connection);
    return connection;
  }
}

function bytesOf({ method = 'POST', headers, body = '' }: Outgoing): Buffer {
  const lines = Object.entries({ host: HOST, ...headers, 'content-length': Buffer.byteLength(body) });
  const head = [`${method} /mcp HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}
