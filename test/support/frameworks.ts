import { createRequire } from 'node:module';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express from 'express';
import Koa from 'koa';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import type { AdapterOptions, AnyMiddleware } from '../../lib/index.js';

const require = createRequire(import.meta.url);

/** What runs when every mount let a request through. It may throw. */
export type Route = (req: IncomingMessage, res: ServerResponse) => void;

/** One `toExpress(...)` or `toKoa(...)`: options, if any, come first. */
export type MountArguments = readonly (AdapterOptions | AnyMiddleware)[];

/** Makes an application with these mounts, one after the other, before the route. */
export type Boot = (mounts: readonly MountArguments[], route: Route) => RequestListener;

/** Every framework and version that is promised to work. */
export const frameworks: Readonly<Record<string, Boot>> = {
  'Express 5': bootExpress(express),
  'Express 4': bootExpress(require('express4') as typeof express),
  'Koa 3': bootKoa(Koa),
  'Koa 2': bootKoa(require('koa2') as typeof Koa),
};

function bootExpress(framework: typeof express): Boot {
  return (mounts, route) => {
    const app = framework();
    // Else Express prints what a route throws.
    app.set('env', 'test');
    for (const mount of mounts) app.use('/mcp', (toExpress as (...args: MountArguments) => RequestListener)(...mount));
    app.use('/mcp', route);
    return app as RequestListener;
  };
}

function bootKoa(Framework: typeof Koa): Boot {
  return (mounts, route) => {
    const app = new Framework();
    app.silent = true;
    for (const mount of mounts) app.use((toKoa as (...args: MountArguments) => Koa.Middleware)(...mount));
    app.use((ctx) => {
      ctx.respond = false;
      // Koa sets 404 before anything has answered.
      ctx.res.statusCode = 200;
      route(ctx.req, ctx.res);
    });
    const handle = app.callback();
    return (req, res) => void handle(req, res);
  };
}
