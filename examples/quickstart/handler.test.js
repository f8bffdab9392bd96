// How a handler is tested by itself, and a whole app with supertest. The page on tests quotes it.
// #region handler
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { contextOf } from 'mcp-etdi';
import { fakeContext } from 'mcp-etdi/testing';

// What goes into server.registerTool('greet', { ... }, greet).
function greet(ctx) {
  const { subject } = contextOf(ctx, 'auth').state.auth;
  return { content: [{ type: 'text', text: `Hello ${subject}` }] };
}

it('greets whoever calls', () => {
  const ctx = fakeContext({ state: { auth: { subject: 'ann' } } });
  assert.equal(greet(ctx).content[0].text, 'Hello ann');
  // Where a handler reads more of its source, the fake is the request of it.
  assert.equal(greet({ req: ctx, sessionId: 'a' }).content[0].text, 'Hello ann');
});

it('greets nobody who was not proven', () => {
  assert.throws(() => greet(fakeContext()), /nothing mounted earlier proved 'auth'/);
});
// #endregion

// #region supertest
import express from 'express';
import { authenticate, authorizeScopes, defineTools, oidc, validateOrigin } from 'mcp-etdi';
import { toExpress } from 'mcp-etdi/express';
import { fakeIssuer } from 'mcp-etdi/testing';
import request from 'supertest';

it('lets a reader call what a reader may', async () => {
  const resource = 'https://mcp.example.com/mcp';
  const { issuer, fetch, token } = fakeIssuer({ resource });
  const tools = defineTools({ greet: { permissions: ['greet'] } });
  const checks = [
    validateOrigin({ resource }),
    authenticate({ issuers: [oidc({ issuer })], resource, fetch }),
    authorizeScopes({ tools }),
  ];
  const app = express()
    .use('/mcp', toExpress(...checks))
    .post('/mcp', (req, res) => res.json(greet(req)));
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'greet', arguments: {} } };

  await request(app).post('/mcp').send(call).expect(401);
  const send = async (scope) => {
    const authorization = `Bearer ${await token({ sub: 'ann', scope })}`;
    return request(app).post('/mcp').set('Authorization', authorization).send(call);
  };
  assert.equal((await send('greet')).body.content[0].text, 'Hello ann');
  assert.equal((await send('other')).body.error.data.code, 'scope_insufficient');
});
// #endregion
