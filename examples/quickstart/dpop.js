// A whole program: a server that takes tokens bound to a key alone, and a client that proves its key. `node dpop.js`
/* global fetch */
import { once } from 'node:events';
import express from 'express';
import { authenticate, authorizeScopes, contextOf, defineTools, oidc, validateOrigin } from 'mcp-etdi';
import { dpopFetch } from 'mcp-etdi/client';
import { toExpress } from 'mcp-etdi/express';
import { fakeIssuer, fakeProver } from 'mcp-etdi/testing';

const app = express();
const server = app.listen(0, 'localhost');
await once(server, 'listening');
const resource = `http://localhost:${server.address().port}/mcp`;
const as = fakeIssuer({ resource }); // in the place of your authorization server

app.use(
  '/mcp',
  toExpress(
    validateOrigin({ resource }),
    authenticate({
      issuers: [oidc({ issuer: as.issuer })],
      resource,
      fetch: as.fetch,
      dpop: { mode: 'require', nonces: {} },
    }),
    authorizeScopes({ tools: defineTools({ whoami: { permissions: [] } }) }),
  ),
);
app.post('/mcp', (req, res) => res.json({ result: contextOf(req, 'auth').state.auth.subject }));

const prover = await fakeProver(); // your client: mcp-etdi keys proof-key, or the key that dpopFetch makes
const token = await as.token({ sub: 'ann', cnf: { jkt: prover.jkt } });
const request = {
  method: 'POST',
  headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } }),
};
const proving = dpopFetch({ resource, key: prover.key });
console.log('with the key:', await (await proving(resource, request)).json());
console.log('without it:', (await fetch(resource, request)).status);
server.close();
