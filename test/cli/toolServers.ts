// Small MCP servers to look at from the command line.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { listen } from '../../examples/support/loopback.js';

export type Handle = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

export interface Running {
  readonly url: string;
  /** What answers from now on. */
  handle: Handle;
  readonly close: () => Promise<void>;
}

export async function start(handle: Handle): Promise<Running> {
  const server = await listen(0);
  const running = { url: `${server.origin}/mcp`, handle, close: server.close };
  server.serve((req, res) => {
    running.handle(req, res).catch((error: unknown) => res.destroy(error as Error));
  });
  return running;
}

const body = (req: IncomingMessage): Promise<unknown> => json(req);

/** Both eras, in JSON. */
export function serverV2(description: string): Handle {
  const create = (): McpServer => {
    const server = new McpServer({ name: 'server v2', version: '1.0.0' });
    server.registerTool('add', { description, inputSchema: z.object({ a: z.number() }) }, () => ({ content: [] }));
    return server;
  };
  const handle = toNodeHandler(createMcpHandler(create));
  return (req, res) => handle(req as never, res);
}

/** The legacy era with sessions, in event streams. `left` holds the sessions that were ended. */
export function serverV1(description: string, left: string[] = []): Handle {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  return async (req, res) => {
    const id = req.headers['mcp-session-id'] as string | undefined;
    const known = id === undefined ? undefined : transports.get(id);
    if (id !== undefined && known === undefined) return void res.writeHead(404).end();
    const transport = known ?? (await open());
    await transport.handleRequest(req, res);
  };
  async function open(): Promise<StreamableHTTPServerTransport> {
    const server = new McpServerV1({ name: 'sdk v1', version: '1.0.0' });
    server.registerTool('add', { description, inputSchema: { a: z.number() } }, () => ({ content: [] }));
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void left.push(id),
    });
    await server.connect(transport);
    return transport;
  }
}

type Tool = Readonly<Record<string, unknown>>;

/** The legacy era by hand: one tool on each page, members as they are given. */
export function rawServer(tools: readonly Tool[], token?: string, meta: object = {}): Handle {
  return pages(
    tools.map((tool) => [tool]),
    token,
    meta,
  );
}

/** The legacy era by hand, page by page. */
export function pages(list: readonly (readonly Tool[])[], token?: string, meta: object = {}): Handle {
  return async (req, res) => {
    if (token !== undefined && req.headers.authorization !== `Bearer ${token}`) return void res.writeHead(401).end();
    if (req.method !== 'POST') return void res.writeHead(405).end();
    const { id, method, params } = (await body(req)) as { id?: number; method: string; params: { cursor?: string } };
    if (id === undefined) return void res.writeHead(202).end();
    const at = Number(params.cursor ?? 0);
    const results: Readonly<Record<string, unknown>> = {
      initialize: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 'raw', version: '1' },
      },
      'tools/list': {
        tools: list[at] ?? [],
        _meta: meta,
        ...(at + 1 < list.length ? { nextCursor: String(at + 1) } : {}),
      },
    };
    const result = results[method];
    const answer = result === undefined ? { error: { code: -32601, message: 'No such \u001b[31mmethod' } } : { result };
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  };
}
