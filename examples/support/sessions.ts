import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

/** Answers one request whose body was read. */
export type Handler = (req: IncomingMessage, res: ServerResponse, body: unknown) => Promise<void>;

const NOT_FOUND = { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } };

/**
 * Sessions of MCP up to 2025-11-25, in the memory of one process. They are open to whoever knows an id: mount
 * `bindSession` in front, so that only their owners can use them.
 */
export function withSessions(createServer: () => McpServer): Handler {
  const transports = new Map<string, StreamableHTTPServerTransport>();

  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
    });
    await createServer().connect(transport);
    return transport;
  };

  return async (req, res, body) => {
    const id = req.headers['mcp-session-id'];
    const transport = id === undefined ? await open() : transports.get(String(id));
    if (transport !== undefined) await transport.handleRequest(req, res, body);
    else res.writeHead(404, { 'Content-Type': 'application/json' }).end(JSON.stringify(NOT_FOUND));
  };
}

/** One server for each request: nothing is kept, and there is no stream that a GET could open. */
export function withoutSessions(createServer: () => McpServer): Handler {
  return async (req, res, body) => {
    if (req.method !== 'POST') return void res.writeHead(405, { Allow: 'POST' }).end();
    const server = createServer();
    const transport = new StreamableHTTPServerTransport({});
    res.once('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(req, res, body);
  };
}
