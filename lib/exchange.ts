import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_BODY_BYTES, readBytes, wasRead } from './body.js';
import { joinHooks, NO_HOOKS, type Chain, type HooksByKind } from './chain.js';
import { isOnTheWire, isSent, onceClosed } from './closed.js';
import { connectionOf } from './connection.js';
import type { Connection, HttpRequest, RequestContext } from './context.js';
import type { Decision, HandlerCall, Outcome } from './decision.js';
import { Denial } from './denial.js';
import { handOverAuth, handOverBody, hasCaller, kExchange, withhold } from './handOver.js';
import { linesOf } from './headers.js';
import { Incoming, type Source } from './incoming.js';
import type { AdapterOptions } from './mount.js';
import { isPromise } from './promise.js';
import { fileProofs, noProofs } from './proofs.js';
import { deniedBy, replyTo, verdictOf, type Reply } from './reply.js';
import { reportError } from './report.js';
import type { Outgoing } from './response/outgoing.js';
import { watchResponse } from './response/patch.js';
import type { RpcMessage } from './rpc.js';
import { call, tell } from './tell.js';

declare module './denial.js' {
  interface DenialCodes {
    exchange_closed: 400;
  }
}

/** What the framework knows and Node does not. */
export interface Seen {
  /** The request target before any mount path was stripped. */
  readonly target: string;
  /** The client address behind trusted proxies. */
  readonly ip: () => string;
  /** What a body parser made of the body, if one ran. */
  readonly parsedBody: () => unknown;
  /** Whether parsers mounted behind know a parsed body by `req._body` only, as those of Express 4 do. */
  readonly needsBodyMark?: boolean;
}

type Carrier = IncomingMessage & { [kExchange]?: Exchange };

/** Opens the exchange of a request, or finds it again: one request, one context, however many mounts. */
export function open(req: IncomingMessage, res: ServerResponse, seen: Seen, options: AdapterOptions = {}): Exchange {
  const known = (req as Carrier)[kExchange];
  if (known !== undefined) {
    known.seen = seen;
    known.options = { ...known.options, ...options };
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
  readonly state: RequestContext['state'] = noProofs();
  readonly decisions: Decision[] = [];
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly body: HttpRequest['body'] = () => this.#incoming.bytes();
  readonly rpc: HttpRequest['rpc'] = () => this.#incoming.rpc();
  seen: Seen;
  options: AdapterOptions;
  /** The hooks of all mounts so far, in mounting order. */
  hooks: HooksByKind = NO_HOOKS;
  readonly #incoming = new Incoming(new Received(this));
  readonly #chains: Chain[] = [];
  readonly #start = performance.now();
  #headers: HttpRequest['headers'] | undefined;
  #ip: string | undefined;
  #outgoing: Outgoing | undefined;
  #gaveCaller = false;
  #running = 0;
  #closed = false;
  #settled = false;

  constructor(req: IncomingMessage, res: ServerResponse, seen: Seen, options: AdapterOptions) {
    this.id = newId(options);
    this.req = req;
    this.res = res;
    this.seen = seen;
    this.options = options;
    this.method = req.method ?? 'GET';
    this.target = seen.target;
    onceClosed(req, res, () => {
      this.#close();
    });
  }

  get request(): HttpRequest {
    return this;
  }

  get headers(): HttpRequest['headers'] {
    return (this.#headers ??= linesOf(this.req.rawHeaders));
  }

  get ip(): string {
    return (this.#ip ??= this.seen.ip());
  }

  get connection(): Connection {
    return connectionOf(this.req.socket);
  }

  get messages(): readonly RpcMessage[] | undefined {
    return this.#incoming.messages;
  }

  /** The body as the next handler gets it, where it was read and holds messages. */
  get parsedBody(): { readonly value: unknown } | undefined {
    const { messages = [], parsed } = this.#incoming;
    return messages.length === 0 ? undefined : { value: parsed };
  }

  /** Runs one mount. Resolves to a reply when it denied, else to nothing. Never rejects. */
  async admit(chain: Chain): Promise<Reply | undefined> {
    let name = 'exchange';
    let start = performance.now();
    this.#running += 1;
    try {
      this.#enter(chain);
      for (const middleware of chain.list) {
        name = middleware.name;
        start = performance.now();
        const proven: unknown = middleware.run(this as never);
        fileProofs(this.state, middleware, isPromise(proven) ? await proven : proven, this.#before(chain));
        this.#allow(name, start);
      }
      name = 'exchange';
      // Once a check has read the body no handler can, so it gets what was read, and is not reached where that is nothing.
      if (this.#incoming.asked) await this.rpc();
      for (const hook of this.#lastWords()) {
        name = hook.name;
        start = performance.now();
        await hook.call(this);
      }
      this.#assertOpen();
      this.#handOver();
      return undefined;
    } catch (error) {
      return await this.#deny(name, start, error);
    } finally {
      this.#running -= 1;
      if (this.#closed) this.#settle();
    }
  }

  /** Tells of a call that the handler makes. */
  called(call: HandlerCall): void {
    for (const hook of this.hooks.called) tell(this.id, hook.call, this, call);
  }

  /** Records a failure of `name` and makes the answer to it. Never throws. */
  refuse(name: string, start: number, error: unknown): Reply {
    const verdict = verdictOf(error);
    const decision = deniedBy(name, performance.now() - start, verdict);
    this.decisions.push(decision);
    for (const hook of this.hooks.decided) tell(this.id, hook.call, this, decision);
    if (verdict !== error) tell(this.id, this.options.onError ?? reportTo, error, this);
    const { messages, parsed } = this.#incoming;
    return replyTo(verdict, { messages, batch: Array.isArray(parsed) }, this.options.policyDenials ?? 'http');
  }

  /** The answer to a failure, once all who have to be done before it are. Never rejects. */
  async #deny(name: string, start: number, error: unknown): Promise<Reply> {
    const reply = this.refuse(name, start, error);
    for (const hook of this.hooks.refused) {
      const began = performance.now();
      try {
        await hook.call(this);
      } catch (failure) {
        return this.refuse(hook.name, began, failure);
      }
    }
    return reply;
  }

  #enter(chain: Chain): void {
    if (!this.#chains.includes(chain)) {
      this.#chains.push(chain);
      this.hooks = this.#chains.length === 1 ? chain.hooks : joinHooks(this.hooks, chain.hooks);
    }
    this.#assertOpen();
    if (chain.watches) this.#outgoing ??= watchResponse(this, this.options.now ?? systemTime);
  }

  /** The hooks that run when all checks of a mount are done. */
  #lastWords(): HooksByKind['admitted'] {
    const { claim, admitted } = this.hooks;
    return claim.length === 0 ? admitted : [...claim, ...admitted];
  }

  #before(chain: Chain): readonly Chain[] {
    return this.#chains.length === 1 ? [] : this.#chains.filter((other) => other !== chain);
  }

  /** Nobody would read the answer, and the record of the request may be complete: nothing more happens for it. */
  #assertOpen(): void {
    if (this.#closed) throw new Denial(400, 'exchange_closed', 'The exchange is closed');
  }

  #close(): void {
    this.#closed = true;
    this.#outgoing?.close();
    if (this.#running === 0 && this.#chains.length > 0) this.#settle();
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    if (this.hooks.settled.length === 0) return;
    const sent = isSent(this.res);
    const outcome: Outcome = {
      status:
        sent || isOnTheWire(this.res, this.#outgoing?.sent ?? this.res.headersSent) ? this.res.statusCode : undefined,
      ms: performance.now() - this.#start,
      aborted: !sent,
    };
    for (const hook of this.hooks.settled) tell(this.id, hook.call, this, outcome);
  }

  /** A hook that cannot hear that a request was let through denies it. */
  #allow(middleware: string, start: number): void {
    const decision: Decision = { middleware, effect: 'allow', ms: performance.now() - start };
    this.decisions.push(decision);
    for (const hook of this.hooks.decided) call(this.id, hook.call, this, decision);
  }

  #handOver(): void {
    const { parsedBody } = this;
    if (parsedBody !== undefined) handOverBody(this.req, parsedBody.value, this.seen.needsBodyMark === true);
    this.#handOverCaller();
    for (const hook of this.hooks.withheld) this.#withhold(hook.call(this));
  }

  /** The first of the checks that know a caller counts, unless somebody took it off again before a later mount. */
  #handOverCaller(): void {
    if (this.#gaveCaller && hasCaller(this.req)) return;
    for (const hook of this.hooks.authInfo) {
      const info = hook.call(this);
      if (info === undefined) continue;
      handOverAuth(this.req, this, info);
      this.#gaveCaller = true;
      return;
    }
  }

  /** Later mounts still read what arrived. */
  #withhold(names: readonly string[]): void {
    this.#headers ??= linesOf(this.req.rawHeaders);
    withhold(this.req, names);
  }
}

/** A body that comes over the connection. */
class Received implements Source {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get method(): string {
    return this.#exchange.method;
  }

  get headers(): HttpRequest['headers'] {
    return this.#exchange.headers;
  }

  wasRead(): boolean {
    return wasRead(this.#exchange.req);
  }

  parsed(): unknown {
    return this.#exchange.seen.parsedBody();
  }

  bytes(): Promise<Uint8Array> {
    const { req, options } = this.#exchange;
    return readBytes(req, () => this.parsed(), options.bodyLimit ?? MAX_BODY_BYTES);
  }
}

/** Tells those who record a request of a call that its handler makes. Of a context that no adapter made nobody does. */
export function tellCall(ctx: RequestContext, call: HandlerCall): void {
  if (ctx instanceof Exchange) ctx.called(call);
}

const systemTime = (): Date => new Date();
const reportTo = (error: unknown, { id }: RequestContext): void => {
  reportError(error, id);
};

/** A developer's function that fails must not cost a request its answer. */
function newId({ newId: make = randomUUID }: AdapterOptions): string {
  try {
    return make();
  } catch (error) {
    const id = randomUUID();
    reportError(error, id);
    return id;
  }
}
