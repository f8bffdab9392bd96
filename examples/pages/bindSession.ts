// What the page on bindSession shows.
import {
  authenticate,
  authorizeScopes,
  bindSession,
  validateOrigin,
  type Issuer,
  type Tools,
} from '../../lib/index.js';
import { redisStores, type RedisClient } from '../../lib/stores/redis.js';
import { toExpress } from '../../adapters/express.js';

export function checks(
  client: RedisClient,
  { issuers, resource, tools }: { issuers: Issuer[]; resource: string; tools: Tools },
): ReturnType<typeof toExpress> {
  // #region mount
  const checks = toExpress(
    validateOrigin({ resource }),
    authenticate({ issuers, resource }),
    bindSession({ store: redisStores(client).sessions }), // one process: bindSession()
    authorizeScopes({ tools }),
  );
  // #endregion
  return checks;
}
