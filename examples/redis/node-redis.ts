// A client of `redis`, and stores in it. The page on Redis quotes it.
// #region connect
import { createClient } from 'redis';
import { redisStores } from '../../lib/stores/redis.js';

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
export const client = createClient({ url, disableOfflineQueue: true }); // fail at once while it is down
client.on('error', (error: Error) => {
  console.error(error.message); // without a listener an outage ends the process
});
await client.connect(); // waits until the server is there
export const stores = redisStores(client);
// #endregion
