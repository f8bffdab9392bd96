// Sends requests as they are, right or wrong, and tells how they were answered.
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import type { Answer } from './verdict.js';
import { HOST } from './fixture.js';

export interface Outgoing {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** An answer, with what the next request needs of it. */
export interface FullAnswer extends Answer {
  readonly session: string | undefined;
}

/** Bytes, one piece after the other, and how long to wait before each. */
export interface RawBytes {
  readonly pieces: readonly (string | Uint8Array)[];
  readonly everyMs?: number;
  /** Whether the connection is cut after the last piece, before anything can be answered. */
  readonly cut?: boolean;
}

const TIMEOUT_MS = 15_000;
const STATUS = /HTTP\/1\.1 (\d{3})/g;

/** Sends requests to the server. No answer is an answer too: nothing is ever rejected. */
export interface Sender {
  readonly send: (outgoing: Outgoing) => Promise<FullAnswer>;
  readonly raw: (bytes: RawBytes) => Promise<Answer>;
}

/**
 * Between two requests nobody listens to a connection for a moment, and a server that denies early may reset it just then,
 * which would end the process.
 */
class SteadyAgent extends Agent {
  override createConnection(...args: Parameters<Agent['createConnection']>): ReturnType<Agent['createConnection']> {
    return super.createConnection(...args)?.on('error', () => undefined);
  }
}

export class SocketSender implements Sender {
  readonly #port: number;
  /** Connections are kept: many new ones at once would not all be accepted, and wait for seconds. */
  readonly #agent = new SteadyAgent({ keepAlive: true, maxSockets: 200, maxFreeSockets: 200 });

  constructor(port: number) {
    this.#port = port;
  }

  send({ method = 'POST', headers, body }: Outgoing): Promise<FullAnswer> {
    return new Promise((resolve) => {
      const none = { status: undefined, session: undefined };
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const options = { host: '127.0.0.1', port: this.#port, path: '/mcp', agent: this.#agent, timeout: TIMEOUT_MS };
      const sent = request({ ...options, method, headers: { host: HOST, ...headers, ...length } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => {
          resolve(none);
        });
        response.on('end', () => {
          const session = response.headers['mcp-session-id'] as string | undefined;
          resolve({ status: response.statusCode, session, ...denialOf(Buffer.concat(chunks).toString()) });
        });
      });
      sent.on('timeout', () => sent.destroy());
      sent.on('error', () => {
        resolve(none);
      });
      sent.end(body);
    });
  }

  /**
   * Writes bytes to a connection of its own, and reads until it ends. A status below 300 anywhere in the answer counts
   * before all others: one of several requests was served.
   */
  raw({ pieces, everyMs = 0, cut = false }: RawBytes): Promise<Answer> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1');
      let text = '';
      let left = [...pieces];
      const write = (): void => {
        const [piece, ...rest] = left;
        left = rest;
        if (socket.destroyed || piece === undefined) return;
        socket.write(piece);
        if (rest.length > 0) setTimeout(write, everyMs);
        else if (cut) setTimeout(() => socket.destroy(), 5);
      };
      socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
      socket.on('data', (chunk) => {
        text = (text + chunk.toString('latin1')).slice(0, 65_536);
        // An answer to all there is: Node would keep the connection for more.
        if (left.length === 0) setTimeout(() => socket.destroy(), 200);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        const found = [...text.matchAll(STATUS)].map(([, status]) => Number(status));
        resolve({ status: found.find((status) => status < 300) ?? found[0] });
      });
      socket.once('connect', write);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The code of a denial, or nothing. */
export function codeOf(text: string): string | undefined {
  return denialOf(text).code;
}

function denialOf(text: string): Pick<Answer, 'code' | 'message'> {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string; data?: { code?: string } } };
    return { code: error?.data?.code, message: error?.message };
  } catch {
    return {};
  }
}
