import type { JWK } from 'jose';
import { fetchJson } from '../fetch.js';
import { Refreshed } from '../refreshed.js';
import { isObject } from '../rpc.js';
import { thumbprint } from './thumbprint.js';

export interface RemoteSetOptions {
  readonly fetch: typeof fetch;
  readonly now: () => Date;
}

/** What one published set has, by thumbprint. */
export interface Contents<Key> {
  readonly has: (keyId: string) => boolean;
  /** The key, imported when it is first asked for; nothing when it is not usable. */
  readonly get: (keyId: string) => Key | undefined;
}

const PERIODS = { maxAge: 300, cooldown: 30, staleIfError: 86_400, timeout: 5 };
const MAX_KEYS = 100;

/** The 503 of a set that cannot be fetched. */
export const OUTAGE = 'The keys of a peer are not available';

/** A key set that a peer publishes. `prepare` imports one of its keys, and throws or gives nothing when it cannot. */
export function remoteSet<Key>(
  uri: string,
  prepare: (jwk: JWK) => Key | undefined,
  { fetch, now }: RemoteSetOptions,
): Refreshed<Contents<Key>> {
  const load = async (signal: AbortSignal): Promise<Contents<Key>> =>
    readSet(await fetchJson(uri, { fetch, signal }), prepare);
  return new Refreshed(load, PERIODS, now, OUTAGE);
}

/** Only the thumbprints are worked out when a set arrives. */
function readSet<Key>(document: unknown, prepare: (jwk: JWK) => Key | undefined): Contents<Key> {
  const keys = isObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new TypeError('not a key set of bounded size');
  const jwks = new Map(keys.flatMap((jwk: unknown) => named(jwk)));
  const imported = new Map<string, Key | undefined>();
  return {
    has: (keyId) => jwks.has(keyId),
    get: (keyId) => {
      const jwk = jwks.get(keyId);
      if (jwk === undefined) return undefined;
      if (!imported.has(keyId)) imported.set(keyId, usable(jwk, prepare));
      return imported.get(keyId);
    },
  };
}

/** A published set may hold keys for other purposes, which are left alone. */
function named(jwk: unknown): readonly (readonly [string, JWK])[] {
  try {
    return isObject(jwk) ? [[thumbprint(jwk), jwk]] : [];
  } catch {
    return [];
  }
}

function usable<Key>(jwk: JWK, prepare: (jwk: JWK) => Key | undefined): Key | undefined {
  try {
    return prepare(jwk);
  } catch {
    return undefined;
  }
}
