import type { RequestContext, Slot, State } from './context.js';
import type { Decision, HandlerCall, Outcome } from './decision.js';
import type { OutgoingMessage } from './rpc.js';

/** The shape in which MCP SDKs hand the caller's identity to tool handlers. */
export interface AuthInfo {
  readonly token: string;
  readonly clientId: string;
  readonly scopes: string[];
  /** Seconds since the epoch. */
  readonly expiresAt?: number;
  readonly resource?: URL;
  readonly extra?: Record<string, unknown>;
}

/**
 * What a middleware wants done later in the life of a request.
 *
 * Hooks belong to the request: they also see what later mounts decide. A hook of a middleware whose `run` was not
 * reached is called as well, so it reads `ctx.state` as partial.
 */
export interface Hooks {
  /** Sees every verdict, of later mounts too. */
  readonly decided?: (ctx: RequestContext, decision: Decision) => void;
  /**
   * Runs after the last check of each mount and before `admitted`: takes what only one request may have at a time, so that
   * nobody hears that a request was let through which is denied for that. May still deny.
   */
  readonly claim?: (ctx: RequestContext) => void | Promise<void>;
  /** Runs after the last check of each mount, its own and later ones, and after the body was read. May still deny. */
  readonly admitted?: (ctx: RequestContext) => void | Promise<void>;
  /** Runs after a check or such a hook has denied, before the answer. What it throws is answered instead. */
  readonly refused?: (ctx: RequestContext) => void | Promise<void>;
  /** Hears of calls that the handler makes with `callTool` and `chainFetch`. It cannot stop them. */
  readonly called?: (ctx: RequestContext, call: HandlerCall) => void;
  /** Headers that are set on the response in any case. */
  readonly headers?: (ctx: RequestContext) => Readonly<Record<string, string>>;
  /** Sees status and headers before the client does: the response is held until it is done. May still deny. */
  readonly head?: (
    ctx: RequestContext,
    status: number,
    headers: Readonly<Record<string, number | string | string[] | undefined>>,
  ) => void | Promise<void>;
  /** Rewrites an outgoing JSON-RPC message, in JSON and SSE alike. Returns the same object to leave it as it is. */
  readonly message?: (ctx: RequestContext, message: OutgoingMessage) => OutgoingMessage | Promise<OutgoingMessage>;
  /** Whether `message` has to see the response to this request, asked before its head is sent. Default: it has. */
  readonly seesMessages?: (ctx: RequestContext) => boolean;
  /** When an event stream must end, at the latest. */
  readonly until?: (ctx: RequestContext) => Date | undefined;
  /** Runs exactly once, when the response was sent or the client went away. */
  readonly settled?: (ctx: RequestContext, outcome: Outcome) => void;
  /** The caller as tool handlers see it. The first mounted hook that answers wins. */
  readonly authInfo?: (ctx: RequestContext) => AuthInfo | undefined;
  /** Names of request headers, in lower case, that handlers do not get to see. Later checks still do. */
  readonly withheld?: (ctx: RequestContext) => readonly string[];
}

/** What `run` returns: every slot it declared, and perhaps some that it only may prove. */
export type Proven<Adds extends Slot, MayAdd extends Slot = never> = Pick<State, Adds> & Partial<Pick<State, MayAdd>>;

/**
 * One independent check. It returns the facts it proved, or throws a `Denial`.
 * There is no `next`: returning is the only way to let a request through.
 */
export interface Middleware<
  Needs extends Slot = never,
  Adds extends Slot = never,
  OneOf extends Slot = never,
  MayAdd extends Slot = never,
> {
  readonly name: string;
  /** Proven earlier, or the chain does not build. */
  readonly needs: readonly Needs[];
  /** At least one of these may be proven earlier, or the chain does not build. */
  readonly oneOf?: readonly OneOf[];
  /** Used when present; a later middleware that adds one does not build. */
  readonly reads?: readonly Slot[];
  /** Proven on every request that passes. */
  readonly adds: readonly Adds[];
  /** Proven on some requests only. */
  readonly mayAdd?: readonly MayAdd[];
  readonly run: (ctx: RequestContext<Needs>) => Proven<Adds, MayAdd> | Promise<Proven<Adds, MayAdd>>;
  readonly hooks?: Hooks;
}

/** Any middleware, whatever it needs and adds. */
export interface AnyMiddleware {
  readonly name: string;
  readonly needs: readonly Slot[];
  readonly oneOf?: readonly Slot[];
  readonly reads?: readonly Slot[];
  readonly adds: readonly Slot[];
  readonly mayAdd?: readonly Slot[];
  readonly run: (ctx: never) => Partial<State> | Promise<Partial<State>>;
  readonly hooks?: Hooks;
}
