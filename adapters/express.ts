import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ordered } from '../lib/chain.js';
import { answer, assertEndpoints, type Endpoint } from '../lib/endpoint.js';
import { open } from '../lib/exchange.js';
import type { AnyMiddleware } from '../lib/middleware.js';
import { prepareMount, type AdapterOptions } from '../lib/mount.js';
import { send } from '../lib/reply.js';

type Request = IncomingMessage & { originalUrl?: string; ip?: string | undefined; body?: unknown; app?: object };
type Handler = (req: Request, res: ServerResponse, next: (error?: unknown) => void) => void;

/** Mounts middlewares on Express 4 or 5. Options, if any, come first. */
export function toExpress<const List extends readonly AnyMiddleware[]>(
  options: AdapterOptions,
  ...list: List & Ordered<List>
): Handler;
// The last overload is the one that compilers explain: a wrong order is named there.
export function toExpress<const List extends readonly AnyMiddleware[]>(...list: List & Ordered<List>): Handler;
export function toExpress(...args: readonly (AdapterOptions | AnyMiddleware)[]): Handler {
  const { chain, options } = prepareMount('toExpress', args);
  return (req, res, next) => {
    const seen = {
      target: req.originalUrl ?? req.url ?? '',
      ip: () => req.ip ?? '',
      parsedBody: () => req.body,
      needsBodyMark: !isExpress5(req),
    };
    open(req, res, seen, options)
      .admit(chain)
      .then((reply) => {
        if (reply === undefined) next();
        else send(res, reply);
      })
      .catch(next);
  };
}

/** By the prototype of the requests of an app. */
const express5 = new WeakMap<object, boolean>();

/** Only the apps of Express 4 make their router when it is first needed. */
function isExpress5(req: Request): boolean {
  const prototype = Object.getPrototypeOf(req) as object;
  const known = express5.get(prototype);
  if (known !== undefined) return known;
  const { app } = req;
  const isOne = app !== undefined && !('lazyrouter' in app);
  express5.set(prototype, isOne);
  return isOne;
}

/** Serves documents such as `protectedResource(...)` on Express 4 or 5. Mount it at the root of the app. */
export function serveExpress(...endpoints: readonly Endpoint[]): Handler {
  assertEndpoints('serveExpress', endpoints);
  return (req, res, next) => {
    answer(endpoints, req.method ?? 'GET', req.originalUrl ?? req.url ?? '', req.rawHeaders)
      .then((reply) => {
        if (reply === undefined) next();
        else send(res, reply);
      })
      .catch(next);
  };
}
