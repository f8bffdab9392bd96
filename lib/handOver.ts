import type { IncomingMessage } from 'node:http';
import { pick } from './chain.js';
import type { RequestContext, Slot, State } from './context.js';
import type { AuthInfo } from './middleware.js';
import { noProofs } from './proofs.js';

/** Under this symbol a Node request carries its context. */
export const kExchange: unique symbol = Symbol('mcp-etdi.exchange');
const kContext = Symbol('mcp-etdi.context');

/** What MCP SDKs and body parsers look for on the Node request. */
type Receiver = IncomingMessage & { body?: unknown; _body?: boolean; auth?: AuthInfo };

/**
 * Leaves the parsed body where handlers and SDKs look for it. The parsers of Express 4 need a mark to leave it alone.
 * Those of Express 5 do not, and are spared it: a property more costs each request some microseconds there.
 */
export function handOverBody(req: IncomingMessage, parsed: unknown, needsMark: boolean): void {
  const receiver = req as Receiver;
  receiver.body = parsed;
  if (needsMark) receiver._body = true;
}

/** Whether the caller that was left on the Node request is still there. */
export function hasCaller(req: IncomingMessage): boolean {
  return carriedBy((req as Receiver).auth) !== undefined;
}

/** Leaves the caller where SDKs look for it, with the context in `extra`. */
export function handOverAuth(req: IncomingMessage, ctx: RequestContext, info: AuthInfo): void {
  const receiver = req as Receiver;
  // Not enumerable, so that a handler which prints or copies `extra` does not drag the request along. Not spread: V8
  // makes a hidden class for each spread object that is added to, and these pile up until a full collection.
  const extra = Object.defineProperty(Object.assign({}, info.extra), kContext, { value: ctx });
  receiver.auth = { ...info, extra };
}

/** Takes headers off the Node request, in every form in which it has them. SDKs hand all of them to tool handlers. */
export function withhold(req: IncomingMessage, names: readonly string[]): void {
  const { headers, rawHeaders } = req;
  // HTTP/2 has no such form.
  const { headersDistinct = {} } = req as Partial<IncomingMessage>;
  for (const name of names) {
    Reflect.deleteProperty(headers, name);
    Reflect.deleteProperty(headersDistinct, name);
  }
  const isKept = (index: number): boolean => !names.includes((rawHeaders[index - (index % 2)] ?? '').toLowerCase());
  rawHeaders.splice(0, rawHeaders.length, ...rawHeaders.filter((_, index) => isKept(index)));
}

/**
 * The context of a request that passed an adapter, with the named slots proven.
 *
 * `source` is an Express request, a Koa context, the `extra` of an SDK v1 handler or the `ctx` of an SDK v2 handler; in tests
 * what `fakeContext` makes, or an object that has it as `req`.
 * @throws {TypeError} when the request passed no adapter, or a slot was not proven
 */
export function contextOf<Has extends Slot = never>(source: object, ...slots: readonly Has[]): RequestContext<Has> {
  const ctx = find(source);
  if (ctx === undefined)
    throw new TypeError(
      'contextOf: this request did not pass toExpress(...) or toKoa(...); in tests, pass fakeContext(...)',
    );
  pick(ctx.state, slots);
  return ctx as RequestContext<Has>;
}

/**
 * A source like this one, in which `contextOf` finds the same context with other facts: for what is done within a request
 * on account of something else.
 */
export function withContext<Source extends object>(source: Source, facts: Partial<State>): Source {
  const { id, request, state, decisions } = contextOf(source);
  const ctx: RequestContext = { id, request, state: Object.freeze(Object.assign(noProofs(), state, facts)), decisions };
  // SDKs hand out plain objects, which handlers may copy. Whatever else is found is left as it is, behind the new one.
  const isPlain = Object.getPrototypeOf(source) === Object.prototype;
  const copy = isPlain ? { ...source } : (Object.create(source) as Source);
  // Defined and not assigned: on a Node request the one behind cannot be written over.
  return Object.defineProperty(copy, kExchange, { value: ctx, enumerable: true });
}

interface Sources {
  readonly [kExchange]?: RequestContext;
  readonly req?: { readonly [kExchange]?: RequestContext };
  readonly authInfo?: AuthInfo;
  readonly http?: { readonly authInfo?: AuthInfo };
}

function find(source: Sources | null | undefined): RequestContext | undefined {
  const onRequest = source?.[kExchange] ?? source?.req?.[kExchange];
  return onRequest ?? carriedBy(source?.authInfo ?? source?.http?.authInfo);
}

function carriedBy(info: AuthInfo | undefined): RequestContext | undefined {
  return (info?.extra as { readonly [kContext]?: RequestContext } | undefined)?.[kContext];
}
