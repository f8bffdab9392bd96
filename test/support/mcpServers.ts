import type { RequestListener } from 'node:http';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import express from 'express';
import express4 from 'express4';
import Koa from 'koa';
import Koa2 from 'koa2';
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

function onExpress(framework: typeof express, answer: Answer, { checks, endpoints = [] }: Mounted): RequestListener {
  const app = framework();
  app.use(serveExpress(...endpoints));
  app.use('/mcp', toExpress(...(checks as Ordered<AnyMiddleware[]>)));
  app.post('/mcp', (req, res) => answer(req as never, res as never, req.body));
  return app;
}

function onKoa(Framework: typeof Koa, answer: Answer, { checks, endpoints = [] }: Mounted): RequestListener {
  const app = new Framework();
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

type Mount = (mounted: Mounted) => RequestListener;
type Row = readonly [name: string, mount: Mount];

/** How one release of a framework serves MCP over HTTP with either SDK line. */
const rows = (framework: string, on: (answer: Answer, mounted: Mounted) => RequestListener): readonly Row[] =>
  (['sdk v1', 'server v2'] as const).map((line) => [
    `${framework} and ${line}`,
    (mounted) => on(LINES[line](), mounted),
  ]);

/** The four ways to serve MCP over HTTP, each with the tools `whoami`, `peek` and `pay`. */
export const NEWEST_MCP_SERVERS: readonly Row[] = [
  ...rows('Express', (answer, mounted) => onExpress(express, answer, mounted)),
  ...rows('Koa', (answer, mounted) => onKoa(Koa, answer, mounted)),
];

/** The same, and on the older releases of the frameworks that are supported too. */
export const MCP_SERVERS: readonly Row[] = [
  ...NEWEST_MCP_SERVERS,
  ...rows('Express 4', (answer, mounted) => onExpress(express4, answer, mounted)),
  ...rows('Koa 2', (answer, mounted) => onKoa(Koa2, answer, mounted)),
];
