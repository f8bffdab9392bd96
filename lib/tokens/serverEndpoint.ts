import { Refreshed, type RefreshPeriods } from '../refreshed.js';
import { discover, type EndpointName, type Network } from './loadKeys.js';

export interface ServerEndpointOptions {
  readonly network: Network;
  readonly keySets: RefreshPeriods;
  readonly now: () => Date;
  /** The constant sentence of a 503. */
  readonly outage: string;
}

/**
 * Where an authorization server answers: the URL that is given, or else what one of its metadata documents says.
 *
 * What it returns throws `Unavailable` when that cannot be known.
 */
export function serverEndpoint(
  issuer: string,
  endpoint: string | readonly string[],
  name: EndpointName,
  { network, keySets, now, outage }: ServerEndpointOptions,
): () => Promise<string> {
  if (typeof endpoint === 'string') return () => Promise.resolve(endpoint);
  const find = (signal: AbortSignal): Promise<string> =>
    discover(issuer, endpoint, name, { fetch: network.fetch, signal, resolve: network.resolve });
  const found = new Refreshed(find, keySets, now, outage);
  return async () => (await found.find((url) => url)) ?? '';
}
