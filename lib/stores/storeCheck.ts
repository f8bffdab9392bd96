import type { Check } from '../options.js';
import { isObject } from '../rpc.js';
import type { ReplayStore } from './replay.js';
import type { SessionStore } from './sessions.js';

/**
 * Requires what has these functions. All stores in one, or a client of Redis, would build, and then make every request
 * a 503.
 */
const storeWith =
  (example: string, ...functions: readonly (keyof ReplayStore | keyof SessionStore)[]): Check =>
  (value) =>
    isObject(value) && functions.every((name) => typeof value[name] === 'function')
      ? undefined
      : `must be a store with ${named(functions)}, such as ${example}`;

/** A store of what may be used once. */
export const replayStore: Check = storeWith('redisStores(client).replay', 'claim');

/** A store of owners of sessions. */
export const sessionStore: Check = storeWith('redisStores(client).sessions', 'bind', 'use', 'release');

function named(functions: readonly string[]): string {
  const [first, ...others] = functions.map((name) => `'${name}'`);
  const last = others.pop();
  return last === undefined ? `a function ${first ?? ''}` : `functions ${[first, ...others].join(', ')} and ${last}`;
}
