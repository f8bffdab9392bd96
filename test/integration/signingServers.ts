// MCP servers of both SDK lines behind checks of the test's choice, and the official clients of both lines.
import type { RequestListener } from 'node:http';
import { Client, StreamableHTTPClientTransport, type OAuthClientProvider } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express, { type RequestHandler } from 'express';
import Koa from 'koa';
import { z } from 'zod';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import type { ClientKind } from '../../examples/support/clients.js';
import { withSessions, type Handler } from '../../examples/support/sessions.js';
import { contextOf, defineTools, type AdapterOptions, type AnyMiddleware } from '../../lib/index.js';

/** What every server below offers. Who asks for `wipe` must sign, whatever the mode. */
export const tools = defineTools({
  whoami: { permissions: [] },
  add: { permissions: ['math'] },
  announce: { permissions: [] },
  wipe: { permissions: [], requireSignature: true },
});

export interface Wiring {
  readonly line: 'v1' | 'v2';
  readonly sessions: boolean;
  /** The application: checks at `/mcp`, and the MCP server behind them. */
  readonly app: (chain: readonly AnyMiddleware[], options?: AdapterOptions) => RequestListener;
}

const v1 = (): Handler => async (req, res, body) => {
  if (req.method !== 'POST') return void res.writeHead(405, { Allow: 'POST' }).end();
  const server = createV1();
  const transport = new StreamableHTTPServerTransport({});
  res.once('close', () => void server.close());
  await server.connect(transport);
  await transport.handleRequest(req, res, body);
};
const v2 = (): Handler => toNodeHandler(createMcpHandler(createV2)) as Handler;

/** Both frameworks with both SDK lines. */
export const WIRINGS: Readonly<Record<string, Wiring>> = {
  'Express and sdk v1': { line: 'v1', sessions: false, app: onExpress(v1) },
  'Express and sdk v1 with sessions': { line: 'v1', sessions: true, app: onExpress(() => withSessions(createV1)) },
  'Express and server v2': { line: 'v2', sessions: false, app: onExpress(v2) },
  'Koa and sdk v1': { line: 'v1', sessions: false, app: onKoa(v1) },
  'Koa and sdk v1 with sessions': { line: 'v1', sessions: true, app: onKoa(() => withSessions(createV1)) },
  'Koa and server v2': { line: 'v2', sessions: false, app: onKoa(v2) },
};

/** One of each framework and line, without sessions. */
export const STACKS: readonly (readonly [name: string, wiring: Wiring])[] = Object.entries(WIRINGS).filter(
  ([, { sessions }]) => !sessions,
);

type Mount = (options: AdapterOptions, ...chain: readonly AnyMiddleware[]) => unknown;

/** `toExpress(...)` of a list whose order only the test knows. */
export function expressChain(chain: readonly AnyMiddleware[], options: AdapterOptions = {}): RequestHandler {
  return (toExpress as Mount)(options, ...chain) as RequestHandler;
}

/** An Express handler that leaves the request to an MCP server. */
export function expressMcp(line: Wiring['line']): RequestHandler {
  const handle = line === 'v1' ? v1() : v2();
  return (req, res) => void handle(req, res, req.body);
}

function onExpress(open: () => Handler): Wiring['app'] {
  return (chain, options) => {
    const handle = open();
    const app = express().use('/mcp', expressChain(chain, options));
    app.all('/mcp', (req, res) => void handle(req, res, req.body));
    return app as RequestListener;
  };
}

function onKoa(open: () => Handler): Wiring['app'] {
  return (chain, options = {}) => {
    const handle = open();
    const app = new Koa();
    app.use((ctx, next) => (ctx.path === '/mcp' ? next() : undefined));
    app.use((toKoa as Mount)(options, ...chain) as Koa.Middleware);
    app.use((ctx) => {
      ctx.respond = false;
      return handle(ctx.req, ctx.res, (ctx.request as { body?: unknown }).body);
    });
    const listener = app.callback();
    return (req, res) => void listener(req, res);
  };
}

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

function whoami(source: object): string {
  const { auth, signature } = contextOf(source).state;
  return JSON.stringify({ subject: auth?.subject ?? null, keyId: signature?.keyId ?? null });
}

function createV1(): McpServerV1 {
  const server = new McpServerV1({ name: 'signing', version: '1.0.0' });
  server.registerTool('whoami', {}, (extra) => text(whoami(extra)));
  server.registerTool('add', { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => text(`${a + b}`));
  server.registerTool('announce', {}, () => {
    server.sendToolListChanged();
    return text('announced');
  });
  server.registerTool('wipe', {}, () => text('wiped'));
  return server;
}

function createV2(): McpServer {
  const server = new McpServer({ name: 'signing', version: '1.0.0' });
  const numbers = z.object({ a: z.number(), b: z.number() });
  server.registerTool('whoami', {}, (ctx) => text(whoami(ctx)));
  server.registerTool('add', { inputSchema: numbers }, ({ a, b }) => text(`${a + b}`));
  server.registerTool('announce', {}, () => text('announced'));
  server.registerTool('wipe', {}, () => text('wiped'));
  return server;
}

/** How a client is to connect. */
export interface ClientSettings {
  readonly fetch?: typeof fetch;
  readonly headers?: Readonly<Record<string, string>>;
  readonly authProvider?: OAuthClientProvider;
}

/** A connected official client. */
export interface Connected {
  readonly era: () => 'legacy' | 'modern';
  readonly tools: () => Promise<string[]>;
  readonly call: (name: string, args?: Record<string, unknown>) => Promise<string>;
  /** Resolves when the server says, on a stream of its own, that its tools have changed. */
  readonly changed: Promise<void>;
  /** Ends the session with DELETE. */
  readonly terminate: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export function connectClient(kind: ClientKind, resource: string, settings: ClientSettings): Promise<Connected> {
  return kind === 'client v1' ? connectV1(resource, settings) : connectV2(kind, resource, settings);
}

async function connectV1(resource: string, { headers, ...settings }: ClientSettings): Promise<Connected> {
  const client = new ClientV1({ name: 'test', version: '1.0.0' });
  const transport = new TransportV1(new URL(resource), { ...settings, requestInit: { headers: { ...headers } } });
  const changed = new Promise<void>((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      resolve();
    });
  });
  await client.connect(transport);
  return {
    era: () => 'legacy',
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}) => textOf(await client.callTool({ name, arguments: args })),
    changed,
    terminate: () => transport.terminateSession(),
    close: () => client.close(),
  };
}

async function connectV2(
  kind: ClientKind,
  resource: string,
  { headers, ...settings }: ClientSettings,
): Promise<Connected> {
  const mode = kind === 'client v2 auto' ? 'auto' : 'legacy';
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode } });
  const init = { requestInit: { headers: { ...headers } } };
  const transport = new StreamableHTTPClientTransport(new URL(resource), { ...settings, ...init });
  const changed = new Promise<void>((resolve) => {
    client.setNotificationHandler('notifications/tools/list_changed', () => {
      resolve();
    });
  });
  await client.connect(transport);
  return {
    era: () => client.getProtocolEra() ?? 'legacy',
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}) => textOf(await client.callTool({ name, arguments: args })),
    changed,
    terminate: () => transport.terminateSession(),
    close: () => client.close(),
  };
}

function textOf(result: unknown): string {
  const { content } = result as { content: readonly { text?: string }[] };
  return content.map(({ text: one = '' }) => one).join('\n');
}
