import { hash, randomBytes } from 'node:crypto';
import { Unavailable } from '../denial.js';
import { inTime } from '../inTime.js';
import { callback, integer, optional, readOptions, text } from '../options.js';
import type { ApprovalStore } from './approvals.js';
import { redisRate } from './redisRate.js';
import { redisRevocations } from './redisRevocations.js';
import { redisSessions } from './redisSessions.js';
import type { Stores } from './stores.js';

/** An `ioredis` client, or a connected client of the `redis` package. */
export type RedisClient =
  | { readonly call: (command: string, ...args: string[]) => Promise<unknown> }
  | { readonly sendCommand: (args: string[]) => Promise<unknown> };

export interface RedisStoresOptions {
  /** Put before every key. Default: `mcp-etdi:`. */
  readonly prefix?: string;
  /** How long an answer is waited for, in milliseconds, before the store counts as down. Default: 2,000. */
  readonly timeoutMs?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * Stores in one Redis, for several instances behind a proxy. The client stays yours: connect and close it yourself.
 *
 * A Redis that is down or slow is `Unavailable` (503), and nothing is accepted meanwhile.
 * @throws {TypeError} when the client is neither of the two known ones
 */
export function redisStores(client: RedisClient, options: RedisStoresOptions = {}): Stores {
  const checked = readOptions<RedisStoresOptions>('redisStores', options, {
    prefix: optional(text),
    timeoutMs: optional(integer(1)),
    now: optional(callback),
  });
  const { prefix = 'mcp-etdi:', timeoutMs = 2_000, now = () => new Date() } = checked;
  const send = senderOf(client);

  const commandOf =
    (store: string): Command =>
    async (...args) => {
      try {
        return await inTime(send(args), timeoutMs);
      } catch (cause) {
        throw new Unavailable(`The ${store} store is unavailable`, { cause });
      }
    };
  const command = commandOf('replay');

  return Object.freeze({
    approvals: redisApprovals(commandOf('approval'), `${prefix}approvals`),
    rate: redisRate(commandOf('rate'), `${prefix}rate:`, now),
    replay: Object.freeze({
      async claim(key: string, expiresAt: Date) {
        // A period, not a point in time: the clock of Redis may differ from the one the expiry was checked by.
        const left = Math.ceil(expiresAt.getTime() - now().getTime());
        if (!(left > 0)) return false;
        const name = `${prefix}replay:${hash('sha256', key, 'base64url')}`;
        const claim = randomBytes(12).toString('base64url');
        if ((await command('SET', name, claim, 'PX', String(left), 'NX')) === 'OK') return true;
        // A client may send a command again whose answer was lost with its connection, and so find its own claim.
        return (await command('GET', name)) === claim;
      },
    }),
    revocations: redisRevocations(commandOf('revocation'), `${prefix}revoked:`, now),
    sessions: redisSessions(commandOf('session'), `${prefix}session:`),
  });
}

/** Sends one command. It throws `Unavailable` when there is no answer in time. */
export type Command = (...args: string[]) => Promise<unknown>;

/** One hash: a field is replaced as a whole, and all of them can be listed. */
function redisApprovals(command: Command, name: string): ApprovalStore {
  return Object.freeze({
    async get(key: string) {
      const record = await command('HGET', name, key);
      return typeof record === 'string' ? record : undefined;
    },
    async set(key: string, record: string) {
      await command('HSET', name, key, record);
    },
    async entries() {
      return new Map(pairs(await command('HGETALL', name)));
    },
  });
}

/** Names and values in turn, or an object where the client speaks RESP3. */
function pairs(reply: unknown): readonly (readonly [string, string])[] {
  if (!Array.isArray(reply)) return Object.entries(reply as Record<string, string>);
  const texts = reply as readonly string[];
  return Array.from({ length: texts.length / 2 }, (_, index) => [texts[2 * index] ?? '', texts[2 * index + 1] ?? '']);
}

function senderOf(client: RedisClient): (args: string[]) => Promise<unknown> {
  if ('call' in client && typeof client.call === 'function') {
    const { call } = client;
    return ([name = '', ...args]) => call.call(client, name, ...args);
  }
  if ('sendCommand' in client && typeof client.sendCommand === 'function') {
    const { sendCommand } = client;
    return (args) => sendCommand.call(client, args);
  }
  throw new TypeError(`redisStores: pass a client of 'ioredis' or of 'redis'`);
}
