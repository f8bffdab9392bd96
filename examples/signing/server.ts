// A server that wants one tool to be called with a signature, and publishes its own keys (Ed25519).
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express, { type Express } from 'express';
import type { Logger } from 'winston';
import { z } from 'zod';
import { serveExpress, toExpress } from '../../adapters/express.js';
import {
  contextOf,
  defineTools,
  oidc,
  protectedResource,
  securityProfile,
  type KeyStore,
  type TrustedKeys,
} from '../../lib/index.js';
import { emptyTrash, readFile, text } from '../support/files.js';

/** `agents` are the peers who may sign, `keys` is the key store of this server. */
export function createApp(
  resource: string,
  issuer: string,
  audit: Logger,
  agents: TrustedKeys[],
  keys: KeyStore,
): Express {
  const app = express();
  const issuers = [oidc({ issuer })];
  const scopes = ['file:read', 'audit:log'];
  app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes, keys })));
  // #region signed-tool
  const tools = defineTools({
    whoami: { permissions: [] },
    add: { permissions: [] },
    secure_file_read: { permissions: ['file:read', 'audit:log'] },
    purge: { permissions: ['file:delete', 'audit:log'] },
    sign_off: { permissions: ['audit:log'], requireSignature: true },
  });
  app.use('/mcp', toExpress(...securityProfile({ level: 'basic', resource, issuers, tools, audit, keys: agents })));
  // #endregion
  app.all('/mcp', (req, res) => void mcp(req, res, req.body));
  return app;
}

const mcp = toNodeHandler(createMcpHandler(createServer));

function createServer(): McpServer {
  const server = new McpServer({ name: 'signing-server', version: '1.0.0' });
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
  const signOff = { description: 'Approves a report', inputSchema: z.object({ report: z.string() }) };
  server.registerTool('sign_off', signOff, ({ report }, ctx) => {
    const { owner } = contextOf(ctx, 'signature').state.signature;
    return text(`${report} was approved by ${owner}`);
  });
  return server;
}
