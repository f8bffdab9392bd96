import { expect } from 'chai';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { Unavailable } from '../../../lib/denial.js';
import { redisStores, type RedisClient } from '../../../lib/stores/redis.js';
import { memorySessions, type SessionStore } from '../../../lib/stores/sessions.js';
import { hasRedis, startRedis, type TestRedis } from '../../support/redis.js';

const TTL = 60_000;

/** What every session store does. Each test takes sessions of its own. */
function itBinds(current: () => SessionStore): void {
  it('binds a session to one owner, as often as that one likes', async () => {
    const store = current();
    expect(await store.bind('s1', 'alice', TTL)).to.equal(true);
    expect(await store.bind('s1', 'alice', TTL)).to.equal(true);
    expect(await store.bind('s1', 'mallory', TTL)).to.equal(false);
    expect(await store.use('s1', 'alice', TTL)).to.equal('own');
    expect(await store.use('s1', 'mallory', TTL)).to.equal('foreign');
    expect(await store.use('s1x', 'alice', TTL)).to.equal('unknown');
  });

  it('binds it to one of many who try at the same time', async () => {
    const store = current();
    const owners = Array.from({ length: 50 }, (_, index) => `owner ${index}`);
    const bound = await Promise.all(owners.map((owner) => store.bind('s2', owner, TTL)));
    expect(bound.filter(Boolean)).to.have.lengthOf(1);
    expect(await store.use('s2', owners[bound.indexOf(true)] ?? '', TTL)).to.equal('own');
  });

  it('forgets it for its owner alone', async () => {
    const store = current();
    await store.bind('s3', 'alice', TTL);
    await store.release('s3', 'mallory');
    expect(await store.use('s3', 'alice', TTL)).to.equal('own');
    await store.release('s3', 'alice');
    expect(await store.use('s3', 'alice', TTL)).to.equal('unknown');
    await store.release('s3', 'alice');
  });
}

describe('memorySessions', () => {
  let time = 0;
  const now = (): Date => new Date(time);

  beforeEach(() => {
    time = 0;
  });

  itBinds(() => memorySessions());

  it('forgets what nobody used for the time, and counts the time from the last use of the owner', async () => {
    const store = memorySessions({ now });
    await store.bind('s', 'alice', 100);
    time = 99;
    expect(await store.use('s', 'alice', 100)).to.equal('own');
    time = 198;
    expect(await store.use('s', 'mallory', 100)).to.equal('foreign');
    time = 199;
    expect(await store.use('s', 'alice', 100)).to.equal('unknown');
    expect(await store.bind('s', 'bob', 100)).to.equal(true);
  });

  it('is unavailable for new sessions when it is full, not for those it holds', async () => {
    const store = memorySessions({ now, max: 2 });
    await store.bind('s1', 'alice', 100);
    await store.bind('s2', 'bob', 100);
    const error = await store.bind('s3', 'carol', 100).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(Unavailable);
    expect(await store.use('s1', 'alice', 100)).to.equal('own');
    time = 100;
    expect(await store.bind('s3', 'carol', 100)).to.equal(true);
  });

  it('does not build with options it does not know', () => {
    expect(() => memorySessions({ mx: 1 } as object)).to.throw(TypeError, /unknown option 'mx'; did you mean 'max'\?/);
  });
});

describe('sessions of redisStores', () => {
  let redis: TestRedis;

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
  });

  after(async () => {
    await (redis as TestRedis | undefined)?.close();
  });

  for (const kind of ['ioredis', 'redis']) {
    describe(`with a client of ${kind}`, () => {
      let client: RedisClient;
      let quit: () => Promise<unknown>;

      before(async () => {
        if (kind === 'ioredis') {
          const one = new Redis(redis.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
          client = one.on('error', () => undefined);
          quit = () => one.quit();
        } else {
          const url = `redis://127.0.0.1:${redis.port}`;
          const one = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 50 } });
          client = await one.on('error', () => undefined).connect();
          quit = () => one.close();
        }
      });

      after(() => quit());

      itBinds(() => redisStores(client, { prefix: `${kind}:` }).sessions);

      it('shares owners between instances', async () => {
        await redisStores(client, { prefix: 'shared:' }).sessions.bind('s', `alice of ${kind}`, TTL);
        const other = redisStores(client, { prefix: 'shared:' }).sessions;
        expect(await other.use('s', 'mallory', TTL)).to.equal('foreign');
        await other.release('s', `alice of ${kind}`);
      });

      it('lets the uses of the owner alone prolong a session', async () => {
        const { sessions } = redisStores(client, { prefix: `${kind}-ttl:` });
        const left = async (): Promise<number> => {
          const args = ['PTTL', `${kind}-ttl:session:s`] as const;
          return Number(await ('call' in client ? client.call(...args) : client.sendCommand([...args])));
        };
        await sessions.bind('s', 'alice', 30_000);
        await sessions.use('s', 'mallory', 90_000);
        expect(await left()).to.be.within(1, 30_000);
        await sessions.use('s', 'alice', 90_000);
        expect(await left()).to.be.within(30_001, 90_000);
        await sessions.bind('s', 'alice', 1);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(await sessions.use('s', 'alice', 1)).to.equal('unknown');
      });

      it('is unavailable while the server is down, and works again when it is back', async () => {
        const { sessions } = redisStores(client, { timeoutMs: 200 });
        await redis.stop();
        const asked: readonly Promise<unknown>[] = [
          sessions.bind('d', 'a', TTL),
          sessions.use('d', 'a', TTL),
          sessions.release('d', 'a'),
        ];
        const answers = await Promise.all(asked.map((one) => one.catch((cause: unknown) => cause)));
        for (const answer of answers) expect(answer).to.be.instanceOf(Unavailable);
        await redis.start();
        let bound: unknown;
        for (let tries = 0; tries < 50 && bound !== true; tries += 1) {
          bound = await sessions.bind('d', 'a', TTL).catch(() => undefined);
          if (bound !== true) await new Promise((resolve) => setTimeout(resolve, 50));
        }
        expect(bound).to.equal(true);
      });
    });
  }
});
