import type { ServerResponse } from 'node:http';
import { splitEvents, rewriteEvent } from './events.js';
import type { Exchange } from './exchange.js';
import type { OutgoingMessage } from './rpc.js';
import { isObject } from './rpc.js';

const EVENT_STREAM = /^text\/event-stream[ \t]*(?:;|$)/i;
const JSON_BODY = /^application\/json[ \t]*(?:;|$)/i;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Lets the hooks of an exchange see the response on its way out. The only place where a response is touched.
 *
 * Node sends every response head through `res.writeHead`, implicit ones too, so that one method is enough for
 * headers and the end of a stream. Holding or rewriting a body takes the other methods as well.
 */
export function watchHead(exchange: Exchange, now: () => Date): void {
  const { res } = exchange;
  const writeHead = res.writeHead.bind(res) as (status: number) => ServerResponse;
  res.writeHead = ((status: number, ...rest: unknown[]) => {
    res.writeHead = writeHead;
    prepareHead(exchange, status, rest);
    endInTime(exchange, now);
    return writeHead(res.statusCode);
  }) as ServerResponse['writeHead'];
}

/** Moves the arguments of `writeHead` into the response, then sets what the `headers` hooks ask for. */
function prepareHead(exchange: Exchange, status: number, rest: readonly unknown[]): void {
  const { res } = exchange;
  const [first, second] = rest;
  res.statusCode = status;
  if (typeof first === 'string') res.statusMessage = first;
  setHeaders(res, typeof first === 'string' ? second : first);
  setHookHeaders(exchange);
}

function setHookHeaders(exchange: Exchange): void {
  exchange.each('headers', (hook) => {
    for (const [name, value] of Object.entries(hook.call(exchange))) exchange.res.setHeader(name, value);
  });
}

/** Node takes headers as an object, as a flat list of names and values, or as a list of pairs. */
function setHeaders(res: ServerResponse, headers: unknown): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {}))
      if (value !== undefined) res.setHeader(name, value as string);
    return;
  }
  const flat = headers.flat() as string[];
  const names = flat.filter((_, index) => index % 2 === 0);
  for (const name of new Set(names)) res.removeHeader(name);
  names.forEach((name, index) => res.appendHeader(name, flat[index * 2 + 1] ?? ''));
}

/** Ends an event stream at the earliest time that an `until` hook names; what is written later is dropped. */
function endInTime(exchange: Exchange, now: () => Date): void {
  const { res } = exchange;
  if (!EVENT_STREAM.test(typeOf(res))) return;
  let earliest = Infinity;
  exchange.each('until', (hook) => {
    earliest = Math.min(earliest, hook.call(exchange)?.getTime() ?? Infinity);
  });
  if (earliest === Infinity) return;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const left = earliest - now().getTime();
    if (left > 0) timer = setTimeout(wait, Math.min(left, MAX_TIMEOUT_MS)).unref();
    else finish(res);
  };
  res.once('close', () => {
    clearTimeout(timer);
  });
  timer = setTimeout(wait, 0).unref();
}

function finish(res: ServerResponse): void {
  res.end();
  res.write = (() => false) as ServerResponse['write'];
  res.end = () => res;
}

/** Holds the response for `head` hooks and rewrites it for `message` hooks. */
export function holdResponse(exchange: Exchange, now: () => Date): void {
  const held = new HeldResponse(exchange, now);
  const { res } = exchange;
  res.writeHead = ((status: number, ...rest: unknown[]) => held.writeHead(status, rest)) as ServerResponse['writeHead'];
  res.write = ((...args: unknown[]) => held.write(...bodyArguments(args))) as ServerResponse['write'];
  res.end = ((...args: unknown[]) => held.end(...bodyArguments(args))) as ServerResponse['end'];
  res.flushHeaders = () => {
    held.flushHeaders();
  };
  Object.defineProperty(res, 'headersSent', { configurable: true, get: () => held.started });
}

type Done = ((error?: Error | null) => void) | undefined;
type Step = () => void | Promise<void>;

function bodyArguments([chunk, encoding, done]: readonly unknown[]): [Buffer | undefined, Done] {
  const callback = [chunk, encoding, done].find((one) => typeof one === 'function') as Done;
  if (typeof chunk === 'string') {
    return [Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'), callback];
  }
  return [
    chunk instanceof Uint8Array ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : undefined,
    callback,
  ];
}

class HeldResponse {
  /** Whether the handler has sent its head, be it on the wire or not. */
  started = false;
  readonly #exchange: Exchange;
  readonly #res: ServerResponse;
  readonly #original: Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;
  readonly #now: () => Date;
  #mode: 'pass' | 'json' | 'events' | 'over' = 'pass';
  #sent = false;
  #ended = false;
  #flush = false;
  #starved = false;
  #tail: Promise<void> | undefined;
  #kept: Buffer[] = [];
  #hook = '';

  constructor(exchange: Exchange, now: () => Date) {
    const { res } = exchange;
    this.#exchange = exchange;
    this.#res = res;
    this.#now = now;
    this.#original = {
      writeHead: res.writeHead.bind(res),
      write: res.write.bind(res),
      end: res.end.bind(res),
      flushHeaders: res.flushHeaders.bind(res),
    };
  }

  writeHead(status: number, rest: readonly unknown[]): ServerResponse {
    if (this.started) throw new Error('the response head was already written');
    prepareHead(this.#exchange, status, rest);
    this.started = true;
    this.#mode = this.#modeOfBody();
    this.#next(() => this.#askHeadHooks());
    if (this.#mode !== 'json') {
      this.#next(() => {
        this.#sendHead();
      });
    }
    return this.#res;
  }

  write(chunk: Buffer | undefined, done: Done): boolean {
    if (this.#isOver(done)) return false;
    this.#startImplicitly();
    if (chunk === undefined || this.#mode === 'json') {
      if (chunk !== undefined) this.#kept.push(chunk);
      if (done !== undefined) process.nextTick(done);
      return true;
    }
    const free = this.#next(() => this.#send(chunk, done));
    this.#starved ||= !free;
    return free;
  }

  end(chunk: Buffer | undefined, done: Done): ServerResponse {
    if (this.#isOver(done)) return this.#res;
    this.#startImplicitly();
    this.#ended = true;
    this.#next(async () => {
      if (this.#mode === 'json') await this.#sendJson(chunk);
      else if (chunk !== undefined) await this.#send(chunk, undefined);
    });
    this.#next(() => {
      if (this.#mode === 'over') return;
      if (this.#mode === 'events' && this.#kept.length > 0) this.#original.write(Buffer.concat(this.#kept));
      this.#original.end(done as () => void);
    });
    return this.#res;
  }

  flushHeaders(): void {
    this.#startImplicitly();
    if (this.#sent) this.#original.flushHeaders();
    else this.#flush = true;
  }

  #startImplicitly(): void {
    if (!this.started) this.#res.writeHead(this.#res.statusCode);
  }

  #isOver(done: Done): boolean {
    if (!this.#ended && this.#mode !== 'over') return false;
    if (done !== undefined) process.nextTick(done);
    return true;
  }

  #modeOfBody(): 'pass' | 'json' | 'events' {
    let rewrites = false;
    this.#exchange.each('message', () => {
      rewrites = true;
    });
    if (!rewrites) return 'pass';
    const type = typeOf(this.#res);
    if (EVENT_STREAM.test(type)) return 'events';
    return JSON_BODY.test(type) ? 'json' : 'pass';
  }

  async #askHeadHooks(): Promise<void> {
    const hooks: (() => void | Promise<void>)[] = [];
    this.#exchange.each('head', ({ name, call }) => {
      hooks.push(() => {
        this.#hook = name;
        return call(this.#exchange, this.#res.statusCode, this.#res.getHeaders());
      });
    });
    for (const hook of hooks) await hook();
    const coding = this.#res.getHeader('content-encoding') ?? 'identity';
    if (this.#mode !== 'pass' && coding !== 'identity') {
      throw new TypeError(
        'the response is compressed before its messages can be rewritten: mount compression outside of this chain',
      );
    }
  }

  #sendHead(): void {
    endInTime(this.#exchange, this.#now);
    this.#sent = true;
    this.#original.writeHead(this.#res.statusCode);
    if (this.#flush) this.#original.flushHeaders();
  }

  async #send(chunk: Buffer, done: Done): Promise<void> {
    if (this.#mode === 'events') {
      const { complete, rest } = splitEvents(Buffer.concat([...this.#kept, chunk]));
      this.#kept = rest.length > 0 ? [rest] : [];
      for (const event of complete) {
        await this.#put(await rewriteEvent(event, (message) => this.#rewrite(message)));
      }
    } else {
      await this.#put(chunk);
    }
    if (done !== undefined) process.nextTick(done);
  }

  /** Writes, and waits while the client reads slower than the handler writes. */
  #put(bytes: Buffer): Promise<void> {
    if (this.#original.write(bytes)) return Promise.resolve();
    return new Promise((resolve) => {
      const go = (): void => {
        this.#res.off('drain', go).off('close', go);
        resolve();
      };
      this.#res.on('drain', go).on('close', go);
    });
  }

  async #sendJson(last: Buffer | undefined): Promise<void> {
    const body = Buffer.concat(last === undefined ? this.#kept : [...this.#kept, last]);
    const changed = await this.#rewriteBody(body);
    if (changed !== undefined) this.#res.removeHeader('etag');
    if (body.length > 0) this.#res.setHeader('content-length', (changed ?? body).length);
    this.#sendHead();
    if (body.length > 0) this.#original.write(changed ?? body);
  }

  async #rewriteBody(body: Buffer): Promise<Buffer | undefined> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body.toString('utf8'));
    } catch {
      return undefined;
    }
    const messages: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
    const rewritten: unknown[] = [];
    for (const message of messages) rewritten.push(isObject(message) ? await this.#rewrite(message) : message);
    if (rewritten.every((message, index) => message === messages[index])) return undefined;
    return Buffer.from(JSON.stringify(Array.isArray(parsed) ? rewritten : rewritten[0]));
  }

  async #rewrite(message: OutgoingMessage): Promise<OutgoingMessage> {
    const hooks: ((value: OutgoingMessage) => OutgoingMessage | Promise<OutgoingMessage>)[] = [];
    this.#exchange.each('message', ({ name, call }) => {
      hooks.push((value) => {
        this.#hook = name;
        return call(this.#exchange, value);
      });
    });
    let current = message;
    for (const hook of hooks) current = await hook(current);
    return current;
  }

  /** Runs a step after all earlier ones. Whether none of them was still under way. */
  #next(step: Step): boolean {
    const start = performance.now();
    const guarded = async (): Promise<void> => {
      if (this.#mode === 'over' || this.#res.destroyed) return;
      try {
        await step();
      } catch (error) {
        this.#fail(start, error);
      }
    };
    const free = this.#tail === undefined;
    const tail = (this.#tail ?? Promise.resolve()).then(guarded).then(() => {
      if (this.#tail !== tail) return;
      this.#tail = undefined;
      if (!this.#starved) return;
      this.#starved = false;
      this.#res.emit('drain');
    });
    this.#tail = tail;
    return free;
  }

  /** Nothing of the handler's answer was sent yet: the client gets ours. Else the connection is cut. */
  #fail(start: number, error: unknown): void {
    this.#mode = 'over';
    const reply = this.#exchange.refuse(this.#hook, start, error);
    if (this.#sent) {
      this.#res.destroy();
      return;
    }
    for (const name of this.#res.getHeaderNames()) this.#res.removeHeader(name);
    setHookHeaders(this.#exchange);
    setHeaders(this.#res, reply.headers);
    this.#res.statusCode = reply.status;
    this.#original.writeHead(reply.status);
    this.#original.end(reply.body);
  }
}

function typeOf(res: ServerResponse): string {
  return String(res.getHeader('content-type') ?? '');
}
