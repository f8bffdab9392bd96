// A whole program: a server that asks its authorization server about each token. `node introspection.js`
/* global fetch, Response, URLSearchParams */
import { once } from 'node:events';
import express from 'express';
import { authenticate, authorizeScopes, contextOf, defineTools, introspect, validateOrigin } from 'mcp-etdi';
import { toExpress } from 'mcp-etdi/express';
import { fakeIssuer } from 'mcp-etdi/testing';

const app = express();
const server = app.listen(0, 'localhost');
await once(server, 'listening');
const resource = `http://localhost:${server.address().port}/mcp`;

// In the place of your authorization server: it knows one token, and says what that is good for.
const as = fakeIssuer({ resource, metadata: { introspection_endpoint: 'https://issuer.example/introspect' } });
const facts = { active: true, sub: 'ann', client_id: 'app', aud: resource, exp: Math.floor(Date.now() / 1000) + 60 };
const answer = async (url, init) => {
  if (init?.method !== 'POST') return as.fetch(url, init);
  const isKnown = new URLSearchParams(init.body).get('token') === 'opaque-token-of-ann';
  return Response.json(isKnown ? facts : { active: false });
};

app.use(
  '/mcp',
  toExpress(
    validateOrigin({ resource }),
    authenticate({
      issuers: [introspect({ issuer: as.issuer, clientId: 'mcp-server', clientSecret: 'secret' })],
      resource,
      fetch: answer,
    }),
    authorizeScopes({ tools: defineTools({ whoami: { permissions: [] } }) }),
  ),
);
app.post('/mcp', (req, res) => res.json({ result: contextOf(req, 'auth').state.auth.subject }));

const call = (token) =>
  fetch(resource, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } }),
  });
console.log('an active token:', await (await call('opaque-token-of-ann')).json());
console.log('another one:', (await call('somebody-elses')).status);
server.close();
