// One of several processes that serve the same MCP endpoint with the same Redis. It listens on a port of its own.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Redis } from 'ioredis';
import type { JSONWebKeySet } from 'jose';
import { toExpress } from '../../adapters/express.js';
import {
  defineTools,
  memoryVersions,
  oidc,
  openAuditTrail,
  openKeyStore,
  securityProfile,
  type TrustedKeys,
} from '../../lib/index.js';
import { redisStores } from '../../lib/stores/redis.js';

/** What a worker is told. */
export interface WorkerSetting {
  readonly redis: number;
  readonly resource: string;
  readonly issuer: string;
  readonly jwks: JSONWebKeySet;
  readonly keys: readonly TrustedKeys[];
  readonly toolServers: readonly TrustedKeys[];
  readonly directory: string;
  readonly number: number;
  readonly limit: number;
}

const setting = JSON.parse(process.argv[2] ?? '') as WorkerSetting;
const { resource, issuer, jwks, keys, toolServers, directory, number, limit } = setting;
const client = new Redis(setting.redis, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
client.on('error', () => undefined);
const stores = redisStores(client);
// The keys are shared, the trail is not: one process writes to a file.
const keyStore = await openKeyStore({ directory: `${directory}/keys`, secret: Buffer.alloc(32, 5).toString('base64') });
const file = `${directory}/audit-${number}.jsonl`;
const audit = await openAuditTrail({ file, signer: keyStore.signer('audit') });

const profile = securityProfile({
  level: 'enhanced',
  resource,
  issuers: [oidc({ issuer, jwks })],
  tools: defineTools({
    read: { version: '1.0.0', permissions: [] },
    purge: { version: '1.0.0', permissions: [], requireSignature: true },
  }),
  rate: { limit, windowMs: 60_000 },
  revoked: stores.revocations,
  definitions: { versions: memoryVersions() },
  audit,
  keys,
  toolServers,
  keyStore,
  stores,
});

const app = express();
app.use('/mcp', toExpress(...profile));
app.use('/mcp', (req, res) => {
  const opens = (req.body as { method?: string } | undefined)?.method === 'initialize';
  if (opens) res.setHeader('Mcp-Session-Id', `session-of-${number}`);
  res.json({ jsonrpc: '2.0', id: 1, result: { worker: number } });
});
const server = createServer(app).listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
