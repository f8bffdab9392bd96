import { buildChain, type Chain } from './chain.js';
import type { AdapterOptions } from './exchange.js';
import type { AnyMiddleware } from './middleware.js';
import { callback, integer, oneOf, optional, readOptions } from './options.js';

/** A chain and the options it is mounted with. */
export interface Mount {
  readonly chain: Chain;
  readonly options: AdapterOptions;
}

/**
 * Reads the arguments of an adapter: perhaps options, then middlewares.
 * @throws {TypeError} for unknown options, a wrong order, or what is not a middleware
 */
export function prepareMount(adapter: string, args: readonly (AdapterOptions | AnyMiddleware)[]): Mount {
  const [first, ...rest] = args;
  if (isOptions(first))
    return { options: readAdapterOptions(adapter, first), chain: buildChain(rest as AnyMiddleware[]) };
  return { options: {}, chain: buildChain(args as readonly AnyMiddleware[]) };
}

function isOptions(value: AdapterOptions | AnyMiddleware | undefined): value is AdapterOptions {
  return typeof value === 'object' && (value as unknown) !== null && !Array.isArray(value) && !('run' in value);
}

function readAdapterOptions(adapter: string, options: AdapterOptions): AdapterOptions {
  return readOptions<AdapterOptions>(adapter, options, {
    policyDenials: optional(oneOf('http', 'rpc')),
    bodyLimit: optional(integer(1)),
    newId: optional(callback),
    now: optional(callback),
    onError: optional(callback),
  });
}
