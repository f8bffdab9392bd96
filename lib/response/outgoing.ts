import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Reply } from '../reply.js';
import { reportError } from '../report.js';
import { doneOf, readArguments, type Done } from './arguments.js';
import { endAt } from './deadline.js';
import { EventSplitter, rewriteEvent } from './events.js';
import { applyHead, isEventStream, isJson } from './head.js';
import type { ResponseHooks } from './hooks.js';
import type { Original } from './original.js';
import { Steps, type Step, type StepOwner } from './steps.js';

type Arguments = unknown[];

/** Headers that describe a body as it was before its messages were rewritten. */
const ABOUT_THE_BODY = ['etag', 'content-digest', 'repr-digest', 'digest', 'content-md5'];

/**
 * A response on its way out: takes what the handler sends, asks the hooks, and sends what they leave of it.
 * What has to wait for a hook waits in order; what has not, goes through to Node at once.
 */
export class Outgoing implements StepOwner {
  /** Whether the handler has sent its head, be it on the wire or not. */
  started: boolean;
  /** Whether a head is on the wire. */
  sent: boolean;
  readonly #res: ServerResponse;
  readonly #hooks: ResponseHooks;
  readonly #now: () => Date;
  readonly #original: Original;
  /** What was set before the first mount, CORS headers for example. An answer of ours keeps it. */
  readonly #outerHeaders: OutgoingHttpHeaders;
  readonly #steps = new Steps(this);
  /** `over`: the answer was replaced or cut off, and what the handler still writes is dropped. */
  #mode: 'pass' | 'json' | 'events' | 'over' = 'pass';
  #json: Buffer[] = [];
  #events: EventSplitter | undefined;
  #ending = false;
  #ended = false;
  #passing = false;
  #flush = false;
  #starved = false;

  /** @param original what the response did before it was patched */
  constructor(res: ServerResponse, original: Original, hooks: ResponseHooks, now: () => Date) {
    this.#res = res;
    this.#hooks = hooks;
    this.#now = now;
    this.#original = original;
    this.#outerHeaders = res.getHeaders();
    // Perhaps something in front has begun an answer. It is no longer ours then.
    this.started = this.sent = res.headersSent;
  }

  writeHead(status: number, rest: Arguments): ServerResponse {
    const res = this.#res;
    if (this.#mode === 'over') return res;
    if (this.sent || this.#passing) {
      this.#original.writeHead.call(res, status, ...rest);
      this.sent = true;
      return res;
    }
    if (this.started) throw new Error('the response head was already written');
    applyHead(res, status, rest);
    this.started = true;
    this.#steps.take(() => {
      this.#mode = this.#modeOfBody();
      return this.#hooks.askHead(res, this.#mode !== 'pass');
    });
    if (this.#mode === 'json' || this.#ending) return res;
    this.#steps.take(() => {
      this.#sendHead();
    });
    return res;
  }

  write(args: Arguments): boolean {
    if (this.#passing) return this.#original.write.apply(this.#res, args);
    if (!this.#accepts(args)) return false;
    if (this.#mode === 'pass' && this.#steps.idle) return this.#original.write.apply(this.#res, args);
    if (this.#mode === 'pass') return this.#takeOrStarve(() => this.#put(args));
    const { chunk, done } = readArguments(args);
    if (this.#events !== undefined) {
      const events = this.#events.push(chunk);
      return this.#takeOrStarve(() => this.#putEvents(events, done));
    }
    this.#json.push(Buffer.from(chunk));
    if (done !== undefined) process.nextTick(done);
    return true;
  }

  end(args: Arguments): ServerResponse {
    this.#ending = true;
    try {
      if (!this.#accepts(args)) return this.#res;
    } finally {
      this.#ending = false;
    }
    this.#ended = true;
    this.#steps.take(() => this.#finish(args));
    return this.#res;
  }

  flushHeaders(): void {
    if (!this.#accepts([])) return;
    if (this.sent) this.#original.flushHeaders.call(this.#res);
    else this.#flush = true;
  }

  /** The client is gone, or must get nothing more: whatever waits is dropped. */
  close(): void {
    this.#mode = 'over';
    this.#steps.stop();
  }

  /** Nothing of the handler's answer is on the wire: the client gets ours. Else the connection is cut. */
  failed(error: unknown): void {
    this.close();
    const reply = this.#hooks.refuse(error);
    try {
      if (!this.sent) {
        this.#replace(reply);
        return;
      }
    } catch (failure) {
      reportError(failure, 'response');
    }
    this.#res.destroy();
  }

  caughtUp(): void {
    if (!this.#starved) return;
    this.#starved = false;
    this.#res.emit('drain');
  }

  /** Whether the handler may still write. Its head goes first, where it has written none. */
  #accepts(args: Arguments): boolean {
    if (!this.started && this.#mode !== 'over') this.#res.writeHead(this.#res.statusCode);
    if (!this.#ended && this.#mode !== 'over') return true;
    const done = doneOf(args);
    if (done !== undefined) process.nextTick(done);
    return false;
  }

  #modeOfBody(): 'pass' | 'json' | 'events' {
    if (!this.#hooks.seeMessages()) return 'pass';
    if (isJson(this.#res)) return 'json';
    if (!isEventStream(this.#res)) return 'pass';
    this.#events = new EventSplitter();
    return 'events';
  }

  #replace(reply: Reply): void {
    const res = this.#res;
    for (const name of res.getHeaderNames()) res.removeHeader(name);
    this.#hooks.trySetHeaders(res);
    const headers = Object.entries({ ...this.#outerHeaders, ...reply.headers });
    for (const [name, value] of headers) if (value !== undefined) res.setHeader(name, value);
    this.#declareLength(Buffer.byteLength(reply.body));
    res.statusMessage = '';
    this.started = true;
    this.#original.writeHead.call(res, reply.status);
    this.sent = true;
    this.#endWith(reply.body);
  }

  /** A body with a length and another framing beside it would let two readers see two responses (RFC 9112 section 6.1). */
  #declareLength(length: number): void {
    this.#res.removeHeader('transfer-encoding');
    this.#res.removeHeader('trailer');
    this.#res.setHeader('Content-Length', length);
  }

  #sendHead(): void {
    const end = isEventStream(this.#res) ? this.#hooks.endOfStream() : Infinity;
    if (this.#mode === 'events') this.#res.removeHeader('content-length');
    this.#original.writeHead.call(this.#res, this.#res.statusCode);
    this.sent = true;
    if (this.#flush) this.#original.flushHeaders.call(this.#res);
    if (end === Infinity) return;
    endAt(this.#res, end, this.#now, () => {
      this.#cutOff();
    });
  }

  #cutOff(): void {
    this.close();
    this.#endWith();
  }

  /** What is below writes the head now where nothing has, and counts the body for it; some of it calls `write`. */
  #endWith(...args: Arguments): void {
    this.#passing = true;
    try {
      this.#original.end.apply(this.#res, args);
    } finally {
      this.#passing = false;
    }
  }

  #takeOrStarve(step: Step): boolean {
    const taken = this.#steps.take(step);
    this.#starved ||= !taken;
    return taken;
  }

  /** Writes, and waits while the client reads slower than the handler writes. */
  #put(args: Arguments): Promise<void> | undefined {
    if (this.#original.write.apply(this.#res, args)) return undefined;
    return new Promise((resolve) => void this.#res.once('drain', resolve));
  }

  async #putEvents(events: readonly Buffer[], done: Done): Promise<void> {
    for (const event of events) {
      const bytes = await rewriteEvent(event, (message) => this.#hooks.rewriteMessage(message));
      if (this.#mode === 'over') return;
      await this.#put([bytes]);
    }
    if (done !== undefined) process.nextTick(done);
  }

  #finish(args: Arguments): Promise<void> | undefined {
    if (this.#mode === 'json') return this.#finishJson(args);
    if (this.#events !== undefined) return this.#finishEvents(args, this.#events);
    this.#endWith(...args);
    return undefined;
  }

  async #finishEvents(args: Arguments, splitter: EventSplitter): Promise<void> {
    const { chunk, done } = readArguments(args);
    if (!this.sent) this.#sendHead();
    await this.#putEvents([...splitter.push(chunk), ...splitter.rest()], undefined);
    if (this.#mode !== 'over') this.#endWith(done);
  }

  async #finishJson(args: Arguments): Promise<void> {
    const { chunk, done } = readArguments(args);
    const body = Buffer.concat([...this.#json, chunk]);
    const changed = body.length === 0 ? undefined : await this.#hooks.rewriteBody(body.toString());
    if (this.#mode === 'over') return;
    const bytes = changed === undefined ? body : Buffer.from(changed);
    if (changed !== undefined) for (const name of ABOUT_THE_BODY) this.#res.removeHeader(name);
    if (bytes.length > 0) this.#declareLength(bytes.length);
    this.#sendHead();
    this.#endWith(bytes, done);
  }
}
