import type { RateStore } from './rate.js';
import type { Command } from './redis.js';

// Scripts, so that no count is left without an end, whatever happens between two commands.
const INCREMENT = `
local hits = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return { hits, left }`;
const DECREMENT = `
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
return 0`;

/** Counters in Redis, under keys that begin with `prefix`. The window of a key opens with its first use. */
export function redisRate(command: Command, prefix: string, now: () => Date): (windowMs: number) => RateStore {
  return (given) => {
    let windowMs = given;
    const nameOf = (key: string): string => `${prefix}${windowMs}:${key}`;
    return Object.freeze({
      init(options: { readonly windowMs: number }) {
        ({ windowMs } = options);
      },
      async increment(key: string) {
        const [totalHits, left] = (await command('EVAL', INCREMENT, '1', nameOf(key), String(windowMs))) as number[];
        return { totalHits: Number(totalHits), resetTime: new Date(now().getTime() + Number(left)) };
      },
      async decrement(key: string) {
        await command('EVAL', DECREMENT, '1', nameOf(key));
      },
      async resetKey(key: string) {
        await command('DEL', nameOf(key));
      },
    });
  };
}
