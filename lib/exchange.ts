import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { assertJson, MAX_BODY_BYTES, readBytes, wasRead } from './body.js';
import { pick, type Chain } from './chain.js';
import type { HttpRequest, RequestContext, Slot, State } from './context.js';
import type { Decision, Outcome } from './decision.js';
import { Denial, Unavailable } from './denial.js';
import type { AnyMiddleware, AuthInfo, Hooks } from './middleware.js';
import { assertMirrored } from './mirror.js';
import { replyTo, type PolicyDenials, type Reply } from './reply.js';
import { holdResponse, watchHead } from './response.js';
import { parseJson, readMessages, type RpcMessage } from './rpc.js';

/** What the framework knows and Node does not. */
export interface Seen {
  /** The request target before any mount path was stripped. */
  readonly target: string;
  /** The client address behind trusted proxies. */
  readonly ip: () => string;
  /** What a body parser made of the body, if one ran. */
  readonly parsedBody: () => unknown;
}

/** Options of an adapter. */
export interface AdapterOptions {
  /** `'rpc'` answers refusals that no other token can cure as a JSON-RPC error with status 200. Default: `'http'`. */
  readonly policyDenials?: PolicyDenials;
  /** The largest body that is read, in bytes. Default: 4 MiB. */
  readonly bodyLimit?: number;
  /** Makes the id of a request. Default: a random UUID. */
  readonly newId?: () => string;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** Sees what was answered with a constant 500. Default: one escaped line on standard error. */
  readonly onError?: (error: unknown, ctx: RequestContext) => void;
}

const kExchange = Symbol('mcp-etdi.exchange');
const kContext = Symbol('mcp-etdi.context');
const WITHOUT_MESSAGES: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

type Carrier = IncomingMessage & { [kExchange]?: Exchange };

/** Opens the exchange of a request, or finds it again: one request, one context, however many mounts. */
export function open(req: IncomingMessage, res: ServerResponse, seen: Seen, options: AdapterOptions = {}): Exchange {
  const known = (req as Carrier)[kExchange];
  if (known !== undefined) {
    known.seen = seen;
    return known;
  }
  const exchange = new Exchange(req, res, seen, options);
  Object.defineProperty(req, kExchange, { value: exchange });
  return exchange;
}

/** The life of one request across all mounts: the only place where anything about it changes. */
export class Exchange implements RequestContext, HttpRequest {
  readonly id: string;
  readonly method: string;
  readonly target: string;
  readonly state: RequestContext['state'] = {};
  readonly decisions: Decision[] = [];
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly body: () => Promise<Uint8Array> = () => (this.#bytes ??= this.#readBytes());
  readonly rpc: () => Promise<readonly RpcMessage[]> = () => (this.#rpc ??= this.#readRpc());
  seen: Seen;
  readonly #options: AdapterOptions;
  readonly #chains: Chain[] = [];
  readonly #now: () => Date;
  readonly #start = performance.now();
  #bytes: Promise<Uint8Array> | undefined;
  #rpc: Promise<readonly RpcMessage[]> | undefined;
  #parsed: unknown;
  #messages: readonly RpcMessage[] | undefined;
  #watched = false;
  #held = false;
  #running = 0;
  #closed = false;

  constructor(req: IncomingMessage, res: ServerResponse, seen: Seen, options: AdapterOptions) {
    this.id = (options.newId ?? randomUUID)();
    this.req = req;
    this.res = res;
    this.seen = seen;
    this.method = req.method ?? 'GET';
    this.target = seen.target;
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  get request(): HttpRequest {
    return this;
  }

  get headers(): HttpRequest['headers'] {
    return this.req.headersDistinct;
  }

  get ip(): string {
    return this.seen.ip();
  }

  get messages(): readonly RpcMessage[] | undefined {
    return this.#messages;
  }

  /** Runs one mount. Resolves to a reply when it denied, else to nothing. Never rejects. */
  async admit(chain: Chain): Promise<Reply | undefined> {
    this.#enter(chain);
    this.#running += 1;
    let name = '';
    let start = 0;
    try {
      for (const middleware of chain.list) {
        name = middleware.name;
        start = performance.now();
        const proven = middleware.run(this as never);
        this.#prove(middleware, isPromise(proven) ? await proven : proven);
        this.#record({ middleware: name, effect: 'allow', ms: performance.now() - start });
      }
      for (const hook of chain.hooks.admitted) {
        name = hook.name;
        start = performance.now();
        await hook.call(this);
      }
      if (this.#bytes !== undefined && this.#rpc === undefined) await this.rpc();
      this.#handOver();
      return undefined;
    } catch (error) {
      return this.refuse(name, start, error);
    } finally {
      this.#running -= 1;
      if (this.#closed) this.#settle();
    }
  }

  /** Records a failure of `name` and makes the answer to it. Never throws. */
  refuse(name: string, start: number, error: unknown): Reply {
    const verdict = verdictOf(error);
    const decision: Decision = { middleware: name, effect: 'deny', ms: performance.now() - start, ...verdict };
    try {
      this.#record(decision);
      if (verdict.code === 'internal_error') (this.#options.onError ?? reportError)(error, this);
    } catch (failure) {
      reportError(failure, this);
    }
    return replyTo(error, this.#messages, this.#options.policyDenials ?? 'http');
  }

  /** What the next handler gets as the parsed body, when this package has read it. */
  get parsedBody(): { readonly value: unknown } | undefined {
    return this.#messages === undefined || this.#bytes === undefined ? undefined : { value: this.#parsed };
  }

  /** Calls every hook of a kind, in mounting order. */
  each<Kind extends keyof Hooks>(kind: Kind, visit: (hook: Chain['hooks'][Kind][number]) => void): void {
    for (const chain of this.#chains) for (const hook of chain.hooks[kind]) visit(hook);
  }

  #enter(chain: Chain): void {
    if (this.#chains.length === 0) this.#watch();
    if (!this.#chains.includes(chain)) this.#chains.push(chain);
    if (chain.holds && !this.#held) {
      this.#held = this.#watched = true;
      holdResponse(this, this.#now);
    } else if (chain.watches && !this.#watched) {
      this.#watched = true;
      watchHead(this, this.#now);
    }
  }

  #watch(): void {
    const onClose = (): void => {
      this.#closed = true;
      if (this.#running === 0) this.#settle();
    };
    if (this.res.closed) onClose();
    else this.res.once('close', onClose);
  }

  #settle(): void {
    this.#closed = false;
    const { res } = this;
    const outcome: Outcome = {
      status: res.headersSent ? res.statusCode : undefined,
      ms: performance.now() - this.#start,
      aborted: !res.writableFinished,
    };
    this.each('settled', (hook) => {
      try {
        hook.call(this, outcome);
      } catch (error) {
        reportError(error, this);
      }
    });
  }

  /** Files what a middleware proved: every slot it declared, none that it did not, each only once. */
  #prove({ name, adds, mayAdd = [] }: AnyMiddleware, proven: Partial<State>): void {
    for (const slot of adds) {
      if (proven[slot] === undefined) throw new TypeError(`${name} declared '${slot}' but did not prove it`);
      this.#file(name, slot, proven[slot]);
    }
    for (const slot of mayAdd) if (proven[slot] !== undefined) this.#file(name, slot, proven[slot]);
  }

  #file(name: string, slot: Slot, value: object): void {
    if (this.state[slot] === value) return;
    if (this.state[slot] !== undefined) throw new TypeError(`${name} would replace '${slot}', which is already proven`);
    Object.defineProperty(this.state, slot, { value: Object.freeze(value), enumerable: true });
  }

  #record(decision: Decision): void {
    this.decisions.push(decision);
    this.each('decided', (hook) => {
      hook.call(this, decision);
    });
  }

  async #readBytes(): Promise<Uint8Array> {
    return readBytes(this.req, this.seen.parsedBody(), this.#options.bodyLimit ?? MAX_BODY_BYTES);
  }

  async #readRpc(): Promise<readonly RpcMessage[]> {
    if (WITHOUT_MESSAGES.has(this.method)) return (this.#messages = []);
    assertJson(this.req);
    const parsed = this.seen.parsedBody();
    const parserRan = parsed !== undefined && !Buffer.isBuffer(parsed) && wasRead(this.req);
    this.#parsed = parserRan ? parsed : parseJson(await this.body());
    const messages = readMessages(this.#parsed);
    this.#messages = messages;
    assertMirrored(this.headers, messages);
    return messages;
  }

  /** Gives the next handler what MCP SDKs look for on the Node request: the parsed body and the caller. */
  #handOver(): void {
    const target = this.req as { body?: unknown; _body?: boolean; auth?: AuthInfo };
    if (this.parsedBody !== undefined && this.#messages?.length !== 0) {
      target.body = this.#parsed;
      target._body = true;
    }
    this.each('authInfo', (hook) => {
      if (target.auth !== undefined && kContext in (target.auth.extra ?? {})) return;
      const info = hook.call(this);
      if (info !== undefined) target.auth = carrying(info, this);
    });
  }
}

/**
 * The context of a request that passed an adapter, with the named slots proven.
 *
 * `source` is an Express request, a Koa context, the `extra` of an SDK v1 handler or the `ctx` of an SDK v2 handler.
 * @throws {TypeError} when the request passed no adapter, or a slot was not proven
 */
export function contextOf<Has extends Slot = never>(source: object, ...slots: readonly Has[]): RequestContext<Has> {
  const exchange = findExchange(source);
  if (exchange === undefined) throw new TypeError('contextOf: this request did not pass toExpress(...) or toKoa(...)');
  pick(exchange.state, slots);
  return exchange as RequestContext as RequestContext<Has>;
}

interface Sources {
  readonly [kExchange]?: Exchange;
  readonly req?: { readonly [kExchange]?: Exchange };
  readonly authInfo?: AuthInfo;
  readonly http?: { readonly authInfo?: AuthInfo };
}

function findExchange(source: Sources): RequestContext | undefined {
  const info = source.authInfo ?? source.http?.authInfo;
  const carried = info?.extra as { readonly [kContext]?: RequestContext } | undefined;
  return source[kExchange] ?? source.req?.[kExchange] ?? carried?.[kContext];
}

/** Not enumerable, so that a handler which prints or copies `extra` does not drag the request along. */
function carrying(info: AuthInfo, ctx: RequestContext): AuthInfo {
  const extra = Object.defineProperty({ ...info.extra }, kContext, { value: ctx });
  return Object.defineProperty(info, 'extra', { value: extra, enumerable: true });
}

function verdictOf(
  error: unknown,
): Pick<Extract<Decision, { effect: 'deny' }>, 'status' | 'code' | 'detail' | 'cause'> {
  if (error instanceof Denial) {
    const { status, code, detail, cause } = error;
    return { status, code, ...(detail === undefined ? {} : { detail }), ...(cause === undefined ? {} : { cause }) };
  }
  if (error instanceof Unavailable) return { status: error.status, code: error.code, cause: error.cause };
  return { status: 500, code: 'internal_error', cause: error };
}

/** One line, with everything a client could have put into an error message escaped. */
function reportError(error: unknown, ctx: RequestContext): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const line = JSON.stringify({ source: 'mcp-etdi', request: ctx.id, error: text });
  process.stderr.write(
    `${line.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`,
  );
}

function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof (value as { then?: unknown }).then === 'function';
}
