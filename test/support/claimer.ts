// Claims keys in a process of its own, for the test that two processes share one store.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { redisStores } from '../../lib/stores/redis.js';

const [port = '', kind = ''] = process.argv.slice(2);
const client =
  kind === 'ioredis' ? new Redis(Number(port)) : await createClient({ url: `redis://127.0.0.1:${port}` }).connect();
const { replay } = redisStores(client);

process.on('message', (keys: string[]) => {
  const expiresAt = new Date(Date.now() + 60_000);
  void Promise.all(keys.map((key) => replay.claim(key, expiresAt))).then((results) => process.send?.(results));
});
process.send?.('ready');
