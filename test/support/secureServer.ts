import { createServer, type ServerOptions } from 'node:https';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import Koa from 'koa';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { contextOf } from '../../lib/index.js';
import type { Ordered } from '../../lib/chain.js';
import type { AnyMiddleware } from '../../lib/middleware.js';
import type { Authority } from './certificates.js';

export interface SecureServer {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** An https server on a free port of the loopback interface, which asks every client for a certificate. */
export async function serveTls(
  authority: Authority,
  listener: RequestListener,
  options: ServerOptions = {},
): Promise<SecureServer> {
  const { cert, key } = await authority.issue([
    { type: 'dns', value: 'localhost' },
    { type: 'url', value: 'spiffe://example.org/server' },
  ]);
  const server = createServer({ cert, key, ca: authority.ca, requestCert: true, ...options }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers with who was proven to call. */
export const whoCalls: Readonly<Record<'Express' | 'Koa', (list: readonly AnyMiddleware[]) => RequestListener>> = {
  Express: (list) => {
    const app = express();
    app.use('/mcp', toExpress(...(list as Ordered<AnyMiddleware[]>)), (req, res) => {
      res.json({
        auth: contextOf(req, 'auth').state.auth,
        info: (req as { auth?: object }).auth,
        headers: req.headers,
      });
    });
    return app;
  },
  Koa: (list) => {
    const app = new Koa();
    app.use(toKoa(...(list as Ordered<AnyMiddleware[]>)));
    app.use((ctx) => {
      ctx.body = {
        auth: contextOf(ctx, 'auth').state.auth,
        info: (ctx.req as { auth?: object }).auth,
        headers: ctx.headers,
      };
    });
    const handle = app.callback();
    return (req, res) => void handle(req, res);
  },
};
