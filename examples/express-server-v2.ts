// Express and @modelcontextprotocol/server v2: MCP 2026-07-28, and earlier revisions without sessions.
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express, { type Express } from 'express';
import type { Logger } from 'winston';
import { z } from 'zod';
import { serveExpress, toExpress } from '../adapters/express.js';
import { contextOf, defineTools, oidc, protectedResource, securityProfile } from '../lib/index.js';
import { emptyTrash, readFile, text } from './support/files.js';
import { runIfMain } from './support/run.js';

const tools = defineTools({
  whoami: { permissions: [] },
  add: { permissions: [] },
  secure_file_read: { permissions: ['file:read', 'audit:log'] },
  purge: { permissions: ['file:delete', 'audit:log'] },
});

/** `resource` is the public URL of your MCP endpoint, `issuer` your authorization server, `audit` a winston logger. */
export function createApp(resource: string, issuer: string, audit: Logger): Express {
  const app = express();
  const issuers = [oidc({ issuer })];
  const scopes = ['file:read', 'audit:log']; // what clients ask for at first
  app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes })));
  app.use('/mcp', toExpress(...securityProfile({ level: 'basic', resource, issuers, tools, audit })));
  app.all('/mcp', (req, res) => void mcp(req, res, req.body));
  return app;
}

const mcp = toNodeHandler(createMcpHandler(createServer));

function createServer(): McpServer {
  const server = new McpServer({ name: 'express-server-v2', version: '1.0.0' });
  server.registerTool('whoami', { description: 'Says who calls' }, (ctx) => {
    const { subject, clientId, scopes } = contextOf(ctx, 'auth').state.auth;
    return text(JSON.stringify({ subject, clientId, scopes }));
  });
  server.registerTool('add', { inputSchema: z.object({ a: z.number(), b: z.number() }) }, ({ a, b }) =>
    text(`${a + b}`),
  );
  const read = { description: 'Reads a file', inputSchema: z.object({ name: z.string() }) };
  server.registerTool('secure_file_read', read, ({ name }) => readFile(name));
  server.registerTool('purge', { description: 'Empties the trash' }, emptyTrash);
  return server;
}

await runIfMain(import.meta.url, createApp);
