// `rate-limit-redis` as it is, with both clients of Redis.
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { RedisStore, type RedisReply, type SendCommandFn } from 'rate-limit-redis';
import { createClient } from 'redis';
import { listen } from '../../examples/support/loopback.js';
import { authenticate, oidc, rateLimit, type RateLimitOptions } from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { frameworks } from '../support/frameworks.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';

/** A connection that a test uses and closes. */
interface Connected {
  readonly sendCommand: SendCommandFn;
  readonly close: () => void;
}

const CONNECT: Readonly<Record<string, (port: number) => Promise<Connected>>> = {
  ioredis: (port) => {
    const client = new Redis(port, { maxRetriesPerRequest: 0, retryStrategy: () => 20 });
    client.on('error', () => undefined);
    const sendCommand: SendCommandFn = (name = '', ...args) => client.call(name, ...args) as Promise<RedisReply>;
    const close = (): void => {
      client.disconnect();
    };
    return Promise.resolve({ sendCommand, close });
  },
  redis: async (port) => {
    const socket = { host: '127.0.0.1', port, reconnectStrategy: () => 20 };
    const client = createClient({ socket, disableOfflineQueue: true });
    await client.on('error', () => undefined).connect();
    const sendCommand: SendCommandFn = (...args) => client.sendCommand(args);
    const close = (): void => {
      client.destroy();
    };
    return { sendCommand, close };
  },
};

const RESOURCE = 'https://mcp.example/mcp';
const issuer = fakeIssuer({ resource: RESOURCE });
const PING = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

for (const [name, connect] of Object.entries(CONNECT)) {
  describe(`rateLimit with rate-limit-redis and ${name}`, () => {
    let redis: TestRedis;
    let close: (() => unknown)[];

    before(async function () {
      if (!hasRedis()) this.skip();
      redis = await startRedis();
    });

    beforeEach(() => {
      close = [];
    });

    afterEach(async () => {
      for (const one of close) await one();
    });

    after(async () => {
      await (redis as TestRedis | undefined)?.close();
    });

    /** One instance with a connection of its own, and how it answers a caller. */
    const open = async (framework: string, options: Partial<RateLimitOptions> = {}, startsAlone = false) => {
      const { sendCommand, close: disconnect } = await connect(redis.port);
      if (startsAlone) await redis.stop();
      const store = (windowMs: number): RedisStore => new RedisStore({ prefix: `rl:${windowMs}:`, sendCommand });
      const server = await listen(0);
      const checks = [
        authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource: RESOURCE, fetch: issuer.fetch }),
        rateLimit({ limit: 20, windowMs: 60_000, timeoutMs: 300, store, ...options }),
      ];
      const app = frameworks[framework]!([checks], (_req, res) => void res.end('{}'));
      server.serve(app);
      close.push(server.close, disconnect);
      return async (sub: string, body = PING) => {
        const headers = { authorization: `Bearer ${await issuer.token({ sub })}`, 'content-type': 'application/json' };
        const response = await fetch(`${server.origin}/mcp`, { method: 'POST', headers, body });
        await response.arrayBuffer();
        return { status: response.status, counted: response.headers.has('ratelimit') };
      };
    };

    for (const framework of ['Express 5', 'Koa 3']) {
      it(`lets exactly the limit through of many that come to two instances at the same time, on ${framework}`, async () => {
        const [one, two] = [await open(framework), await open(framework)];
        const who = `alice of ${framework}`;
        const seen = await Promise.all(Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? one(who) : two(who))));
        expect(seen.filter(({ status }) => status === 200)).to.have.lengthOf(20);
        expect(seen.filter(({ status }) => status === 429)).to.have.lengthOf(80);
      });

      it(`counts a tool with a budget and a window of its own apart, on ${framework}`, async () => {
        const send = await open(framework, { tools: { search: { limit: 1, windowMs: 3_600_000 } } });
        const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'search' } });
        const who = `bob of ${framework}`;
        const statuses = [await send(who, call), await send(who, call), await send(who)].map(({ status }) => status);
        expect(statuses).to.deep.equal([200, 429, 200]);
      });
    }

    const OUTAGES = [
      ['lets nothing through', 'Express 5', 'deny', 503],
      ['lets everything through', 'Koa 3', 'continue', 200],
    ] as const;
    for (const [what, framework, onFailure, expected] of OUTAGES) {
      it(`${what} while the server is down under load, and counts again when it is back, on ${framework}`, async () => {
        const send = await open(framework, { limit: 1_000_000, onFailure, onError: () => undefined });
        const statuses = new Set<number>();
        let loading = true;
        const load = Array.from({ length: 10 }, async (_, at) => {
          while (loading) statuses.add((await send(`user ${at}`)).status);
        });
        try {
          expect(await send('carol')).to.deep.equal({ status: 200, counted: true });
          await redis.stop();
          expect(await send('carol')).to.deep.equal({ status: expected, counted: false });
          await redis.start();
          await eventually(async () => (await send('carol')).counted);
        } finally {
          loading = false;
          await Promise.all(load);
        }
        expect(await send('carol')).to.deep.equal({ status: 200, counted: true });
        expect(new Set(statuses)).to.deep.equal(new Set([200, expected]));
      });
    }

    it('starts while the server is down, and counts when it is there', async () => {
      const send = await open('Express 5', {}, true);
      expect(await send('dora')).to.deep.equal({ status: 503, counted: false });
      await redis.start();
      await eventually(async () => (await send('dora')).counted);
    });
  });
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it never held');
}
