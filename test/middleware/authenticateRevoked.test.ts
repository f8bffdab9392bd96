import { hash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import express from 'express';
import { Redis } from 'ioredis';
import Koa from 'koa';
import { createClient } from 'redis';
import request from 'supertest';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { memoryRevocations, oidc, type RevocationStore, type TokenFacts } from '../../lib/index.js';
import { Unavailable } from '../../lib/denial.js';
import { redisStores } from '../../lib/stores/redis.js';
import { fakeIssuer } from '../../lib/testing.js';
import { authenticate, type AuthenticateOptions } from '../../middleware/authenticate.js';
import { fakeClock, verdict } from '../lib/tokens/forge.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';

const RESOURCE = 'https://mcp.example/mcp';

function setUp(revoked: NonNullable<AuthenticateOptions['revoked']>, more: Partial<AuthenticateOptions> = {}) {
  const { now, pass } = fakeClock();
  const as = fakeIssuer({ resource: RESOURCE, now });
  const issuers = [oidc({ issuer: as.issuer, optionalClaims: ['jti'] })];
  const middleware = authenticate({ issuers, resource: RESOURCE, fetch: as.fetch, now, revoked, ...more });
  return { as, now, pass, middleware, ask: (token: string) => verdict(middleware, `Bearer ${token}`) };
}

describe('authenticate with a hook for revoked tokens', () => {
  it('tells it of every verified token, remembered or not, and shows it none', async () => {
    const seen: TokenFacts[] = [];
    const { as, ask } = setUp((facts) => {
      seen.push(facts);
      return false;
    });
    const token = await as.token({ jti: 'id-1', sub: 'jane' });
    expect([await ask(token), await ask(token)]).to.deep.equal(['allowed', 'allowed']);
    expect(seen).to.have.lengthOf(2);
    expect(seen[0]).to.deep.include({
      issuer: as.issuer,
      subject: 'jane',
      clientId: 'client',
      tokenId: 'id-1',
      digest: hash('sha256', token, 'base64url'),
    });
    expect(JSON.stringify(seen)).not.to.include(token.split('.')[2]);
    expect(await ask(await as.token({ exp: 1 }))).to.equal('token_invalid expired');
    expect(seen).to.have.lengthOf(2);
  });

  it('denies a token from the very request on that comes after its revocation', async () => {
    let revoked = false;
    const { as, ask } = setUp(() => Promise.resolve(revoked));
    const token = await as.token();
    expect(await ask(token)).to.equal('allowed');
    revoked = true;
    expect(await ask(token)).to.equal('token_invalid revoked');
  });

  const FAILURES: readonly (readonly [name: string, hook: () => boolean | Promise<boolean>])[] = [
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['is unavailable', () => Promise.reject(new Unavailable('down'))],
  ];
  for (const [name, hook] of FAILURES) {
    it(`is 503 when it ${name}`, async () => {
      const { as, ask } = setUp(hook);
      expect(await ask(await as.token())).to.equal('unavailable');
    });
  }

  it('is 503 when it does not answer in time', async () => {
    const { as, ask } = setUp(() => new Promise(() => undefined));
    expect(await ask(await as.token())).to.equal('unavailable');
  });

  it('is a mistake of the developer when it says neither yes nor no', async () => {
    for (const answer of [undefined, null, 0, 'false', Promise.resolve(undefined)]) {
      const { as, ask } = setUp(() => answer as never);
      const error: unknown = await ask(await as.token()).catch((one: unknown) => one);
      expect(error).to.be.instanceOf(TypeError);
    }
    expect(() => setUp({} as never)).to.throw(TypeError, /'revoked' must be a function, or a store/);
  });
});

describe('memoryRevocations', () => {
  it('revokes by id and issuer, or by digest, and nothing else', async () => {
    const { now } = fakeClock();
    const store = memoryRevocations({ now });
    const { as, ask } = setUp(store);
    const until = new Date(now().getTime() + 600_000);
    const [byId, sameId, byDigest, noId] = await Promise.all([
      as.token({ jti: 'a' }),
      as.token({ jti: 'a', sub: 'other' }),
      as.token({ jti: 'b' }),
      as.token({ jti: undefined }),
    ]);
    await store.revoke({ issuer: 'https://other.example', tokenId: 'a' }, until);
    for (const token of [byId, sameId, byDigest, noId]) expect(await ask(token)).to.equal('allowed');
    await store.revoke({ issuer: as.issuer, tokenId: 'a' }, until);
    await store.revoke({ digest: hash('sha256', byDigest, 'base64url') }, until);
    expect(await ask(byId)).to.equal('token_invalid revoked');
    expect(await ask(sameId)).to.equal('token_invalid revoked');
    expect(await ask(byDigest)).to.equal('token_invalid revoked');
    expect(await ask(noId)).to.equal('allowed');
  });

  it('forgets a token when it is over anyway, and holds no more than it may', async () => {
    const { now, pass } = fakeClock();
    const store = memoryRevocations({ max: 1, now });
    const facts = { issuer: 'i', tokenId: 'a', digest: 'd' } as TokenFacts;
    await store.revoke({ issuer: 'i', tokenId: 'a' }, new Date(now().getTime() + 1000));
    expect(store.isRevoked(facts)).to.equal(true);
    const full: unknown = await store
      .revoke({ issuer: 'i', tokenId: 'b' }, new Date(now().getTime() + 1000))
      .catch((one: unknown) => one);
    expect(full).to.be.instanceOf(Unavailable);
    pass(1);
    expect(store.isRevoked(facts)).to.equal(false);
    await store.revoke({ issuer: 'i', tokenId: 'b' }, new Date(now().getTime() + 1000));
  });

  it('revokes nothing that is not named', async () => {
    const store = memoryRevocations();
    for (const bad of [{}, { tokenId: 'a' }, { issuer: '', tokenId: 'a' }, { digest: 'short' }, { digest: 7 }]) {
      const error: unknown = await store.revoke(bad as never, new Date(Date.now() + 1000)).catch((one: unknown) => one);
      expect(error).to.be.instanceOf(TypeError);
    }
  });
});

describe('revocations in Redis', () => {
  let redis: TestRedis;

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
  });
  after(async () => {
    await (redis as TestRedis | undefined)?.close();
  });

  interface Client {
    readonly store: RevocationStore;
    readonly end: () => Promise<unknown>;
  }
  const CLIENTS: Readonly<Record<string, () => Promise<Client>>> = {
    ioredis: () => {
      const client = new Redis(redis.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
      client.on('error', () => undefined);
      return Promise.resolve({ store: redisStores(client, { timeoutMs: 300 }).revocations, end: () => client.quit() });
    },
    redis: async () => {
      const client = createClient({
        url: `redis://127.0.0.1:${redis.port}`,
        disableOfflineQueue: true,
        socket: { reconnectStrategy: 50 },
      });
      client.on('error', () => undefined);
      await client.connect();
      return { store: redisStores(client, { timeoutMs: 300 }).revocations, end: () => client.close() };
    },
  };

  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`hold for every instance, through ${name}, until the token ends`, async () => {
      const [one, two] = await Promise.all([connect(), connect()]);
      try {
        const { as, ask } = setUp(two.store);
        const token = await as.token({ jti: name });
        expect(await ask(token)).to.equal('allowed');
        await one.store.revoke({ issuer: as.issuer, tokenId: name }, new Date(Date.now() + 300));
        expect(await ask(token)).to.equal('token_invalid revoked');
        await wait(400);
        expect(await ask(token)).to.equal('allowed');
        await one.store.revoke({ digest: hash('sha256', token, 'base64url') }, new Date(Date.now() + 60_000));
        expect(await ask(token)).to.equal('token_invalid revoked');
      } finally {
        await Promise.all([one.end(), two.end()]);
      }
    });

    it(`that are down make requests 503, through ${name}, under load too, and work again when they are back`, async () => {
      const { store, end } = await connect();
      const { as, middleware } = setUp(store);
      const koa = new Koa();
      koa.use(toKoa(middleware)).use((ctx) => (ctx.body = 'ok'));
      const handle = koa.callback();
      const app = express();
      app.use(toExpress(middleware), (_req, res) => void res.send('ok'));
      const authorization = `Bearer ${await as.token()}`;
      const statuses = new Map<number, number>();
      let running = true;
      const load = async (target: Parameters<typeof request>[0]): Promise<void> => {
        while (running) {
          const { status } = await request(target).get('/').set('Authorization', authorization);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      };
      const workers = [app, app, handle, handle].map((target) => load(target as never));
      const until = async (status: number): Promise<void> => {
        statuses.clear();
        for (let tries = 0; tries < 200 && !statuses.has(status); tries += 1) await wait(25);
      };
      try {
        await until(200);
        await redis.stop();
        await until(503);
        expect([...statuses.keys()]).to.include(503);
        await redis.start();
        await until(200);
        expect([...statuses.keys()]).to.include(200);
        statuses.clear();
        await wait(200);
        expect([...statuses.keys()]).to.deep.equal([200]);
      } finally {
        running = false;
        await Promise.all(workers);
        await end();
      }
    });
  }
});
