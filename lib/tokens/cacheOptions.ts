import { integer, optional, readOptions } from '../options.js';
import { TokenCache } from './cache.js';

/** How many verified tokens are remembered, and for how long at most. */
export interface TokenCacheOptions {
  /** Default: 10000. */
  readonly max?: number;
  /** Default: 60. A key that its issuer withdraws is still trusted for this long after the key set is fetched anew. */
  readonly seconds?: number;
}

/**
 * Opens a cache, or none where that is not wanted.
 * @throws {TypeError} when an option is not what it must be
 */
export function openTokenCache<Value>(
  factory: string,
  options: false | TokenCacheOptions | undefined,
  now: () => Date,
): TokenCache<Value> | undefined {
  if (options === false) return undefined;
  const { max = 10_000, seconds = 60 } = readOptions<TokenCacheOptions>(factory, options ?? {}, {
    max: optional(integer(1, 1_000_000)),
    seconds: optional(integer(1, 3600)),
  });
  return new TokenCache({ max, milliseconds: seconds * 1000, now });
}
