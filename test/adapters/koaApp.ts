import type { RequestListener } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import type Koa from 'koa';
import { serveKoa, toKoa } from '../../adapters/koa.js';
import { answerOk, type App, type Framework, type Io, type Mount, type Parser } from './app.js';

/** Either major version of Koa. */
export type KoaLike = new () => Koa;

type Mounting = (...mount: Mount) => Koa.Middleware;

export function koaFramework(KoaApp: KoaLike): Framework {
  return {
    build: (app) => build(KoaApp, app),
    serve: (...endpoints) => {
      const listener = new KoaApp()
        .use(serveKoa(...endpoints))
        .use((ctx) => {
          ctx.status = 404;
          ctx.body = 'next';
        })
        .callback();
      return (req, res) => void listener(req, res);
    },
    keepsBytes: false,
  };
}

function build(KoaApp: KoaLike, { mounts, handler = answerOk, ...rest }: App): RequestListener {
  const app = new KoaApp();
  app.silent = true;
  if (rest.outside !== undefined) app.use(plain(rest.outside));
  if (rest.parser !== undefined) app.use(parserOf(rest.parser));
  if (rest.prefix !== undefined) app.use(under(rest.prefix));
  for (const [index, mount] of mounts.entries()) {
    if (rest.between !== undefined && index > 0) app.use(plain(rest.between));
    app.use((toKoa as Mounting)(...mount));
  }
  if (rest.inside !== undefined) app.use(plain(rest.inside));
  if (rest.parserBehind === true) app.use(parserOf('json'));
  app.use(async (ctx) => {
    if (ctx.path !== '/missing') await handler(ioOf(ctx));
  });
  const listener = app.callback();
  return (req, res) => void listener(req, res);
}

function plain(run: NonNullable<App['inside'] | App['between']>): Koa.Middleware {
  return async (ctx, next) => {
    await run(ctx.req, ctx.res);
    await next();
  };
}

function parserOf(parser: Parser): Koa.Middleware {
  const enableTypes = parser === 'of other types' ? ['form' as const] : ['json' as const];
  return bodyParser({ enableTypes });
}

/** Strips a path the way `koa-mount` does. */
function under(prefix: string): Koa.Middleware {
  return async (ctx, next) => {
    ctx.path = ctx.path.slice(prefix.length) || '/';
    await next();
  };
}

function ioOf(ctx: Koa.Context): Io {
  return {
    source: ctx,
    req: ctx.req,
    res: ctx.res,
    body: (ctx.request as { body?: unknown }).body,
    path: ctx.path,
    json: (value, status = 200) => {
      ctx.status = status;
      ctx.body = value;
    },
    text: (value, type) => {
      ctx.type = type;
      ctx.body = value;
    },
    pipe: (stream, type) => {
      ctx.type = type;
      ctx.body = stream;
    },
    take: () => {
      ctx.respond = false;
      return ctx.res;
    },
  };
}
