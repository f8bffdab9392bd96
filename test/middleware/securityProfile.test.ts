import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import request from 'supertest';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { defineTools, oidc, securityProfile, type AuditRecord, type SecurityProfileOptions } from '../../lib/index.js';
import { fakeIssuer, fakeSigner, signRequest } from '../../lib/testing.js';

const resource = 'https://mcp.example.com/mcp';
const as = fakeIssuer({ resource });
const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'read', arguments: {} } };

function options(
  more: Partial<SecurityProfileOptions> = {},
): SecurityProfileOptions & { readonly records: AuditRecord[] } {
  const records: AuditRecord[] = [];
  const all: SecurityProfileOptions = {
    level: 'basic',
    resource,
    issuers: [oidc({ issuer: as.issuer })],
    tools: defineTools({ read: { permissions: ['file:read'] } }),
    audit: (event) => {
      if (event.type === 'request') records.push(event);
    },
    fetch: as.fetch,
    ...more,
  };
  return Object.defineProperty(all, 'records', { value: records }) as never;
}

describe('securityProfile', () => {
  it('is the four checks of level basic, in their order', () => {
    const names = securityProfile(options()).map(({ name }) => name);
    expect(names).to.deep.equal(['auditLog', 'validateOrigin', 'authenticate', 'authorizeScopes']);
  });

  for (const framework of ['Express', 'Koa']) {
    it(`protects a server on ${framework}: each check denies, and each request is recorded`, async () => {
      const all = options();
      const app =
        framework === 'Express'
          ? express()
              .use(toExpress(...securityProfile(all)))
              .use((req, res) => {
                res.json({ body: req.body as unknown });
              })
          : new Koa()
              .use(toKoa(...securityProfile(all)))
              .use((ctx) => {
                ctx.body = { body: (ctx.request as { body?: unknown }).body };
              })
              .callback();
      const send = (headers: Record<string, string>) => request(app).post('/mcp').set(headers).send(call);
      const token = await as.token({ scope: 'file:read' });
      const poor = await as.token({ scope: 'mcp' });

      const allowed = await send({ authorization: `Bearer ${token}` });
      expect(allowed.status).to.equal(200);
      expect(allowed.body).to.deep.equal({ body: call });
      expect((await send({ authorization: `Bearer ${token}`, origin: 'https://evil.example' })).status).to.equal(403);
      expect((await send({})).status).to.equal(401);
      const denied = await send({ authorization: `Bearer ${poor}` });
      expect(denied.status).to.equal(403);
      expect(denied.headers['www-authenticate']).to.include('scope="file:read"');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(all.records.map(({ status }) => status)).to.deep.equal([200, 403, 401, 403]);
    });
  }

  it('denies an unsigned call of a tool that must be signed, and of that tool alone', async () => {
    const signer = await fakeSigner();
    const tools = defineTools({ read: { permissions: [] }, purge: { permissions: [], requireSignature: true } });
    const keys = [{ owner: 'https://agent.example', clientId: 'client', jwks: signer.jwks }];
    const profile = securityProfile(options({ tools, keys }));
    expect(profile.map(({ name }) => name)).to.include('verifySignature');
    const app = express()
      .use('/mcp', toExpress(...profile))
      .use((_req, res) => void res.json({}));
    const headers = { authorization: `Bearer ${await as.token()}` };
    const purge = { ...call, params: { name: 'purge' } };
    const send = (more: Record<string, string>, body: object) =>
      request(app).post('/mcp').set(more).send(JSON.stringify(body));
    const json = { ...headers, 'content-type': 'application/json' };
    expect((await send(json, call)).status).to.equal(200);
    const { status, body } = await send(json, purge);
    expect({ status, body: body as unknown }).to.nested.include({
      status: 403,
      'body.error.data.code': 'signature_required',
    });
    expect((await send(await signRequest({ url: resource, headers, body: purge }, { signer }), purge)).status).to.equal(
      200,
    );
  });

  it('does not build when a tool must be signed and nobody could sign', () => {
    const tools = defineTools({ purge: { permissions: [], requireSignature: true } });
    expect(() => securityProfile(options({ tools }))).to.throw(
      TypeError,
      /'keys' or 'toolServers': who may sign calls of 'purge'/,
    );
  });

  it('names the base permissions as the scopes to ask for', async () => {
    const [, , authenticate] = securityProfile(options({ base: ['mcp', 'mcp:use'] }));
    const app = express().use(toExpress(authenticate));
    const { headers } = await request(app).post('/mcp').send(call);
    expect(headers['www-authenticate']).to.include('scope="mcp mcp:use"');
  });

  it('does not build with an option that no check knows, or a level that is not there', () => {
    const wrong: [object, RegExp][] = [
      [{ level: 'top' }, /'level' must be one of 'basic', 'enhanced', 'high', 'strict'/],
      [{ level: undefined }, /'level' must be one of 'basic'/],
      [{ alowedOrigins: [] }, /unknown option 'alowedOrigins'; did you mean 'allowedOrigins'\?/],
      [{ issuers: [] }, /authenticate: 'issuers' must have at least 1 element/],
      [{ tools: {} }, /authorizeScopes: 'tools'/],
      [{ audit: 'file' }, /auditLog: 'sink'/],
      [{ resource: 'http://mcp.example.com/mcp' }, /'resource' must be/],
    ];
    for (const [more, message] of wrong) {
      expect(() => securityProfile(options(more)), message.source).to.throw(TypeError, message);
    }
    expect(() => securityProfile(undefined as never)).to.throw(TypeError, /pass one object/);
  });
});
