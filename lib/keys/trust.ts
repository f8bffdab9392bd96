import type { JSONWebKeySet, JWK } from 'jose';
import { Unavailable } from '../denial.js';
import { fetchJson } from '../fetch.js';
import { flag, listOf, object, optional, readOptions, text, type Check } from '../options.js';
import { Refreshed } from '../refreshed.js';
import { isObject } from '../rpc.js';
import { secureUrl } from '../url.js';
import { importVerifyKey, type VerifyKey } from './algorithms.js';
import { thumbprint } from './thumbprint.js';

/** A peer whose keys are trusted, and how they are known. Nothing is ever learned from a request. */
export type TrustedKeys = {
  /** The peer: the resource URI of a server, or the URI of an agent. */
  readonly owner: string;
  /** Its OAuth client id, where the peer also calls with tokens. Default: `owner`. */
  readonly clientId?: string;
  /** Whether the peer may start call chains. Default: false. */
  readonly mayRoot?: boolean;
} & (
  | {
      /** Its public keys, pinned. */
      readonly jwks: JSONWebKeySet;
    }
  | {
      /** Where its key set is published. */
      readonly jwksUri: string;
      /** The only keys of that set that are trusted, by RFC 7638 thumbprint. Default: all. */
      readonly thumbprints?: readonly string[];
    }
);

/** A key and the peer it stands for. */
export interface TrustedKey {
  readonly key: VerifyKey;
  readonly owner: string;
  readonly clientId: string;
  readonly mayRoot: boolean;
}

/** The keys of all trusted peers. */
export interface Trust {
  /**
   * The key of that thumbprint; nothing when no peer has it, or more than one.
   * @throws {Unavailable} when that cannot be known, because a key set cannot be fetched
   */
  readonly find: (keyId: string) => Promise<TrustedKey | undefined>;
}

export interface TrustOptions {
  readonly fetch: typeof fetch;
  readonly now: () => Date;
}

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
const PERIODS = { maxAge: 300, cooldown: 30, staleIfError: 86_400, timeout: 5 };
const OUTAGE = 'The keys of a peer are not available';
const MAX_KEYS = 100;

const pin: Check = (value) =>
  typeof value === 'string' && THUMBPRINT.test(value) ? undefined : 'must be an RFC 7638 SHA-256 thumbprint';

/**
 * Prepares the keys of trusted peers.
 * @throws {TypeError} for a peer that is not well described, a key that cannot be used, and a key with two owners
 */
export function openTrust(factory: string, peers: readonly TrustedKeys[], options: TrustOptions): Trust {
  const problem = listOf(object, { least: 1 })(peers);
  if (problem !== undefined) throw new TypeError(`${factory}: 'keys' ${problem}`);
  const checked = peers.map((peer, index) => readPeer(`${factory}: 'keys' [${index}]`, peer));
  const pinned = pinKeys(factory, checked);
  const remotes = checked.flatMap((peer) => ('jwksUri' in peer ? [remotePeer(peer, options)] : []));
  return {
    async find(keyId) {
      if (!THUMBPRINT.test(keyId)) return undefined;
      return pinned.get(keyId) ?? sole(await Promise.allSettled(remotes.map((find) => find(keyId))));
    },
  };
}

function readPeer(label: string, peer: TrustedKeys): TrustedKeys {
  if ('jwks' in peer === 'jwksUri' in peer) throw new TypeError(`${label} needs either 'jwks' or 'jwksUri'`);
  const common = { owner: text, clientId: optional(text), mayRoot: optional(flag) };
  if ('jwks' in peer) return readOptions(label, peer, { ...common, jwks: object });
  return readOptions(label, peer, { ...common, jwksUri: secureUrl, thumbprints: optional(listOf(pin, { least: 1 })) });
}

/** One key under two owners would let each speak for the other. */
function pinKeys(factory: string, peers: readonly TrustedKeys[]): ReadonlyMap<string, TrustedKey> {
  const pinned = new Map<string, TrustedKey>();
  for (const peer of peers) {
    if (!('jwks' in peer)) continue;
    for (const jwk of peer.jwks.keys) {
      const trusted = describe(peer, importVerifyKey(jwk));
      const { keyId } = trusted.key;
      const other = pinned.get(keyId);
      if (other !== undefined) {
        throw new TypeError(`${factory}: 'keys' lists ${keyId} under '${other.owner}' and '${peer.owner}'; keep one`);
      }
      pinned.set(keyId, trusted);
    }
  }
  return pinned;
}

type Find = (keyId: string) => Promise<TrustedKey | undefined>;

function remotePeer(peer: Extract<TrustedKeys, { readonly jwksUri: string }>, { fetch, now }: TrustOptions): Find {
  const pins = peer.thumbprints === undefined ? undefined : new Set(peer.thumbprints);
  const load = async (signal: AbortSignal) => readRemoteSet(peer, await fetchJson(peer.jwksUri, { fetch, signal }));
  const keys = new Refreshed(load, PERIODS, now, OUTAGE);
  return async (keyId) => {
    if (pins?.has(keyId) === false) return undefined;
    return keys.find((find) => find(keyId));
  };
}

/** Only the thumbprints are worked out when a set arrives; a key is imported when a request first names it. */
function readRemoteSet(peer: TrustedKeys, document: unknown): (keyId: string) => TrustedKey | undefined {
  const keys = isObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new TypeError('not a key set of bounded size');
  const jwks = new Map(keys.flatMap((jwk: unknown) => named(jwk)));
  const imported = new Map<string, TrustedKey | undefined>();
  return (keyId) => {
    const jwk = jwks.get(keyId);
    if (jwk === undefined) return undefined;
    if (!imported.has(keyId)) imported.set(keyId, usable(peer, jwk));
    return imported.get(keyId);
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

function usable(peer: TrustedKeys, jwk: JWK): TrustedKey | undefined {
  try {
    return describe(peer, importVerifyKey(jwk));
  } catch {
    return undefined;
  }
}

function describe({ owner, clientId = owner, mayRoot = false }: TrustedKeys, key: VerifyKey): TrustedKey {
  return Object.freeze({ key, owner, clientId, mayRoot });
}

/** The one peer that has the key. Two that claim it contradict each other; one that cannot be asked might have it. */
function sole(results: readonly PromiseSettledResult<TrustedKey | undefined>[]): TrustedKey | undefined {
  const found = results.flatMap((one) => (one.status === 'fulfilled' && one.value !== undefined ? [one.value] : []));
  if (found.length > 0) return found.length === 1 ? found[0] : undefined;
  const failed = results.find((one) => one.status === 'rejected');
  if (failed === undefined) return undefined;
  throw failed.reason instanceof Unavailable ? failed.reason : new Unavailable(OUTAGE, { cause: failed.reason });
}
