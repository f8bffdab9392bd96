import { expect } from 'chai';
import { MemoryStore } from 'express-rate-limit';
import request from 'supertest';
import {
  authenticate,
  authorizeScopes,
  defineTools,
  oidc,
  rateLimit,
  requires,
  type RateLimitOptions,
  type RateStore,
} from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { frameworks, type MountArguments, type Route } from '../support/frameworks.js';

const RESOURCE = 'https://mcp.example/mcp';
const issuer = fakeIssuer({ resource: RESOURCE });
const auth = authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource: RESOURCE, fetch: issuer.fetch });
const access = authorizeScopes({ tools: defineTools({ search: { permissions: [] }, pay: { permissions: ['pay'] } }) });
const call = (name: string, id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
const LEFT = /^"default";r=(\d+);t=\d+$/;

for (const [framework, boot] of Object.entries(frameworks)) {
  describe(`rateLimit on ${framework}`, () => {
    const route: Route = (req, res) => {
      if (req.method === 'GET') {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' }).end('data: {}\n\n');
        return;
      }
      res.setHeader('Content-Type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}');
    };
    const start = (options: Partial<RateLimitOptions> = {}, mount: MountArguments = []) =>
      boot([[...mount, auth, rateLimit({ limit: 2, windowMs: 60_000, ...options }), access]], route);
    const send = async (app: ReturnType<typeof start>, body: string | object, sub = 'alice') =>
      request(app)
        .post('/mcp')
        .set('Authorization', `Bearer ${await issuer.token({ sub })}`)
        .set('X-Forwarded-For', '203.0.113.7')
        .set('Content-Type', 'application/json')
        .send(body);

    it('says what is left on what is served, denied elsewhere, streamed and malformed', async () => {
      const app = start({ limit: 10 });
      const answers = [await send(app, call('search')), await send(app, call('pay')), await send(app, '{')];
      const token = await issuer.token({ sub: 'alice' });
      answers.push(await request(app).get('/mcp').set('Authorization', `Bearer ${token}`));
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 403, 400, 200]);
      const left = answers.map(({ headers }) => LEFT.exec((headers as Record<string, string>)['ratelimit'] ?? '')?.[1]);
      expect(left).to.deep.equal(['9', '8', '7', '6']);
      for (const { headers } of answers) expect(headers).to.have.property('ratelimit-policy', '"default";q=10;w=60');
    });

    it('says nothing to who is not known', async () => {
      const { status, headers } = await request(start()).post('/mcp').send(call('search'));
      expect(status).to.equal(401);
      expect(headers).to.not.have.any.keys('ratelimit', 'ratelimit-policy');
    });

    it('answers 429 over the limit, with what is left and when to come again', async () => {
      const app = start();
      await send(app, [call('search'), call('search', 2)]);
      const { status, headers, body } = await send(app, call('search', 9));
      expect(status).to.equal(429);
      expect(body).to.deep.equal({
        jsonrpc: '2.0',
        id: 9,
        error: { code: 429, message: 'Too many requests', data: { code: 'rate_limited' } },
      });
      expect(Number((headers as Record<string, string>)['retry-after'])).to.be.within(1, 60);
      expect(headers)
        .to.have.property('ratelimit')
        .that.matches(/^"default";r=0;t=/);
      expect(headers).to.have.property('ratelimit-policy', '"default";q=2;w=60');
    });

    it('says of two limits what is left of both, and denies by whichever is used up', async () => {
      const burst = rateLimit({ name: 'burst', limit: 2, windowMs: 1_000_000 });
      const app = boot(
        [
          [auth, burst],
          [requires('auth'), rateLimit({ limit: 9, windowMs: 60_000 }), access],
        ],
        route,
      );
      const answers = [];
      for (let id = 0; id < 3; id += 1) answers.push(await send(app, call('search', id)));
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 429]);
      const left = answers.map(({ headers }) =>
        (headers as Record<string, string>)['ratelimit']?.replace(/t=\d+/g, 't'),
      );
      expect(left).to.deep.equal(['"burst";r=1;t, "default";r=8;t', '"burst";r=0;t, "default";r=7;t', '"burst";r=0;t']);
      expect(answers[1]?.headers).to.have.property('ratelimit-policy', '"burst";q=2;w=1000, "default";q=9;w=60');
    });

    it('has a budget for each caller behind one address', async () => {
      const app = start({ limit: 1 });
      for (const sub of ['alice', 'bob']) expect((await send(app, call('search'), sub)).status).to.equal(200);
      for (const sub of ['alice', 'bob']) expect((await send(app, call('search'), sub)).status).to.equal(429);
    });

    it('answers an agent in its own protocol where that is asked for', async () => {
      const app = start({ limit: 1 }, [{ policyDenials: 'rpc' }]);
      await send(app, call('search'));
      const { status, headers, body } = await send(app, call('search', 5));
      expect(status).to.equal(200);
      expect(headers).to.have.property('retry-after');
      expect(body).to.have.nested.property('error.data.code', 'rate_limited');
      expect(body).to.have.property('id', 5);
    });

    it('counts in a store of express-rate-limit as it is', async () => {
      const store: RateStore = new MemoryStore();
      const app = start({ store });
      const statuses = [];
      for (let id = 0; id < 3; id += 1) statuses.push((await send(app, call('search', id))).status);
      expect(statuses).to.deep.equal([200, 200, 429]);
      await store.shutdown?.();
    });

    it('answers 503 while the store is down, without a word about it, and passes where it is told to', async () => {
      const down = () => Promise.reject(new Error('ECONNREFUSED at 10.1.2.3'));
      const store: RateStore = { increment: down, decrement: () => undefined, resetKey: () => undefined };
      const { status, headers, text } = await send(start({ store }), call('search'));
      expect(status).to.equal(503);
      expect(headers).to.have.property('retry-after');
      expect(headers).to.not.have.any.keys('ratelimit', 'ratelimit-policy');
      expect(text).to.not.match(/ECONNREFUSED|10\.1/);
      const errors: unknown[] = [];
      const app = start({ store, onFailure: 'continue', onError: (error) => void errors.push(error) });
      expect((await send(app, call('search'))).status).to.equal(200);
      expect(errors).to.have.lengthOf(1);
    });
  });
}
