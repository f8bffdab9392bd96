import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { Unavailable } from '../../../lib/denial.js';
import { redisStores, type RedisClient } from '../../../lib/stores/redis.js';
import type { ReplayStore } from '../../../lib/stores/replay.js';
import { hasRedis, startRedis, type TestRedis } from '../../support/redis.js';

const claimer = fileURLToPath(new URL('../../support/claimer.ts', import.meta.url));

async function startClaimer(port: number, kind: string): Promise<ChildProcess> {
  const child = fork(claimer, [String(port), kind], { execArgv: ['--import', 'tsx'] });
  await once(child, 'message');
  return child;
}

async function claims(child: ChildProcess, keys: readonly string[]): Promise<boolean[]> {
  child.send(keys);
  const [results] = (await once(child, 'message')) as [boolean[]];
  return results;
}

/** Stores whose client sends each command twice, as `ioredis` does when a connection was lost before its answer. */
function resending(client: RedisClient): { readonly commands: string[]; readonly replay: ReplayStore } {
  const commands: string[] = [];
  const send = (name: string, args: string[]): Promise<unknown> => {
    commands.push(name);
    return 'call' in client ? client.call(name, ...args) : client.sendCommand([name, ...args]);
  };
  const call = async (name: string, ...args: string[]): Promise<unknown> => {
    await send(name, args);
    return send(name, args);
  };
  return { commands, replay: redisStores({ call }).replay };
}

describe('redisStores', () => {
  let redis: TestRedis;

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
  });

  after(async () => {
    await (redis as TestRedis | undefined)?.close();
  });

  it('does not build without a client it knows', () => {
    expect(() => redisStores({} as RedisClient)).to.throw(TypeError, /pass a client of 'ioredis' or of 'redis'/);
    expect(() => redisStores({ call: () => Promise.resolve('OK') }, { prefx: 'a' } as object)).to.throw(
      TypeError,
      /unknown option 'prefx'; did you mean 'prefix'\?/,
    );
  });

  for (const kind of ['ioredis', 'redis']) {
    describe(`with a client of ${kind}`, () => {
      let client: RedisClient;
      let quit: () => Promise<unknown>;

      before(async () => {
        if (kind === 'ioredis') {
          const one = new Redis(redis.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
          one.on('error', () => undefined);
          client = one;
          quit = () => one.quit();
        } else {
          const one = createClient({
            url: `redis://127.0.0.1:${redis.port}`,
            disableOfflineQueue: true,
            socket: { reconnectStrategy: 50 },
          });
          one.on('error', () => undefined);
          client = await one.connect();
          quit = () => one.close();
        }
      });

      after(() => quit());

      it('gives a key out once, and again when it has expired', async () => {
        const { replay } = redisStores(client);
        expect(await replay.claim('a', new Date(Date.now() + 150))).to.equal(true);
        expect(await replay.claim('a', new Date(Date.now() + 150))).to.equal(false);
        await new Promise((resolve) => setTimeout(resolve, 200));
        expect(await replay.claim('a', new Date(Date.now() + 150))).to.equal(true);
      });

      it('gives a key to whose client sends the command again, because the answer to it was lost', async () => {
        const { commands, replay: resent } = resending(client);
        const expiresAt = new Date(Date.now() + 60_000);
        expect(await resent.claim('resent', expiresAt)).to.equal(true);
        expect(await resent.claim('resent', expiresAt)).to.equal(false);
        expect(await redisStores(client).replay.claim('resent', expiresAt)).to.equal(false);
        expect(commands.filter((name) => name === 'SET')).to.have.lengthOf(4);
      });

      it('keeps stores with another prefix apart', async () => {
        const expiresAt = new Date(Date.now() + 60_000);
        expect(await redisStores(client, { prefix: 'one:' }).replay.claim('p', expiresAt)).to.equal(true);
        expect(await redisStores(client, { prefix: 'two:' }).replay.claim('p', expiresAt)).to.equal(true);
      });

      it('counts a key in a window that opens with its first use, for all who share the store', async () => {
        const [one, other] = [redisStores(client).rate(300), redisStores(client).rate(300)];
        const start = Date.now();
        const first = await one.increment('counted');
        expect(first.totalHits).to.equal(1);
        expect(first.resetTime!.getTime() - start).to.be.within(1, 400);
        expect((await other.increment('counted')).totalHits).to.equal(2);
        await one.decrement('counted');
        expect((await other.increment('counted')).totalHits).to.equal(2);
        expect((await one.increment('another')).totalHits).to.equal(1);
        await new Promise((resolve) => setTimeout(resolve, 350));
        expect((await one.increment('counted')).totalHits).to.equal(1);
        await one.resetKey('counted');
        await one.decrement('counted');
        expect((await one.increment('counted')).totalHits).to.equal(1);
      });

      it('keeps counts in windows of different lengths apart', async () => {
        const { rate } = redisStores(client);
        expect((await rate(60_000).increment('w')).totalHits).to.equal(1);
        expect((await rate(61_000).increment('w')).totalHits).to.equal(1);
      });

      it('gives every one of 1,000 uses at once a number of its own', async () => {
        const store = redisStores(client).rate(60_000);
        const counts = await Promise.all(Array.from({ length: 1_000 }, async () => store.increment('same')));
        expect(new Set(counts.map(({ totalHits }) => totalHits)).size).to.equal(1_000);
      });

      it('accepts nothing while the server is down, and works again when it is back', async () => {
        const { replay } = redisStores(client, { timeoutMs: 200 });
        await redis.stop();
        const error = await replay.claim('down', new Date(Date.now() + 60_000)).catch((cause: unknown) => cause);
        expect(error).to.be.instanceOf(Unavailable);
        await redis.start();
        let claimed: unknown;
        for (let tries = 0; tries < 50 && claimed !== true; tries += 1) {
          claimed = await replay.claim('back', new Date(Date.now() + 60_000)).catch(() => undefined);
          if (claimed !== true) await new Promise((resolve) => setTimeout(resolve, 50));
        }
        expect(claimed).to.equal(true);
      });

      it('gives each of 1,000 keys out once to two processes that claim all of them at the same time', async () => {
        const processes = await Promise.all([startClaimer(redis.port, kind), startClaimer(redis.port, kind)]);
        const keys = Array.from({ length: 1_000 }, (_, index) => `${kind}-${index}`);
        const results = await Promise.all(processes.map((child) => claims(child, keys)));
        const winners = keys.map((_, index) => results.filter((result) => result[index]).length);
        expect(winners.every((count) => count === 1)).to.equal(true);
        const one = Array.from({ length: 1_000 }, () => `${kind}-same`);
        const same = await Promise.all(processes.map((child) => claims(child, one)));
        expect(same.flat().filter(Boolean)).to.have.lengthOf(1);
        processes.forEach((child) => child.kill());
      });
    });
  }
});
