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

type Found = Readonly<Record<'configured' | 'jwksUri', string>>;

/** Makes a function that fetches the keys of an issuer anew, by way of its metadata where no key set is configured. */
export function keyLoader(issuer: Issuer, network: Network): (signal: AbortSignal) => Promise<PublicKeys> {
  return async (signal) => {
    const http = { fetch: network.fetch, signal };
    const jwksUri = 'jwksUri' in issuer.keys ? issuer.keys.jwksUri : await discover(issuer, http, network.resolve);
    return readKeySet(await fetchJson(jwksUri, http), issuer);
  };
}

async function discover(issuer: Issuer, http: FetchOptions, resolve: Resolve | undefined): Promise<string> {
  const { configured, jwksUri } = await readMetadata(issuer, http);
  await bounded(assertLearnedUrl(jwksUri, configured, resolve), http.signal);
  return jwksUri;
}

/** The first metadata document there is. It must be the issuer's own (RFC 8414 section 3.3). */
async function readMetadata(issuer: Issuer, http: FetchOptions): Promise<Found> {
  let missing: unknown;
  for (const configured of 'discovery' in issuer.keys ? issuer.keys.discovery : []) {
    try {
      const metadata = await fetchJson(configured, http);
      if (!isObject(metadata) || metadata['issuer'] !== issuer.issuer)
        throw new FetchFailure('metadata of another issuer');
      if (typeof metadata['jwks_uri'] !== 'string') throw new FetchFailure('metadata without jwks_uri');
      return { configured, jwksUri: metadata['jwks_uri'] };
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
