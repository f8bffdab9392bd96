import { expect } from 'chai';
import { Redis } from 'ioredis';
import { Denial, Unavailable } from '../../lib/denial.js';
import { rateLimit, type RateStore, type State } from '../../lib/index.js';
import { fakeContext } from '../../lib/testing.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const COUNT = `
local hits = redis.call('INCR', KEYS[1])
if hits == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { hits, redis.call('PTTL', KEYS[1]) }`;

/** A store the way stores for express-rate-limit are written: a class, with the window from `init`. */
class RedisCounts implements RateStore {
  #windowMs = 0;
  readonly #client: Redis;

  constructor(client: Redis) {
    this.#client = client;
  }

  readonly init = ({ windowMs }: { readonly windowMs: number }): void => {
    this.#windowMs = windowMs;
  };

  readonly increment = async (key: string) => {
    const [totalHits, left] = (await this.#client.eval(COUNT, 1, key, this.#windowMs)) as [number, number];
    return { totalHits, resetTime: new Date(Date.now() + left) };
  };

  readonly decrement = async (key: string): Promise<void> => {
    await this.#client.decr(key);
  };

  readonly resetKey = async (key: string): Promise<void> => {
    await this.#client.del(key);
  };
}

describe('rateLimit with a store in Redis', () => {
  let redis: TestRedis;
  const clients: Redis[] = [];

  before(async function () {
    if (!hasRedis()) this.skip();
    redis = await startRedis();
  });

  after(async () => {
    for (const client of clients) client.disconnect();
    await (redis as TestRedis | undefined)?.close();
  });

  /** One instance, with a connection of its own. Resolves to a code, or nothing. */
  const open = (subject: string) => {
    const client = new Redis(redis.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
    clients.push(client.on('error', () => undefined));
    const { run } = rateLimit({ limit: 20, windowMs: 60_000, store: new RedisCounts(client), timeoutMs: 500 });
    const auth = { issuer: 'https://issuer.example', subject, clientId: 'app' } as State['auth'];
    return async (): Promise<unknown> => {
      try {
        await run(fakeContext({ body: PING, state: { auth } }));
        return undefined;
      } catch (error) {
        return error instanceof Denial || error instanceof Unavailable ? error.code : error;
      }
    };
  };

  it('lets exactly the limit through of many that come to two instances at the same time', async () => {
    const [one, two] = [open('alice'), open('alice')];
    const seen = await Promise.all(Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one() : two())));
    expect(seen.filter((code) => code === undefined)).to.have.lengthOf(20);
    expect(seen.filter((code) => code === 'rate_limited')).to.have.lengthOf(80);
  });

  it('lets nothing through while the server is down, and goes on when it is back', async () => {
    const send = open('bob');
    expect(await send()).to.equal(undefined);
    await redis.stop();
    expect(await send()).to.equal('unavailable');
    await redis.start();
    let code: unknown = 'unavailable';
    for (let tries = 0; tries < 50 && code === 'unavailable'; tries += 1) {
      code = await send();
      if (code === 'unavailable') await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(code).to.equal(undefined);
  });
});
