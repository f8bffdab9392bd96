// A server at level `high`: the TypeScript twin of ETDI's configuration example, with keys, an audit trail and stores.
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import { contextOf, defineTools, oidc, protectedResource, securityProfile } from '../lib/index.js';
import { serveExpress, toExpress } from '../adapters/express.js';

const resource = 'http://localhost:3000/mcp'; // the public URL of your MCP endpoint
const issuer = 'https://login.example.com'; // your authorization server

// #region tools
const tools = defineTools({
  my_secure_tool: {
    version: '1.0.0',
    permissions: ['data:read', 'user:profile:view'],
    requireSignature: true,
    maxCallDepth: 3,
  },
  greet: { version: '1.0.0', permissions: ['greet'] }, // the tool of mcp.js
});
// #endregion

const mcp = toNodeHandler(
  createMcpHandler(() => {
    const server = new McpServer({ name: 'security-levels', version: '1.0.0' });
    server.registerTool('my_secure_tool', { description: 'Processes something' }, () => ({
      content: [{ type: 'text', text: 'Processed securely' }],
    }));
    server.registerTool('greet', { description: 'Greets whoever calls' }, (ctx) => ({
      content: [{ type: 'text', text: `Hello ${contextOf(ctx, 'auth').state.auth.subject}` }],
    }));
    return server;
  }),
);

// #region profile
import { memoryStores, openAuditTrail, openKeyStore } from '../lib/index.js';

const secret = process.env['MCP_ETDI_KEY_SECRET'] ?? ''; // 32 random bytes: openssl rand -base64 32
const keyStore = await openKeyStore({ directory: 'keys', secret });
const audit = await openAuditTrail({ file: 'audit.jsonl', signer: keyStore.signer('audit') });
const agent = 'https://agent.example.com'; // signs its requests, and publishes its keys

const checks = securityProfile({
  level: 'high', // or 'basic', 'enhanced', 'strict'
  signatures: 'calls', // every call of a tool is signed; 'all': every request
  callChains: { maxDepth: 5 }, // call chains are validated, and no deeper than this
  auditing: { level: 'all' }, // every check, call and outcome is recorded
  resource,
  issuers: [oidc({ issuer })],
  tools,
  keys: [{ owner: agent, clientId: 'agent', jwksUri: `${agent}/.well-known/jwks.json` }],
  keyStore, // signs tool definitions, and calls of other servers
  audit,
  stores: memoryStores({ singleProcess: true }), // several processes: redisStores(client)
});
const app = express();
app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], keys: keyStore })));
app.use('/mcp', toExpress(...checks));
app.all('/mcp', (req, res) => mcp(req, res, req.body));
const server = app.listen(3000, 'localhost');

process.once('SIGTERM', () => {
  // First what reports, then the trail, then the keys that sign it.
  server.close(() => void audit.close().then(() => keyStore.close()));
});
// #endregion
