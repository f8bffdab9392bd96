// What it costs to count a caller: in memory beside express-rate-limit, and in Redis beside its store alone.
import { MemoryStore, rateLimit as expressRateLimit, type Store } from 'express-rate-limit';
import { Redis } from 'ioredis';
import { RedisStore, type RedisReply } from 'rate-limit-redis';
import type { RequestContext, State } from '../lib/context.js';
import type { RpcMessage } from '../lib/rpc.js';
import type { RateStore } from '../lib/stores/rate.js';
import { rateLimit } from '../middleware/rateLimit.js';
import { hasRedis, startRedis } from '../test/support/redis.js';
import { compare, type Contender } from './harness.js';

const LIMIT = 1_000_000_000;
const WINDOW = 3_600_000;
const CALLERS = 1_000;

export async function benchRate(): Promise<void> {
  await compare('rateLimit in memory, 1,000 callers', [
    { name: 'the messages of a request alone', run: () => nextContext().request.rpc() },
    ours('rateLimit'),
    ours('rateLimit, with the MemoryStore of express-rate-limit', new MemoryStore()),
    peer('express-rate-limit', new MemoryStore()),
  ]);
  if (hasRedis()) await benchRedis();
}

/** The CPU of this process alone: that of Redis is its own. */
async function benchRedis(): Promise<void> {
  const redis = await startRedis();
  const client = new Redis(redis.port);
  const store = (prefix: string): RedisStore => {
    const sendCommand = (name = '', ...args: string[]) => client.call(name, ...args) as Promise<RedisReply>;
    return new RedisStore({ prefix, sendCommand });
  };
  try {
    const alone = store('alone:');
    await alone.init({ windowMs: WINDOW } as never);
    await compare('rateLimit in Redis, 1,000 callers', [
      { name: 'rate-limit-redis alone', run: () => alone.increment(nextCaller()) },
      ours('rateLimit, with rate-limit-redis', store('ours:')),
      peer('express-rate-limit, with rate-limit-redis', store('peer:')),
    ]);
  } finally {
    client.disconnect();
    await redis.close();
  }
}

function ours(name: string, store?: RateStore): Contender {
  const { run, hooks } = rateLimit({ limit: LIMIT, windowMs: WINDOW, ...(store === undefined ? {} : { store }) });
  return {
    name,
    run: async () => {
      const ctx = nextContext();
      await run(ctx);
      if (hooks?.headers?.(ctx)['RateLimit'] === undefined) throw new Error('nothing was counted');
    },
  };
}

function peer(name: string, store: Store): Contender {
  const limit = expressRateLimit({
    limit: LIMIT,
    windowMs: WINDOW,
    store,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: nextCaller,
  });
  return {
    name,
    run: () => {
      let counted = false;
      const response = { headersSent: false, setHeader: () => undefined, append: () => (counted = true) };
      return limit({} as never, response as never, (error?: unknown) => {
        if (error !== undefined || !counted) throw new Error('nothing was counted', { cause: error });
      });
    },
  };
}

let turn = 0;

function nextCaller(): string {
  turn = (turn + 1) % CALLERS;
  return `https://issuer.example user ${turn}`;
}

const MESSAGES = [
  { kind: 'request', id: 1, method: 'tools/call', target: { kind: 'tool', name: 'search' } },
] as unknown as readonly RpcMessage[];

/** A new one for each call, as each request has. */
function nextContext(): RequestContext {
  const auth = { issuer: 'https://issuer.example', subject: nextCaller(), clientId: 'app' } as State['auth'];
  const request = { rpc: () => Promise.resolve(MESSAGES) };
  return { id: 'bench', request, state: { auth }, decisions: [] } as unknown as RequestContext;
}
