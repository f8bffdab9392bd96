import { hash } from 'node:crypto';
import { expect } from 'chai';
import { behindNginx, client, direct } from '../../examples/mutual-tls.js';
import { checks } from '../../examples/opaque-tokens.js';
import { fakeContext, fakeIssuer } from '../../lib/testing.js';
import { defineTools } from '../../lib/tools/defineTools.js';
import { verdict } from '../lib/tokens/forge.js';
import { certificateAuthority } from '../support/certificates.js';
import { serveTls, whoCalls } from '../support/secureServer.js';

const RESOURCE = 'https://mcp.example/mcp';

describe('examples of proving who calls', () => {
  for (const [name, mount] of Object.entries(whoCalls)) {
    it(`mutual-tls: the client and the server know each other, on ${name}`, async () => {
      const as = fakeIssuer({ resource: RESOURCE });
      const tools = defineTools({ pay: { permissions: ['pay'] }, read: { permissions: ['file:read'] } });
      const authority = await certificateAuthority();
      const [billing, reports] = await Promise.all([
        authority.issue([{ type: 'url', value: 'spiffe://example.org/billing' }]),
        authority.issue([{ type: 'dns', value: 'reports.example.org' }]),
      ]);
      const server = await serveTls(authority, mount(direct(RESOURCE, as.issuer, tools, as.fetch)));
      const pay = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'pay' } });
      const statuses: number[] = [];
      for (const { cert, key } of [billing, reports]) {
        const send = client({ cert, key, ca: authority.ca }, `${server.origin}/mcp`);
        const headers = { 'content-type': 'application/json' };
        const { status } = await send(`${server.origin}/mcp`, { method: 'POST', headers, body: pay });
        statuses.push(status);
        await send.close();
      }
      await server.close();
      expect(statuses).to.deep.equal([200, 403]);
    });
  }

  it('mutual-tls: the server behind nginx takes a certificate from nginx alone', async () => {
    const as = fakeIssuer({ resource: RESOURCE });
    const middleware = behindNginx(RESOURCE, as.issuer, as.fetch);
    const headers = { authorization: `Bearer ${await as.token()}`, 'x-client-verify': 'NONE' };
    for (const [remoteAddress, allowed] of [
      ['127.0.0.1', true],
      ['127.0.0.2', false],
    ] as const) {
      const ran = Promise.resolve().then(() => middleware.run(fakeContext({ headers, connection: { remoteAddress } })));
      expect(await ran.then(() => true).catch(() => false)).to.equal(allowed);
    }
  });

  it('opaque-tokens: takes JWTs and opaque tokens until they are revoked', async () => {
    const as = fakeIssuer({
      resource: RESOURCE,
      metadata: { introspection_endpoint: 'https://issuer.example/introspect' },
    });
    const exp = Math.floor(Date.now() / 1000) + 60;
    const answer = { active: true, aud: RESOURCE, client_id: 'app', exp };
    const send: typeof fetch = (input, init) =>
      init?.method === 'POST' ? Promise.resolve(Response.json(answer)) : as.fetch(input, init);
    const { middleware, revocations } = checks(RESOURCE, as.issuer, 'secret', send);
    for (const token of [await as.token(), 'opaque']) {
      expect(await verdict(middleware, `Bearer ${token}`)).to.equal('allowed');
      await revocations.revoke({ digest: hash('sha256', token, 'base64url') }, new Date(exp * 1000));
      expect(await verdict(middleware, `Bearer ${token}`)).to.equal('token_invalid revoked');
    }
  });
});
