// A whole program: a tool that asks for another sign-in. `node step-up.js`
/* global fetch */
import { once } from 'node:events';
import express from 'express';
import { authenticate, authorizeScopes, defineTools, oidc, validateOrigin } from 'mcp-etdi';
import { toExpress } from 'mcp-etdi/express';
import { fakeIssuer } from 'mcp-etdi/testing';

const app = express();
const server = app.listen(0, 'localhost');
await once(server, 'listening');
const resource = `http://localhost:${server.address().port}/mcp`;
const as = fakeIssuer({ resource }); // in the place of your authorization server
const tools = defineTools({ pay: { permissions: ['pay'], acr: ['urn:example:mfa'], maxAge: 300 } });

app.use(
  '/mcp',
  toExpress(
    validateOrigin({ resource }),
    authenticate({ issuers: [oidc({ issuer: as.issuer })], resource, fetch: as.fetch }),
    authorizeScopes({ tools }),
  ),
);
app.post('/mcp', (_req, res) => res.json({ result: 'paid' }));

const call = async (claims) =>
  fetch(resource, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${await as.token({ scope: 'pay', ...claims })}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'pay', arguments: {} } }),
  });
const now = Math.floor(Date.now() / 1000);
const { status, headers } = await call({});
console.log('signed in somehow:', status, headers.get('www-authenticate'));
console.log('with a second factor, just now:', await (await call({ acr: 'urn:example:mfa', auth_time: now })).json());
server.close();
