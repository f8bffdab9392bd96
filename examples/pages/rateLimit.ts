// What the page on rateLimit shows beside the example.
import type { Express } from 'express';
import { toExpress } from '../../adapters/express.js';
import { authenticate, rateLimit, type Issuer } from '../../lib/index.js';
import { redisStores, type RedisClient } from '../../lib/stores/redis.js';

export function mountTwo(app: Express, issuers: Issuer[], resource: string): void {
  const login = authenticate({ issuers, resource });
  // #region two
  const burst = rateLimit({ name: 'burst', limit: 20, windowMs: 1_000 });
  const daily = rateLimit({ name: 'daily', limit: 5_000, windowMs: 86_400_000 });
  app.use('/mcp', toExpress(login, burst, daily));
  // #endregion
}

export function shared(client: RedisClient): ReturnType<typeof rateLimit> {
  // #region shared
  const limit = rateLimit({ limit: 100, windowMs: 60_000, store: redisStores(client).rate });
  // #endregion
  return limit;
}
