import type { RequestListener } from 'node:http';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import express from 'express';
import Koa from 'koa';
import { serveExpress, toExpress } from '../../adapters/express.js';
import { serveKoa, toKoa } from '../../adapters/koa.js';
import { contextOf } from '../../lib/index.js';
import type { Endpoint } from '../../lib/endpoint.js';
import type { Ordered } from '../../lib/chain.js';
import type { AnyMiddleware } from '../../lib/middleware.js';

/** A handler of either SDK line that gets the Node request behind all checks. */
type Answer = (req: never, res: never, body: unknown) => Promise<void>;

export interface Mounted {
  readonly checks: readonly AnyMiddleware[];
  readonly endpoints?: readonly Endpoint[];
}

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** Everything that a tool handler is given, as far as it can be written down, and what the context says of the caller. */
function shown(extra: object): string {
  const seen = new Set<unknown>();
  const dump = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return undefined;
    seen.add(value);
    if (value instanceof Headers || value instanceof Map) return [...value];
    if (value instanceof Request) return [value.url, [...value.headers]];
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, dump(one)]));
  };
  return JSON.stringify({ extra: dump(extra), token: contextOf(extra, 'auth').state.auth.token });
}

function callerOf(extra: object): string {
  const { subject, clientId, scopes } = contextOf(extra, 'auth').state.auth;
  return JSON.stringify({ subject, clientId, scopes });
}

function serverV1(): McpServerV1 {
  const server = new McpServerV1({ name: 'v1', version: '1.0.0' });
  server.registerTool('whoami', {}, (extra) => text(callerOf(extra)));
  server.registerTool('peek', {}, (extra) => text(shown(extra)));
  server.registerTool('pay', {}, () => text('paid'));
  return server;
}

function serverV2(): McpServerV2 {
  const server = new McpServerV2({ name: 'v2', version: '1.0.0' });
  server.registerTool('whoami', {}, (ctx) => text(callerOf(ctx)));
  server.registerTool('peek', {}, (ctx) => text(shown(ctx)));
  server.registerTool('pay', {}, () => text('paid'));
  return server;
}

const LINES: Readonly<Record<'sdk v1' | 'server v2', () => Answer>> = {
  'sdk v1': () => async (req, res, body) => {
    const transport = new StreamableHTTPServerTransport({});
    await serverV1().connect(transport);
    await transport.handleRequest(req, res, body);
  },
  'server v2': () => toNodeHandler(createMcpHandler(serverV2)),
};

function onExpress(answer: Answer, { checks, endpoints = [] }: Mounted): RequestListener {
  const app = express();
  app.use(serveExpress(...endpoints));
  app.use('/mcp', toExpress(...(checks as Ordered<AnyMiddleware[]>)));
  app.post('/mcp', (req, res) => answer(req as never, res as never, req.body));
  return app;
}

function onKoa(answer: Answer, { checks, endpoints = [] }: Mounted): RequestListener {
  const app = new Koa();
  const check = toKoa(...(checks as Ordered<AnyMiddleware[]>));
  app.use(serveKoa(...endpoints));
  app.use((ctx, next) => (ctx.path === '/mcp' ? check(ctx, () => reply(ctx)) : (next() as Promise<void>)));
  const reply = async (ctx: Koa.Context): Promise<void> => {
    if (ctx.method !== 'POST') {
      ctx.status = 405;
      return;
    }
    ctx.respond = false;
    await answer(ctx.req as never, ctx.res as never, (ctx.request as { body?: unknown }).body);
  };
  const handle = app.callback();
  return (req, res) => void handle(req, res);
}

/** The four ways to serve MCP over HTTP, each with the tools `whoami`, `peek` and `pay`. */
export const MCP_SERVERS: readonly (readonly [name: string, mount: (mounted: Mounted) => RequestListener])[] = [
  ['Express and sdk v1', (mounted) => onExpress(LINES['sdk v1'](), mounted)],
  ['Express and server v2', (mounted) => onExpress(LINES['server v2'](), mounted)],
  ['Koa and sdk v1', (mounted) => onKoa(LINES['sdk v1'](), mounted)],
  ['Koa and server v2', (mounted) => onKoa(LINES['server v2'](), mounted)],
];
