import type { Command } from './redis.js';
import type { SessionStore } from './sessions.js';

// Scripts, since whoever asks about a session of somebody else must not prolong it, and nothing may come in between.
const BIND = `
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
const USE = `
local held = redis.call('GET', KEYS[1])
if not held then return -1 end
if held ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** Sessions in Redis, under keys that begin with `prefix`. */
export function redisSessions(command: Command, prefix: string): SessionStore {
  const run = (script: string, session: string, ...args: string[]): Promise<unknown> =>
    command('EVAL', script, '1', `${prefix}${session}`, ...args);

  return Object.freeze({
    async bind(session: string, owner: string, ttlMs: number) {
      return (await run(BIND, session, owner, String(ttlMs))) === 1;
    },
    async use(session: string, owner: string, ttlMs: number) {
      const held = await run(USE, session, owner, String(ttlMs));
      if (held === 1) return 'own';
      return held === 0 ? 'foreign' : 'unknown';
    },
    async release(session: string, owner: string) {
      await run(RELEASE, session, owner);
    },
  });
}
