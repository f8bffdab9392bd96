import { bodyParser } from '@koa/bodyparser';
import Koa, { type Middleware } from 'koa';
import koaJwt from 'koa-jwt';
import type { RequestListener } from 'node:http';
import type { Contender } from './contender.js';

export const KOA = 'Koa 3 + bodyparser';

/** The same endpoint behind other checks. It answers from the parsed message when a parser ran. */
export function koaApp(...checks: readonly Middleware[]): RequestListener {
  const app = new Koa();
  app.silent = true;
  for (const check of checks) app.use(check);
  app.use((ctx) => {
    const { id = 1 } = ((ctx.request as { body?: unknown }).body ?? {}) as { id?: number };
    ctx.body = { jsonrpc: '2.0', id, result: { content: [] } };
  });
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}

export const koaPeers: readonly Contender[] = [
  { name: 'Koa 3 bare, body not read', denies: 'nothing', build: () => koaApp() },
  { name: KOA, denies: 'nothing', build: () => koaApp(bodyParser()) },
  {
    name: `${KOA} + koa-jwt`,
    baseline: KOA,
    denies: 'bad tokens',
    build: ({ pem, issuer, audience, algorithm }) =>
      koaApp(bodyParser(), koaJwt({ secret: pem, issuer, audience, algorithms: [algorithm] })),
  },
];
