// The server under load, in a process of its own.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { redisStores } from '../lib/stores/redis.js';
import type { Answered, Asked } from './process.js';
import { openStack, type StackSetting } from './stack.js';

/** What the process is told. */
export interface ServerSetting extends StackSetting {
  readonly redis: number;
}

const setting = JSON.parse(process.argv[2] ?? '') as ServerSetting;
const client = new Redis(setting.redis, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
client.on('error', () => undefined);
const { app, keyStore, audit } = await openStack(setting, redisStores(client));
const server = createServer({ connectionsCheckingInterval: 500, headersTimeout: 8000, requestTimeout: 10_000 }, app);
server.keepAliveTimeout = 60_000;

const delays = monitorEventLoopDelay({ resolution: 10 });

/** What the process knows about itself, after everything was collected that nobody holds. */
function measure(): Answered['measure'] {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  const ms = (nanoseconds: number): number => Math.round(nanoseconds / 1e4) / 100;
  const [p50, p99, p999, max] = [delays.percentile(50), delays.percentile(99), delays.percentile(99.9), delays.max];
  const delay = { p50: ms(p50), p99: ms(p99), p999: ms(p999), max: ms(max) };
  const { heapUsed, rss } = process.memoryUsage();
  const cpu = process.cpuUsage();
  delays.enable();
  delays.reset();
  return { heapUsed, rss, delay, cpuMs: (cpu.user + cpu.system) / 1000 };
}

const answers: { readonly [Name in Asked]: () => Promise<Answered[Name]> } = {
  measure: () => Promise.resolve(measure()),
  rotate: async () => (await keyStore.rotate()).length,
  close: async () => {
    server.closeAllConnections();
    server.close();
    await audit.close();
    const keys = await keyStore.export({ purpose: 'audit', states: ['pending', 'active', 'retiring', 'retired'] });
    await keyStore.close();
    client.disconnect();
    return keys;
  },
};

process.on('message', (asked: Asked) => {
  void answers[asked]().then((answer) => {
    process.send?.({ asked, answer });
    if (asked === 'close') process.disconnect();
  });
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  process.send?.({ asked: 'start', answer: (server.address() as AddressInfo).port });
});
