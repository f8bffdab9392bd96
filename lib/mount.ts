import { buildChain, type Chain } from './chain.js';
import type { RequestContext } from './context.js';
import type { AnyMiddleware } from './middleware.js';
import { callback, integer, oneOf, optional, readOptions } from './options.js';
import type { PolicyDenials } from './reply.js';

/** Options of an adapter. What a later mount of the same request sets counts from there on. */
export interface AdapterOptions {
  /** `'rpc'` answers refusals that no other token can cure as a JSON-RPC error with status 200. Default: `'http'`. */
  readonly policyDenials?: PolicyDenials;
  /** The largest body that is read, in bytes. Default: 4 MiB. */
  readonly bodyLimit?: number;
  /** Makes the id of a request, at its first mount. Default: a random UUID. */
  readonly newId?: () => string;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** Sees what was answered with a constant 500. Default: one escaped line on standard error. */
  readonly onError?: (error: unknown, ctx: RequestContext) => void;
}

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
  const options = isOptions(first) ? readAdapterOptions(adapter, first) : {};
  const list = (isOptions(first) ? rest : args) as readonly AnyMiddleware[];
  // A mount without checks would let everybody through, and look like one that does not.
  if (list.length === 0) throw new TypeError(`${adapter}: pass at least one middleware`);
  return { options, chain: buildChain(list, args.length - list.length + 1) };
}

function isOptions(value: AdapterOptions | AnyMiddleware | undefined): value is AdapterOptions {
  return typeof value === 'object' && (value as unknown) !== null && !Array.isArray(value) && !('run' in value);
}

function readAdapterOptions(adapter: string, options: AdapterOptions): AdapterOptions {
  if ('paths' in options)
    throw new TypeError(`${adapter}: serve an endpoint with ${adapter.replace('to', 'serve')}(...)`);
  if ('level' in options) throw new TypeError(`${adapter}: wrap the profile, as in ...securityProfile({ ... })`);
  return readOptions<AdapterOptions>(adapter, options, {
    policyDenials: optional(oneOf('http', 'rpc')),
    bodyLimit: optional(integer(1)),
    newId: optional(callback),
    now: optional(callback),
    onError: optional(callback),
  });
}
