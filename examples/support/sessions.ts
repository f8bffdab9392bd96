import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { contextOf } from '../../lib/index.js';

/** Answers one request whose body was read. */
export type Handler = (req: IncomingMessage, res: ServerResponse, body: unknown) => Promise<void>;

const NOT_FOUND = { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } };

/**
 * Sessions of MCP up to 2025-11-25, in the memory of one process. A session belongs to whoever opened it:
 * for everybody else it does not exist, even if they know its id.
 */
export function withSessions(createServer: () => McpServer): Handler {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  return async (req, res, body) => {
    const keyOf = (id: string): string => `${ownerOf(req)} ${id}`;
    const id = req.headers['mcp-session-id'];
    const transport =
      id === undefined ? await open(createServer, transports, keyOf) : transports.get(keyOf(String(id)));
    if (transport !== undefined) await transport.handleRequest(req, res, body);
    else res.writeHead(404, { 'Content-Type': 'application/json' }).end(JSON.stringify(NOT_FOUND));
  };
}

function ownerOf(req: IncomingMessage): string {
  const { issuer, subject, clientId } = contextOf(req, 'auth').state.auth;
  return JSON.stringify([issuer, subject, clientId]);
}

async function open(
  createServer: () => McpServer,
  transports: Map<string, StreamableHTTPServerTransport>,
  keyOf: (id: string) => string,
): Promise<StreamableHTTPServerTransport> {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void transports.set(keyOf(id), transport),
    onsessionclosed: (id) => void transports.delete(keyOf(id)),
  });
  await createServer().connect(transport);
  return transport;
}
