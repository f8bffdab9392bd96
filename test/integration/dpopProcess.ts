// A server in a process of its own that shares its used proofs through Redis with others.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import type { JSONWebKeySet } from 'jose';
import { createClient } from 'redis';
import { authenticate, oidc } from '../../lib/index.js';
import { redisStores, type RedisClient } from '../../lib/stores/redis.js';
import { frameworks } from '../support/frameworks.js';

const [framework = '', kind = '', port = '', resource = '', issuer = '', jwks = ''] = process.argv.slice(2);

async function connect(): Promise<RedisClient> {
  if (kind === 'ioredis') {
    const client = new Redis(Number(port), { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
    return client.on('error', () => undefined);
  }
  const url = `redis://127.0.0.1:${port}`;
  const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 50 } });
  return client.on('error', () => undefined).connect();
}

const { replay } = redisStores(await connect());
const issuers = [oidc({ issuer, jwks: JSON.parse(jwks) as JSONWebKeySet })];
const check = authenticate({ issuers, resource, dpop: { mode: 'require', replay } });
const app = frameworks[framework]!([[check]], (_req, res) => {
  res.end('accepted');
});
const server = createServer(app).listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port);
});
