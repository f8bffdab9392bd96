// A client of `ioredis`, and stores in it. The page on Redis quotes it.
// #region connect
import { Redis } from 'ioredis';
import { redisStores } from '../../lib/stores/redis.js';

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
export const client = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 }); // fail at once while it is down
client.on('error', (error) => {
  console.error(error.message); // without a listener an outage ends the process
});
export const stores = redisStores(client);
// #endregion
