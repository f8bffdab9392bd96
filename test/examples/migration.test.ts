import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
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

  it('denies a tool without its permission only where tools are defined', async () => {
    const token = await issuer.token({ scope: 'mcp' });
    const send = (app: ReturnType<typeof afterSdk>) =>
      request(app).post('/mcp').set('authorization', `Bearer ${token}`).send(call);
    expect((await send(afterSdk(setting))).status).to.equal(200);
    expect((await send(afterWithTools(setting))).status).to.equal(403);
  });
});
