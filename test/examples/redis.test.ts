import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { approvalsIn, mount } from '../../examples/redis/mount.js';
import { withIoredis, withRedis } from '../../examples/redis/rate-limit-redis.js';
import { defineTools, oidc, openKeyStore, type Stores } from '../../lib/index.js';
import { fakeContext, fakeIssuer, fakeSigner } from '../../lib/testing.js';
import { redisStores } from '../../lib/stores/redis.js';
import { readPage } from '../support/snippets.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';

/** They connect when they are loaded. */
const loadIoredis = () => import('../../examples/redis/ioredis.js');
const loadRedis = () => import('../../examples/redis/node-redis.js');
/** The classes of what is loaded later may be others than those of this file. */
const failureOf = (work: Promise<unknown>): Promise<string> =>
  work.then(String, (error: unknown) => (error as Error).name);

const soon = (): Date => new Date(Date.now() + 60_000);

describe('examples/redis', () => {
  let redis: TestRedis;
  let ioredis: Awaited<ReturnType<typeof loadIoredis>>;
  let nodeRedis: Awaited<ReturnType<typeof loadRedis>>;

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
    process.env['REDIS_URL'] = `redis://127.0.0.1:${redis.port}`;
    ioredis = await loadIoredis();
    nodeRedis = await loadRedis();
    if (ioredis.client.status !== 'ready') await once(ioredis.client, 'ready');
  });

  after(async () => {
    delete process.env['REDIS_URL'];
    (ioredis as typeof ioredis | undefined)?.client.disconnect();
    (nodeRedis as typeof nodeRedis | undefined)?.client.destroy();
    await (redis as TestRedis | undefined)?.close();
  });

  it('connect, and share what they know', async () => {
    expect(await ioredis.stores.replay.claim('key', soon())).to.equal(true);
    expect(await nodeRedis.stores.replay.claim('key', soon())).to.equal(false);
  });

  it('mount, check by check', async () => {
    const as = fakeIssuer();
    const signer = await fakeSigner();
    const tools = defineTools({ add: { permissions: [] } });
    const keys = [{ owner: 'https://agent.example', jwks: signer.jwks }];
    const setting = { resource: as.resource, issuers: [oidc({ issuer: as.issuer })], tools, keys };
    expect(mount(ioredis.stores, setting)).to.be.a('function');
  });

  it('keep what a client approved', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'etdi-approvals-'));
    const secret = Buffer.alloc(32, 6).toString('base64');
    const keyStore = await openKeyStore({ directory: folder, secret, purposes: ['approval'] });
    await keyStore.generate('approval');
    const approvals = await approvalsIn(nodeRedis.stores, keyStore);
    expect(await approvals.list()).to.deep.equal([]);
    await keyStore.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('count with rate-limit-redis, by both clients', async () => {
    const auth = { issuer: 'https://issuer.example', subject: 'ann', clientId: 'app' } as never;
    const body = { jsonrpc: '2.0', id: 1, method: 'ping' };
    for (const limit of [withIoredis(ioredis.client), withRedis(nodeRedis.client)]) {
      const context = fakeContext({ body, state: { auth } });
      await limit.run(context);
      expect(limit.hooks?.headers?.(context)['RateLimit']).to.match(/^"default";r=9[89];/);
    }
  });

  it('do with the rights that the page gives them', async () => {
    const [, line = ''] = /^ACL SETUSER (.*)$/m.exec(readPage('docs/redis.md')) ?? [];
    await ioredis.client.call('ACL', 'SETUSER', ...line.split(' '));
    const client = new Redis(`redis://mcp:password@127.0.0.1:${redis.port}`, { enableReadyCheck: true });
    try {
      await useAll(redisStores(client));
      const foreign = redisStores(client, { prefix: 'other:' });
      expect(await failureOf(foreign.replay.claim('a', soon()))).to.equal('Unavailable');
    } finally {
      client.disconnect();
    }
  });

  it('fail at once while there is no server, and go on when it is back', async () => {
    await redis.stop();
    for (const { stores } of [ioredis, nodeRedis]) {
      await stores.replay.claim('down', soon()).catch(() => undefined);
      const start = Date.now();
      expect(await failureOf(stores.replay.claim('down', soon()))).to.equal('Unavailable');
      // A request that waits for its time-out takes two seconds.
      expect(Date.now() - start).to.be.below(1500);
    }
    await redis.start();
    for (const { stores } of [ioredis, nodeRedis]) {
      let served = false;
      for (const end = Date.now() + 10_000; !served && Date.now() < end;) {
        served = await stores.replay.claim('up', soon()).then(
          () => true,
          () => new Promise((resolve) => setTimeout(resolve, 100, false)),
        );
      }
      expect(served).to.equal(true);
    }
  });
});

async function useAll({ replay, sessions, rate, revocations, approvals }: Stores): Promise<void> {
  await replay.claim('all', soon());
  await replay.claim('all', soon());
  await sessions.bind('all', 'owner', 60_000);
  await sessions.use('all', 'owner', 60_000);
  await sessions.release('all', 'owner');
  await rate(60_000).increment('all');
  await rate(60_000).decrement('all');
  await rate(60_000).resetKey('all');
  await revocations.revoke({ digest: 'd'.repeat(43) }, soon());
  await revocations.isRevoked({ issuer: 'https://issuer.example', digest: 'd'.repeat(43) } as never);
  await approvals.set('all', 'record');
  await approvals.get('all');
  await approvals.entries();
}
