// Compiled, never run: handlers fit into the frameworks as their own types declare them.
import express from 'express';
import Koa from 'koa';
import { createServer } from 'node:http';
import { serveExpress, toExpress } from '../../adapters/express.js';
import { serveKoa, toKoa } from '../../adapters/koa.js';
import type { Endpoint } from '../../lib/endpoint.js';
import { contextOf } from '../../lib/handOver.js';
import type { Middleware } from '../../lib/middleware.js';

declare const check: Middleware;
declare const endpoint: Endpoint;

const app = express();
app.use(toExpress(check));
app.use('/mcp', serveExpress(endpoint), toExpress({ bodyLimit: 1 }, check));
app.post('/mcp', toExpress(check), (req, res) => {
  res.json(contextOf(req).id);
});
express.Router().all('/mcp', toExpress(check));

const koa = new Koa();
koa.use(serveKoa(endpoint)).use(toKoa(check));
koa.use(toKoa({ now: () => new Date() }, check)).use((ctx) => {
  ctx.body = contextOf(ctx).request.target;
});

createServer((req, res) => {
  toExpress(check)(req, res, () => res.end(contextOf(req).id));
});
