import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ordered } from '../lib/chain.js';
import { answer, assertEndpoints, type Endpoint, type EndpointResponse } from '../lib/endpoint.js';
import { open } from '../lib/exchange.js';
import type { AnyMiddleware } from '../lib/middleware.js';
import { prepareMount, type AdapterOptions } from '../lib/mount.js';

interface Context {
  req: IncomingMessage;
  res: ServerResponse;
  request: object;
  originalUrl: string;
  ip: string;
  status: number;
  body: unknown;
  set(fields: Record<string, string>): void;
}
type Handler = (ctx: Context, next: () => Promise<unknown>) => Promise<void>;

/** Mounts middlewares on Koa 2 or 3. Options, if any, come first. */
export function toKoa<const List extends readonly AnyMiddleware[]>(
  options: AdapterOptions,
  ...list: List & Ordered<List>
): Handler;
// The last overload is the one that compilers explain: a wrong order is named there.
export function toKoa<const List extends readonly AnyMiddleware[]>(...list: List & Ordered<List>): Handler;
export function toKoa(...args: readonly (AdapterOptions | AnyMiddleware)[]): Handler {
  const { chain, options } = prepareMount('toKoa', args);
  return async (ctx, next) => {
    const request = ctx.request as { body?: unknown };
    const seen = { target: ctx.originalUrl, ip: () => ctx.ip, parsedBody: () => request.body };
    const exchange = open(ctx.req, ctx.res, seen, options);
    const reply = await exchange.admit(chain);
    if (reply !== undefined) {
      write(ctx, reply);
      return;
    }
    if (exchange.parsedBody !== undefined) request.body = exchange.parsedBody.value;
    await next();
  };
}

/** Serves documents such as `protectedResource(...)` on Koa 2 or 3. */
export function serveKoa(...endpoints: readonly Endpoint[]): Handler {
  assertEndpoints('serveKoa', endpoints);
  return async (ctx, next) => {
    const reply = await answer(endpoints, ctx.req.method ?? 'GET', ctx.originalUrl, ctx.req.rawHeaders);
    if (reply === undefined) await next();
    else write(ctx, reply);
  };
}

function write(ctx: Context, { status, headers, body }: EndpointResponse): void {
  ctx.status = status;
  ctx.body = body;
  ctx.set(headers);
}
