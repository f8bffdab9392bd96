import type { RequestListener } from 'node:http';
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import { serveExpress, toExpress } from '../../adapters/express.js';
import { answerOk, type App, type Framework, type Io, type Mount, type Parser } from './app.js';

/** Either major version of Express. */
export type ExpressLike = (() => Express) & {
  readonly json: (options?: object) => RequestHandler;
  readonly raw: (options?: object) => RequestHandler;
};

type Mounting = (...mount: Mount) => RequestHandler;

export function expressFramework(express: ExpressLike): Framework {
  return {
    build: (app) => build(express, app),
    serve: (...endpoints) =>
      express()
        .use(serveExpress(...endpoints))
        .use((_req, res) => void res.status(404).type('text').send('next')),
    keepsBytes: true,
  };
}

function build(express: ExpressLike, { mounts, handler = answerOk, ...rest }: App): RequestListener {
  const app = express();
  const prefix = rest.prefix ?? '/';
  if (rest.outside !== undefined) app.use(plain(rest.outside));
  if (rest.parser !== undefined) app.use(prefix, parserOf(express, rest.parser));
  for (const [index, mount] of mounts.entries()) {
    if (rest.between !== undefined && index > 0) app.use(waiting(rest.between));
    app.use(prefix, (toExpress as Mounting)(...mount));
  }
  if (rest.inside !== undefined) app.use(plain(rest.inside));
  if (rest.parserBehind === true) app.use(prefix, express.json());
  app.use(prefix, (req, res, next) => {
    if (req.path === '/missing') next();
    else Promise.resolve(handler(ioOf(req, res))).catch(next);
  });
  app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    if (res.headersSent) res.destroy();
    else res.status(500).type('text').send('framework error');
  });
  return app;
}

function plain(run: NonNullable<App['inside']>): RequestHandler {
  return (req, res, next) => {
    run(req, res);
    next();
  };
}

function waiting(run: NonNullable<App['between']>): RequestHandler {
  return (req, res, next) => {
    void run(req, res).then(next);
  };
}

function parserOf(express: ExpressLike, parser: Parser): RequestHandler {
  if (parser === 'raw') return express.raw({ type: () => true });
  if (parser === 'of other types') return express.json({ type: 'application/other' });
  if (parser === 'json') return express.json();
  return express.json({
    verify: (req: { rawBody?: Buffer }, _res: unknown, bytes: Buffer) => {
      req.rawBody = bytes;
    },
  });
}

function ioOf(req: Request, res: Response): Io {
  return {
    source: req,
    req,
    res,
    body: req.body,
    path: req.path,
    json: (value, status = 200) => {
      res.status(status).json(value);
    },
    text: (value, type) => {
      res.type(type).send(value);
    },
    pipe: (stream, type) => {
      res.type(type);
      stream.pipe(res);
    },
    take: () => res,
  };
}
