import type { Command } from './redis.js';
import {
  revocationKey,
  revocationKeysOf,
  type RevocationStore,
  type RevokedToken,
  type TokenFacts,
} from './revocations.js';

/** Revocations in Redis, under keys that begin with `prefix`. */
export function redisRevocations(command: Command, prefix: string, now: () => Date): RevocationStore {
  return Object.freeze({
    async revoke(token: RevokedToken, until: Date) {
      const key = `${prefix}${revocationKey(token)}`;
      // A period, not a point in time: the clock of Redis may differ.
      const left = Math.ceil(until.getTime() - now().getTime());
      if (left > 0) await command('SET', key, '1', 'PX', String(left));
    },
    async isRevoked(token: TokenFacts) {
      // One command for each key: in a cluster they may be in different places.
      const found = await Promise.all(revocationKeysOf(token).map((key) => command('EXISTS', `${prefix}${key}`)));
      return !found.every((count) => count === 0);
    },
  });
}
