// What the pages show in a few lines is built here, and as far as it does something, done.
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { expect } from 'chai';
import express, { type Express } from 'express';
import Koa from 'koa';
import request from 'supertest';
import { createLogger } from 'winston';
import { toExpress } from '../../adapters/express.js';
import { logs } from '../../examples/pages/auditFormats.js';
import { log } from '../../examples/pages/auditLog.js';
import { login } from '../../examples/pages/authenticate.js';
import { access, withEngine } from '../../examples/pages/authorizeScopes.js';
import { checks } from '../../examples/pages/bindSession.js';
import { verifyThenSign } from '../../examples/pages/clients.js';
import { actorsOf } from '../../examples/pages/exchangeToken.js';
import { revoke } from '../../examples/pages/introspection.js';
import { kmsSigner } from '../../examples/pages/keys.js';
import { colleagues } from '../../examples/pages/mounting.js';
import * as metadata from '../../examples/pages/protectedResource.js';
import { publish, sources, withCode } from '../../examples/pages/publishTools.js';
import { mountTwo, shared } from '../../examples/pages/rateLimit.js';
import { short, withToolServers } from '../../examples/pages/securityProfile.js';
import { announce, callGuarded } from '../../examples/pages/toolVerifier.js';
import { origin } from '../../examples/pages/validateOrigin.js';
import { inFront, signingTransport } from '../../examples/pages/verifySignature.js';
import { listen } from '../../examples/support/loopback.js';
import { authenticate, defineTools, memoryVersions, oidc, openKeyStore, publishTools } from '../../lib/index.js';
import { fakeIssuer, fakeSigner, signRequest } from '../../lib/testing.js';

const resource = 'https://mcp.example/mcp';
const as = fakeIssuer({ resource });
const { issuer } = as;
const issuers = [oidc({ issuer })];
const tools = defineTools({ add: { version: '1.0.0', permissions: [] } });
const secret = Buffer.alloc(32, 5).toString('base64');
const client = { call: () => Promise.resolve('OK') };
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'add', arguments: {} } };

function createServer(): McpServer {
  const server = new McpServer({ name: 'pages', version: '1.0.0' });
  for (const name of ['add', 'secure_file_read', 'weather']) {
    server.registerTool(name, { description: name }, () => ({ content: [{ type: 'text', text: 'sunny' }] }));
  }
  return server;
}

const statusOf = async (app: Express): Promise<number> => (await request(app).post('/mcp').send(call)).status;

describe('what the pages show in a few lines', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'etdi-pages-'));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('builds: auditLog, authenticate, authorizeScopes, bindSession, rateLimit, validateOrigin', () => {
    const engine = withEngine(tools, () => Promise.resolve({ result: true }));
    const names = [log, login, access, engine, shared(client), origin].map(({ name }) => name);
    expect(new Set(names)).to.have.lengthOf(5);
    expect(checks(client, { issuers, resource, tools })).to.be.a('function');
  });

  it('denies who is no colleague: mounting', async () => {
    const app = express()
      .use('/mcp', toExpress(authenticate({ issuers, resource, fetch: as.fetch }), colleagues))
      .post('/mcp', (_req, res) => void res.json({}));
    for (const [department, status] of [
      ['sales', 200],
      ['other', 403],
    ] as const) {
      const token = await as.token({ department });
      const sent = request(app).post('/mcp').set('authorization', `Bearer ${token}`).send(call);
      expect((await sent).status).to.equal(status);
    }
  });

  it('builds: audit formats', async () => {
    const { log, trail } = await logs(createLogger({ silent: true }), join(folder, 'a.jsonl'), await fakeSigner());
    expect(log.name).to.equal('auditLog');
    await trail.close();
  });

  it('builds: clients', async () => {
    expect(verifyThenSign(resource, issuers, await fakeSigner())).to.be.a('function');
  });

  it('builds: securityProfile, short and with tool servers', async () => {
    const audit = (): void => undefined;
    const app = express();
    short(app, { resource, issuer, tools, audit });
    expect(await statusOf(app)).to.equal(401);
    const keyStore = await openKeyStore({ directory: join(folder, 'profile'), secret });
    const peer = await openKeyStore({ directory: join(folder, 'peer'), secret });
    await peer.generate('request');
    await peer.generate('call-chain');
    const profile = withToolServers(await peer.export(), keyStore, { resource, issuer, tools, audit });
    expect(profile.map(({ name }) => name)).to.include.members(['verifySignature', 'callStackGuard']);
    await Promise.all([keyStore.close(), peer.close()]);
  });

  it('shows who acts: exchangeToken', async () => {
    const app = express()
      .use('/mcp', toExpress(authenticate({ issuers, resource, fetch: as.fetch })))
      .post('/mcp', (req, res) => void res.json(actorsOf(req)));
    const token = await as.token({ act: { sub: 'files', act: { sub: 'reports' } } });
    const answer = await request(app).post('/mcp').set('authorization', `Bearer ${token}`).send(call);
    expect(answer.body).to.deep.equal([{ subject: 'files' }, { subject: 'reports' }]);
  });

  it('revokes tokens: introspection', async () => {
    await revoke(issuer, { jti: 'a', exp: Math.floor(Date.now() / 1000) + 60 }, 'd'.repeat(43));
  });

  it('signs with a key that is held elsewhere: keys', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const kms = {
      sign: (_name: string, bytes: Uint8Array) => Promise.resolve({ signature: sign('sha256', bytes, privateKey) }),
    };
    const key = await kmsSigner(kms, 'key', { ...publicKey.export({ format: 'jwk' }), alg: 'ES256' }).current();
    expect(await key.sign(Buffer.from('bytes'))).to.have.lengthOf(64);
  });

  it('serves metadata: protectedResource', async () => {
    const [app, koaApp] = [express(), new Koa()];
    metadata.mount(app, koaApp);
    for (const server of [app, koaApp.callback()]) {
      const answer = await request(server).get('/.well-known/oauth-protected-resource/mcp');
      expect(answer.body).to.include({ resource: 'https://mcp.example.com/mcp' });
    }
    const two = express();
    metadata.mountTwo(two, [issuer]);
    const second = await request(two).get('/.well-known/oauth-protected-resource/b');
    expect(second.body).to.include({ resource: 'https://h.example.com/b' });
    expect(metadata.corsOptions().exposedHeaders).to.include('WWW-Authenticate');
  });

  it('signs tools, and names their code: publishTools', async () => {
    const app = express();
    const keys = await publish(app, { directory: join(folder, 'publish'), secret, resource, issuer, createServer });
    expect(await statusOf(app)).to.equal(401);
    await keys.close();
    const file = join(folder, 'server.js');
    writeFileSync(file, 'export {};');
    expect([...(await withCode(file))][0]?.[1].codeDigest).to.match(/^sha256:[0-9a-f]{64}$/);
    const forms = await Promise.all(sources(createServer).map(async (source) => Object.keys(await source()).sort()));
    expect(forms).to.deep.equal([['legacy'], ['legacy', 'modern']]);
  });

  it('shares one pair of headers: rateLimit', async () => {
    const app = express();
    mountTwo(app, [oidc({ issuer, jwks: await as.jwks() })], resource);
    app.post('/mcp', (_req, res) => void res.json({}));
    const { headers } = await request(app)
      .post('/mcp')
      .set('authorization', `Bearer ${await as.token()}`)
      .send(call);
    expect(headers['ratelimit']).to.match(/^"burst";r=19;t=1, "daily";r=4999;t=86400$/);
  });

  it('calls what was approved: toolVerifier', async () => {
    const server = await listen(0);
    const url = `${server.origin}/mcp`;
    const publisher = await openKeyStore({ directory: join(folder, 'publisher'), secret, purposes: ['definition'] });
    await publisher.generate('definition');
    const policies = Object.fromEntries(
      ['add', 'secure_file_read', 'weather'].map((name) => [name, { version: '1.0.0', permissions: [] }]),
    );
    const signing = publishTools({
      tools: defineTools(policies),
      resource: url,
      signer: publisher.signer('definition'),
      versions: memoryVersions(),
    });
    const mcp = toNodeHandler(createMcpHandler(createServer));
    const app = express()
      .use('/mcp', toExpress(signing))
      .all('/mcp', (req, res) => mcp(req, res, req.body));
    server.serve(app);
    const agent = new Client({ name: 'agent', version: '1.0.0' });
    const { keys, content } = await callGuarded(agent, {
      server: url,
      folder,
      secret,
      pinnedKeys: await publisher.export(),
      fetch,
      askTheUser: ({ tool }) => tool === 'weather',
    });
    expect(content).to.deep.equal([['weather'], [{ type: 'text', text: 'sunny' }]]);
    await agent.close();
    const [next] = (await publisher.export()).keys;
    const soon = new Date(Date.now() + 60_000);
    expect(await announce(url, next ?? {}, publisher.signer('definition'), soon)).to.match(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    await Promise.all([keys.close(), publisher.close(), server.close()]);
  });

  it('takes signed requests in front of a parser: verifySignature', async () => {
    const signer = await fakeSigner();
    const options = { keys: [{ owner: 'https://agent.example', jwks: signer.jwks }], resource };
    const app = inFront((_req, res) => void res.json({ served: true }), options);
    const headers = await signRequest({ url: resource, body: call }, { signer });
    const signed = await request(app).post('/mcp').set('host', 'localhost').set(headers).send(JSON.stringify(call));
    expect([signed.status, signed.body]).to.deep.equal([200, { served: true }]);
    expect(await statusOf(app)).to.equal(401);
  });

  it('signs what a transport sends: verifySignature', async () => {
    process.env['MCP_ETDI_KEY_SECRET'] = secret;
    try {
      const transport = await signingTransport(join(folder, 'agent'), new URL('http://localhost:3000/mcp'));
      expect(transport).to.be.instanceOf(StreamableHTTPClientTransport);
    } finally {
      delete process.env['MCP_ETDI_KEY_SECRET'];
    }
  });
});
