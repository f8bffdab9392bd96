// A whole server at level `enhanced`, from its keys to its end. The page on security levels quotes it.
/* global process, setTimeout */
// #region server
import express from 'express';
import {
  defineTools,
  fileVersions,
  memoryStores,
  oidc,
  openAuditTrail,
  openKeyStore,
  protectedResource,
  securityProfile,
} from 'mcp-etdi';
import { serveExpress, toExpress } from 'mcp-etdi/express';
import { mcp } from './mcp.js';

const resource = 'http://localhost:3000/mcp'; // the public URL of your MCP endpoint
const issuer = 'https://login.example.com'; // your authorization server
const secret = process.env.MCP_ETDI_KEY_SECRET ?? ''; // 32 random bytes: openssl rand -base64 32
const tools = defineTools({ greet: { version: '1.0.0', permissions: ['greet'] } }); // any other tool is denied

const keyStore = await openKeyStore({ directory: 'keys', secret });
const audit = await openAuditTrail({ file: 'audit.jsonl', signer: keyStore.signer('audit') });

const checks = securityProfile({
  level: 'enhanced',
  resource,
  issuers: [oidc({ issuer })],
  tools,
  keyStore, // signs tool definitions, and calls of other servers
  audit,
  stores: memoryStores({ singleProcess: true }), // several processes: redisStores(client)
  definitions: { versions: fileVersions('mcp-tools.lock.json') }, // what each version of a tool stands for
});
const metadata = protectedResource({ resource, authorizationServers: [issuer], scopes: ['greet'], keys: keyStore });
const app = express();
app.use(serveExpress(metadata)); // and the keys that signatures are verified with
app.use('/mcp', toExpress(...checks));
app.all('/mcp', (req, res) => mcp(req, res, req.body));
const server = app.listen(3000, 'localhost');

process.once('SIGTERM', () => {
  // What is under way is finished and recorded; streams that stay open end after five seconds.
  server.close(() => void audit.close().then(() => keyStore.close()));
  setTimeout(() => server.closeAllConnections(), 5_000).unref();
});
// #endregion
