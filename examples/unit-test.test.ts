// How to test what you wrote: who may call which tool, and a handler that asks who called. No network, no keys to keep.
// #region readme-test
import express from 'express';
import request from 'supertest';
import { toExpress } from '../adapters/express.js';
import { contextOf, defineTools, oidc, securityProfile } from '../lib/index.js';
import { fakeIssuer } from '../lib/testing.js';

const tools = defineTools({
  secure_file_read: { permissions: ['file:read'], allow: ({ arguments: { name } }) => name === 'notes.txt' },
  purge: { permissions: ['file:delete'] },
});
const { issuer, resource, fetch, token } = fakeIssuer();

const app = express();
const audit = (): void => undefined;
const issuers = [oidc({ issuer })];
app.use('/mcp', toExpress(...securityProfile({ level: 'basic', resource, issuers, fetch, tools, audit })));
app.post('/mcp', (req, res) => res.json({ result: `for ${contextOf(req, 'auth').state.auth.subject}` }));

const call = (bearer: string, name: string, args = {}) =>
  request(app)
    .post('/mcp')
    .set('Authorization', `Bearer ${bearer}`)
    .send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } });

describe('my tools', () => {
  it('let a reader read', async () => {
    const alice = await token({ sub: 'alice', scope: 'file:read' });
    await call(alice, 'secure_file_read', { name: 'notes.txt' }).expect(200, { result: 'for alice' });
  });

  it('do not let a reader delete', async () => {
    const alice = await token({ sub: 'alice', scope: 'file:read' });
    await call(alice, 'purge')
      .expect(403)
      .expect('WWW-Authenticate', /scope="file:delete"/);
  });
});
// #endregion

describe('my rules', () => {
  it('keep what is not listed, whatever the scope', async () => {
    const alice = await token({ sub: 'alice', scope: 'file:read file:delete' });
    const denied = { code: 'argument_denied' };
    await call(alice, 'secure_file_read', { name: 'secrets.txt' }).expect(403, new RegExp(denied.code));
  });

  it('are for nobody with an expired token', async () => {
    const late = await token({ exp: Math.floor(Date.now() / 1000) - 60 });
    await call(late, 'secure_file_read').expect(401);
  });
});
