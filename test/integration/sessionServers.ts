// Servers of both SDK lines that keep sessions, and whose tools and lists answer when a test says so.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import Koa from 'koa';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { listen } from '../../examples/support/loopback.js';
import type { Ordered } from '../../lib/chain.js';
import { authenticate, oidc, type AnyMiddleware } from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { eventually } from '../adapters/serve.js';

type Handler = (req: IncomingMessage, res: ServerResponse, body: unknown) => Promise<void>;

interface Transport {
  readonly handleRequest: Handler;
  readonly sessionId?: string | undefined;
}

/** Makes what has a name wait until the test lets it go on. */
class Gates {
  /** What has reached the server, in order. */
  readonly entered: string[] = [];
  readonly #held = new Map<string, { readonly opened: Promise<void>; readonly open: () => void }>();

  hold(...names: readonly string[]): void {
    for (const name of names) {
      let open = (): void => undefined;
      const opened = new Promise<void>((resolve) => (open = resolve));
      this.#held.set(name, { opened, open });
    }
  }

  open(name: string): void {
    this.#held.get(name)?.open();
    this.#held.delete(name);
  }

  async pass(name: string): Promise<void> {
    this.entered.push(name);
    await this.#held.get(name)?.opened;
  }
}

const TOOLS = ['whoami', 'transfer', 'purge'].map((name) => ({
  name,
  description: `about ${name}`,
  inputSchema: { type: 'object' as const },
}));

/** What a tool gives says which one it was. */
const resultOf = (name: string) => ({ content: [{ type: 'text' as const, text: `result of ${name}` }] });

type Open = (gates: Gates, json: boolean, added: (id: string) => void) => Promise<Transport>;

const openV1: Open = async (gates, enableJsonResponse, onsessioninitialized) => {
  const server = new McpServerV1({ name: 'sessions', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.server.setRequestHandler(ListToolsRequestSchema, async () => {
    await gates.pass('tools/list');
    return { tools: TOOLS };
  });
  server.server.setRequestHandler(CallToolRequestSchema, async ({ params: { name } }) => {
    await gates.pass(name);
    return resultOf(name);
  });
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized,
    enableJsonResponse,
  });
  await server.connect(transport);
  return transport;
};

const openV2: Open = async (gates, enableJsonResponse, onsessioninitialized) => {
  const server = new McpServer({ name: 'sessions', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.server.setRequestHandler('tools/list', async () => {
    await gates.pass('tools/list');
    return { tools: TOOLS };
  });
  server.server.setRequestHandler('tools/call', async ({ params: { name } }) => {
    await gates.pass(name);
    return resultOf(name);
  });
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized,
    enableJsonResponse,
  });
  await server.connect(transport);
  return transport;
};

/** Sessions that are found by their id alone, as those of SDK examples are. */
function byId(open: Open, gates: Gates, json: boolean): Handler {
  const transports = new Map<string, Transport>();
  return async (req, res, body) => {
    const id = req.headers['mcp-session-id'];
    let added = (_id: string): void => undefined;
    const transport =
      typeof id === 'string'
        ? transports.get(id)
        : await open(gates, json, (issued) => {
            added(issued);
          });
    if (transport === undefined) return void res.writeHead(404).end();
    added = (issued) => void transports.set(issued, transport);
    await transport.handleRequest(req, res, body);
  };
}

type Chain = Ordered<AnyMiddleware[]>;

function onExpress(handle: Handler, chain: Chain): RequestListener {
  const app = express().use('/mcp', toExpress(...chain));
  app.all('/mcp', (req, res) => void handle(req, res, req.body));
  return app as RequestListener;
}

function onKoa(handle: Handler, chain: Chain): RequestListener {
  const app = new Koa().use(toKoa(...chain)).use((ctx) => {
    ctx.respond = false;
    return handle(ctx.req, ctx.res, (ctx.request as { body?: unknown }).body);
  });
  // A client that leaves is an error to it, which it prints.
  app.silent = true;
  const listener = app.callback();
  return (req, res) => void listener(req, res);
}

/** How a framework serves sessions of an SDK line. */
export interface SessionWiring {
  readonly mount: (gates: Gates, chain: Chain) => RequestListener;
}

const wired = (on: typeof onExpress, open: Open, json: boolean): SessionWiring => ({
  mount: (gates, chain) => on(byId(open, gates, json), chain),
});

export const SESSION_WIRINGS: Readonly<Record<string, SessionWiring>> = {
  'Express and sdk v1': wired(onExpress, openV1, false),
  'Express and sdk v1, JSON': wired(onExpress, openV1, true),
  'Express and server v2': wired(onExpress, openV2, false),
  'Koa and sdk v1': wired(onKoa, openV1, false),
  'Koa and server v2': wired(onKoa, openV2, false),
  'Koa and server v2, JSON': wired(onKoa, openV2, true),
};

/** An answer, as far as it got. */
export interface Answered {
  readonly status: number;
  /** The JSON-RPC messages of it. */
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly text: string;
}

export const call = (id: unknown, name: string) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {} },
});
export const list = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'tools/list', params: {} });

/** Runs a server behind these checks; whoever sends to it has a token. */
export async function runSessions({ mount }: SessionWiring, ...checks: readonly AnyMiddleware[]) {
  const server = await listen(0);
  const resource = `${server.origin}/mcp`;
  const issuer = fakeIssuer({ resource });
  const auth = authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch });
  const gates = new Gates();
  const [audit, ...rest] = checks;
  const chain = audit?.name === 'auditLog' ? [audit, auth, ...rest] : [auth, ...checks];
  server.serve(mount(gates, chain));
  const authorization = `Bearer ${await issuer.token({ sub: 'alice' })}`;

  const request = async (method: string, session: string | undefined, body?: unknown, signal?: AbortSignal) =>
    fetch(resource, {
      method,
      headers: {
        authorization,
        accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-03-26',
        ...(session === undefined ? {} : { 'mcp-session-id': session }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });

  const open = async (): Promise<string> => {
    const params = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'test', version: '1.0.0' } };
    const response = await request('POST', undefined, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await response.text();
    return response.headers.get('mcp-session-id') ?? '';
  };

  /** Sends, and reads the answer to its end, or to where the client went away. */
  const post = async (session: string, body: unknown, signal?: AbortSignal): Promise<Answered> => {
    let status = 0;
    let text = '';
    try {
      const response = await request('POST', session, body, signal);
      ({ status } = response);
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
    return { status, messages: messagesOf(text), text };
  };

  /** Sends what is held at the gate of that name, and waits until it is there. */
  const start = async (session: string, body: unknown, name: string) => {
    const before = gates.entered.length;
    const leaving = new AbortController();
    const answer = post(session, body, leaving.signal);
    await eventually(() => gates.entered.slice(before).includes(name));
    return {
      answer,
      leave: async (): Promise<Answered> => {
        leaving.abort();
        return answer;
      },
    };
  };

  const end = async (session: string): Promise<number> => (await request('DELETE', session)).status;
  return { gates, open, post, start, end, close: server.close };
}

function messagesOf(text: string): Answered['messages'] {
  const bodies =
    text.startsWith('{') || text.startsWith('[')
      ? [text]
      : [...text.matchAll(/^data: (.+)$/gm)].map(([, one = '']) => one);
  return bodies.flatMap((body) => JSON.parse(body) as Answered['messages']);
}
