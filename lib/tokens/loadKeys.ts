import { bounded, FetchFailure, fetchJson, type FetchOptions } from '../fetch.js';
import { isObject } from '../rpc.js';
import type { Issuer } from './issuer.js';
import { assertLearnedUrl, type Resolve } from './publicHost.js';
import { readKeySet, type PublicKeys } from './publicKeys.js';

/** How other servers are reached. */
export interface Network {
  readonly fetch: typeof fetch;
  /** Looks up the names of learned URLs. Left out where `fetch` is not the system's and knows other names. */
  readonly resolve?: Resolve;
}

/** Members of a metadata document (RFC 8414 section 2) that hold a URL. */
export type EndpointName = 'jwks_uri' | 'introspection_endpoint' | 'token_endpoint';

type Discovery = Extract<Issuer['keys'], { discovery: unknown }>['discovery'];

/** Makes a function that fetches the keys of an issuer anew, by way of its metadata where no key set is configured. */
export function keyLoader(issuer: Issuer, network: Network): (signal: AbortSignal) => Promise<PublicKeys> {
  return async (signal) => {
    const http = { fetch: network.fetch, signal };
    const jwksUri =
      'jwksUri' in issuer.keys
        ? issuer.keys.jwksUri
        : await discover(issuer.issuer, 'discovery' in issuer.keys ? issuer.keys.discovery : [], 'jwks_uri', {
            ...http,
            resolve: network.resolve,
          });
    return readKeySet(await fetchJson(jwksUri, http), issuer);
  };
}

/**
 * A URL from the first metadata document there is, which must be the issuer's own (RFC 8414 section 3.3).
 * @throws {Error} when there is none, or the URL may not be fetched
 */
export async function discover(
  issuer: string,
  places: Discovery,
  name: EndpointName,
  http: FetchOptions & { readonly resolve: Resolve | undefined },
): Promise<string> {
  const { configured, metadata } = await readMetadata(issuer, places, http);
  const url = metadata[name];
  if (typeof url !== 'string') throw new FetchFailure(`metadata without ${name}`);
  await bounded(assertLearnedUrl(url, configured, http.resolve), http.signal);
  return url;
}

async function readMetadata(issuer: string, places: Discovery, http: FetchOptions) {
  let missing: unknown;
  for (const configured of places) {
    try {
      const metadata = await fetchJson(configured, { fetch: http.fetch, signal: http.signal });
      if (!isObject(metadata) || metadata['issuer'] !== issuer) throw new FetchFailure('metadata of another issuer');
      return { configured, metadata };
    } catch (error) {
      if (!isAbsent(error)) throw error;
      missing = error;
    }
  }
  throw missing;
}

/** Only an answer that there is no such document leads to the next place; anything else is a failure. */
function isAbsent(error: unknown): boolean {
  return error instanceof FetchFailure && error.status !== undefined && error.status >= 400 && error.status < 500;
}
