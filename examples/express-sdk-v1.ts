// Express and @modelcontextprotocol/sdk v1: MCP up to 2025-11-25, without sessions or with them.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import express, { type Express } from 'express';
import type { Logger } from 'winston';
import { z } from 'zod';
import { serveExpress, toExpress } from '../adapters/express.js';
import { bindSession, contextOf, defineTools, oidc, protectedResource, securityProfile } from '../lib/index.js';
import { emptyTrash, readFile, text } from './support/files.js';
import { runIfMain } from './support/run.js';
import { withoutSessions, withSessions } from './support/sessions.js';

const tools = defineTools({
  whoami: { permissions: [] },
  add: { permissions: [] },
  secure_file_read: { permissions: ['file:read', 'audit:log'] },
  purge: { permissions: ['file:delete', 'audit:log'] },
});

export function createApp(resource: string, issuer: string, audit: Logger, { sessions = false } = {}): Express {
  const app = express();
  const issuers = [oidc({ issuer })];
  const scopes = ['file:read', 'audit:log']; // what clients ask for at first
  const mcp = sessions ? withSessions(createServer) : withoutSessions(createServer);
  app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes })));
  app.use('/mcp', toExpress(...securityProfile({ level: 'basic', resource, issuers, tools, audit }), bindSession()));
  app.all('/mcp', (req, res) => mcp(req, res, req.body));
  return app;
}

function createServer(): McpServer {
  const server = new McpServer({ name: 'express-sdk-v1', version: '1.0.0' });
  server.registerTool('whoami', { description: 'Says who calls' }, (extra) => {
    const { subject, clientId, scopes } = contextOf(extra, 'auth').state.auth;
    return text(JSON.stringify({ subject, clientId, scopes }));
  });
  server.registerTool('add', { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => text(`${a + b}`));
  const read = { description: 'Reads a file', inputSchema: { name: z.string() } };
  server.registerTool('secure_file_read', read, ({ name }) => readFile(name));
  server.registerTool('purge', { description: 'Empties the trash' }, emptyTrash);
  return server;
}

await runIfMain(import.meta.url, createApp);
