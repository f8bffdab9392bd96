// How to test who may call which tool, with an authorization server in memory. The page on tests quotes it.
/* global fetch */
// #region test
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import express from 'express';
import { contextOf, defineTools, oidc, securityProfile } from 'mcp-etdi';
import { toExpress } from 'mcp-etdi/express';
import { fakeIssuer } from 'mcp-etdi/testing';

// Your checks as they are mounted, in front of a handler that says who called.
async function serve(options) {
  const app = express();
  const server = app.listen(0, 'localhost');
  await once(server, 'listening');
  after(() => server.close());
  const resource = `http://localhost:${server.address().port}/mcp`;
  const { issuer, fetch, token } = fakeIssuer({ resource });
  const common = { level: 'basic', resource, issuers: [oidc({ issuer })], fetch, audit: () => undefined };
  app.use('/mcp', toExpress(...securityProfile({ ...common, ...options })));
  app.post('/mcp', (req, res) => res.json({ result: `for ${contextOf(req, 'auth').state.auth.subject}` }));
  return { resource, token };
}

async function call(resource, token, params, send = fetch) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const answer = await send(resource, { method: 'POST', headers, body });
  const { result, error } = await answer.json();
  return result ?? `${answer.status} ${error.data.code}`;
}

describe('my tools', async () => {
  const tools = defineTools({
    secure_file_read: { permissions: ['file:read'], allow: ({ arguments: { name } }) => name === 'notes.txt' },
    purge: { permissions: ['file:delete'] },
  });
  const { resource, token } = await serve({ tools });
  const alice = (claims = {}) => token({ sub: 'alice', scope: 'file:read', ...claims });

  it('let a reader read what is listed', async () => {
    const read = (name) => ({ name: 'secure_file_read', arguments: { name } });
    assert.equal(await call(resource, await alice(), read('notes.txt')), 'for alice');
    assert.equal(await call(resource, await alice(), read('secrets.txt')), '403 argument_denied');
  });

  it('do not let a reader delete', async () => {
    assert.equal(await call(resource, await alice(), { name: 'purge' }), '403 scope_insufficient');
  });

  it('are for nobody with an expired token', async () => {
    const exp = Math.floor(Date.now() / 1000) - 60;
    assert.equal(await call(resource, await alice({ exp }), { name: 'purge' }), '401 token_invalid');
  });
});
// #endregion

// #region prover
import { dpopFetch } from 'mcp-etdi/client';
import { fakeProver } from 'mcp-etdi/testing';

it('a token that is bound to a key is worth nothing without it', async () => {
  const { resource, token } = await serve({ tools: defineTools({ whoami: { permissions: [] } }) });
  const prover = await fakeProver();
  const bound = await token({ sub: 'alice', cnf: { jkt: prover.jkt } });
  assert.equal(await call(resource, bound, { name: 'whoami' }), '401 token_invalid');
  const proving = dpopFetch({ resource, key: prover.key });
  assert.equal(await call(resource, bound, { name: 'whoami' }, proving), 'for alice');
});
// #endregion

// #region chain
import { CALL_CHAIN, fakeSigner, signCallChain } from 'mcp-etdi/testing';

it('a tool is called by the tools that it allows', async () => {
  const signer = await fakeSigner();
  const reports = { owner: 'https://reports.example/mcp', clientId: 'reports', mayRoot: true, jwks: signer.jwks };
  const tools = defineTools({ read: { permissions: [], allowedCallers: [`${reports.owner}#report`] } });
  const { resource, token } = await serve({ tools, toolServers: [reports] });

  const callAs = async (caller) => {
    const hop = { signer, issuer: reports.owner, caller, resource, tool: 'read' };
    const _meta = { [CALL_CHAIN]: await signCallChain([hop]) };
    return call(resource, await token({ sub: 'alice', client_id: 'reports' }), { name: 'read', _meta });
  };
  assert.equal(await callAs('report'), 'for alice');
  assert.equal(await callAs('mail_everybody'), '403 caller_denied');
  // Whoever is in toolServers must bring a chain.
  assert.equal(await call(resource, await token({ client_id: 'reports' }), { name: 'read' }), '403 chain_missing');
});
// #endregion
