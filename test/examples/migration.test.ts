import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import request from 'supertest';
import {
  afterSdk,
  afterWithTools,
  beforeWithJwtBearer,
  beforeWithSdk,
  type Setting,
} from '../../examples/migration.js';
import { fakeIssuer, type FakeIssuer } from '../../lib/testing.js';

const resource = 'https://mcp.example.com/mcp';
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'secure_file_read', arguments: {} } };

describe('examples/migration', () => {
  let server: Server;
  let issuer: FakeIssuer;
  let setting: Setting;

  before(async () => {
    // The fake issuer on a real socket, since the code of before fetches in its own way.
    server = createServer((req, res) => {
      const url = `${issuer.issuer}${req.url ?? ''}`;
      void issuer.fetch(url).then(async (answer) => {
        res.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    issuer = fakeIssuer({ issuer: origin, resource });
    setting = {
      resource,
      issuer: origin,
      jwksUri: issuer.jwksUri,
      mcp: (req, res) => {
        res.json({ served: (req.body as { id: number }).id });
      },
    };
  });

  after(() => {
    server.close();
    server.closeAllConnections();
  });

  for (const build of [beforeWithSdk, afterSdk, afterWithTools, beforeWithJwtBearer]) {
    it(`${build.name} serves a good token and nobody else`, async () => {
      const app = build(setting);
      const send = (token?: string) =>
        request(app)
          .post('/mcp')
          .set(token === undefined ? {} : { authorization: `Bearer ${token}` })
          .send(call);
      const good = await send(await issuer.token({ scope: 'mcp file:read' }));
      expect([good.status, good.body]).to.deep.equal([200, { served: 1 }]);
      expect((await send()).status).to.equal(401);
      expect((await send(await issuer.token({ aud: 'https://other.example/mcp' }))).status).to.equal(401);
    });
  }

  it('asks for the scope of the SDK afterwards too, of calls and of everything else', async () => {
    const token = await issuer.token({ scope: 'file:read' });
    const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };
    for (const build of [beforeWithSdk, afterSdk]) {
      const app = build(setting);
      const post = (body: object) => request(app).post('/mcp').set('authorization', `Bearer ${token}`).send(body);
      expect([(await post(call)).status, (await post(ping)).status], build.name).to.deep.equal([403, 403]);
      const stream = await request(app).get('/mcp').set('authorization', `Bearer ${token}`);
      expect(stream.status, build.name).to.equal(403);
    }
  });

  it('hands on the body that the checks have parsed, also behind a parser that stays in front', async () => {
    const before = express().use(express.json()).use(afterSdk(setting));
    const behind = afterSdk({ ...setting, mcp: express().use(express.json(), setting.mcp) });
    const token = await issuer.token({ scope: 'mcp' });
    for (const app of [before, behind]) {
      const answer = await request(app).post('/mcp').set('authorization', `Bearer ${token}`).send(call);
      expect([answer.status, answer.body]).to.deep.equal([200, { served: 1 }]);
    }
  });

  it('denies a tool without a permission of its own only where tools have one', async () => {
    const token = await issuer.token({ scope: 'mcp' });
    const send = (app: ReturnType<typeof afterSdk>) =>
      request(app).post('/mcp').set('authorization', `Bearer ${token}`).send(call);
    expect((await send(afterSdk(setting))).status).to.equal(200);
    expect((await send(afterWithTools(setting))).status).to.equal(403);
  });
});
