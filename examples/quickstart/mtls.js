// A whole program: a server that knows a client by its certificate. It reads ca.pem, server.pem, server-key.pem,
// client.pem and client-key.pem; the certificates name spiffe://example.org/server and /billing. `node mtls.js`
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import express from 'express';
import { authenticate, authorizeScopes, contextOf, defineTools, oidc, validateOrigin } from 'mcp-etdi';
import { mtlsFetch } from 'mcp-etdi/client';
import { toExpress } from 'mcp-etdi/express';
import { fakeIssuer } from 'mcp-etdi/testing';

const read = (name) => readFileSync(name, 'utf8');
const ca = read('ca.pem');
const app = express();
const tls = { cert: read('server.pem'), key: read('server-key.pem'), ca, requestCert: true };
const server = createServer({ ...tls, rejectUnauthorized: false }, app).listen(0, 'localhost');
await once(server, 'listening');
const resource = `https://localhost:${server.address().port}/mcp`;
const as = fakeIssuer({ resource }); // in the place of your authorization server

app.use(
  '/mcp',
  toExpress(
    validateOrigin({ resource }),
    authenticate({
      issuers: [oidc({ issuer: as.issuer })],
      resource,
      fetch: as.fetch,
      mtls: { callers: [{ clientId: 'billing', uri: 'spiffe://example.org/billing' }] },
    }),
    authorizeScopes({ tools: defineTools({ pay: { permissions: ['pay'] } }), clients: { billing: ['pay'] } }),
  ),
);
app.post('/mcp', (req, res) => res.json({ result: `paid by ${contextOf(req, 'auth').state.auth.clientId}` }));

const send = mtlsFetch({
  cert: read('client.pem'),
  key: read('client-key.pem'),
  ca,
  servers: [{ url: resource, uri: 'spiffe://example.org/server' }],
});
const call = (name) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } }),
});
console.log('what it may:', await (await send(resource, call('pay'))).json());
console.log('what it may not:', (await send(resource, call('read'))).status);
await send.close();
server.close();
