// `rate-limit-redis`, a store for `express-rate-limit`, with both clients.
import type { Redis } from 'ioredis';
import type { createClient } from 'redis';
import { rateLimit } from '../../lib/index.js';
// #region import
import { RedisStore, type RedisReply } from 'rate-limit-redis';
// #endregion

export function withIoredis(client: Redis): ReturnType<typeof rateLimit> {
  // #region ioredis
  const limit = rateLimit({
    limit: 100,
    windowMs: 60_000,
    tools: { report: { limit: 20, windowMs: 3_600_000 } },
    store: (windowMs) =>
      new RedisStore({
        prefix: `mcp-rate:${windowMs}:`,
        sendCommand: (command, ...args) => client.call(command, ...args) as Promise<RedisReply>,
      }),
  });
  // #endregion
  return limit;
}

export function withRedis(client: ReturnType<typeof createClient>): ReturnType<typeof rateLimit> {
  const options = { limit: 100, windowMs: 60_000 };
  return rateLimit({
    ...options,
    // #region redis
    store: (windowMs) =>
      new RedisStore({
        prefix: `mcp-rate:${windowMs}:`,
        sendCommand: (...args) => client.sendCommand(args),
      }),
    // #endregion
  });
}
