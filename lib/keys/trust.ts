import type { JSONWebKeySet, JWK } from 'jose';
import { flag, listOf, object, optional, readOptions, text, type Check } from '../options.js';
import { secureUrl } from '../url.js';
import { importVerifyKey, type VerifyKey } from './algorithms.js';
import type { KeyPurpose } from './keyRecord.js';
import { servesPurpose } from './publishedJwk.js';
import { remoteSet } from './remoteSet.js';
import { soleOwner } from './soleOwner.js';
import { isThumbprint, keyThumbprint, thumbprint } from './thumbprint.js';

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
      /** Its public keys, pinned. Those that state another purpose are not used. */
      readonly jwks: JSONWebKeySet;
    }
  | {
      /** Where its key set is published. */
      readonly jwksUri: string;
      /** The only keys of that set that are trusted, by RFC 7638 thumbprint, and that no other peer can have. Default: all. */
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
   * The key of that thumbprint; nothing when no peer has it, or more than one. A promise where it is not pinned.
   * @throws {Unavailable} when that cannot be known, because a key set cannot be fetched
   */
  readonly find: (keyId: string) => TrustedKey | undefined | Promise<TrustedKey | undefined>;
}

export interface TrustOptions {
  /** The option that lists the peers, for errors. */
  readonly option: string;
  /** What the keys must be for. Those that state another purpose do not count; those that state none do. */
  readonly purpose: KeyPurpose;
  readonly fetch: typeof fetch;
  readonly now: () => Date;
}

type PinnedPeer = Extract<TrustedKeys, { readonly jwks: JSONWebKeySet }>;
type RemotePeer = Extract<TrustedKeys, { readonly jwksUri: string }>;

/** Finds the key under an id that is known to be its owner's; nothing when the owner does not have it for this purpose. */
type Lookup = () => ReturnType<Trust['find']>;

interface Pin {
  readonly owner: string;
  readonly find: Lookup;
}

const keySet: Check = (value) =>
  object(value) ?? listOf(object)((value as Partial<JSONWebKeySet>).keys)?.replace(/^/, "needs 'keys', which ");

/**
 * Prepares the keys of trusted peers.
 *
 * A key that is pinned, in `jwks` or by `thumbprints`, is its peer's, whatever others publish. Any other key must be in
 * the published set of one peer, and known to be in none of the others.
 * @throws {TypeError} for a peer that is not well described, a key that cannot be used, and a key with two owners
 */
export function openTrust(factory: string, peers: readonly TrustedKeys[], options: TrustOptions): Trust {
  const label = `${factory}: '${options.option}'`;
  const problem = listOf(object, { least: 1 })(peers);
  if (problem !== undefined) throw new TypeError(`${label} ${problem}`);
  const checked = peers.map((peer, index) => readPeer(`${label} [${index}]`, peer));
  assertServed(label, checked, options.purpose);
  const pins = new Map<string, Pin>();
  const sets: ReturnType<typeof remoteSet<TrustedKey>>[] = [];
  for (const peer of checked) {
    if ('jwks' in peer) {
      pinKeys(label, pins, peer, options.purpose);
      continue;
    }
    const set = remoteSet(peer.jwksUri, (jwk) => trusted(peer, jwk, options.purpose), options);
    if (peer.thumbprints === undefined) sets.push(set);
    for (const keyId of peer.thumbprints ?? []) {
      addPin(label, pins, keyId, { owner: peer.owner, find: () => set.find((keys) => keys.get(keyId)) });
    }
  }
  return {
    find: (keyId) => {
      const pinned = pins.get(keyId);
      if (pinned !== undefined) return pinned.find();
      return isThumbprint(keyId) ? soleOwner(sets, keyId) : undefined;
    },
  };
}

function readPeer(label: string, peer: TrustedKeys): PinnedPeer | RemotePeer {
  if ('jwks' in peer === 'jwksUri' in peer) throw new TypeError(`${label} needs either 'jwks' or 'jwksUri'`);
  const common = { owner: text, clientId: optional(text), mayRoot: optional(flag) };
  if ('jwks' in peer) return readOptions(label, peer, { ...common, jwks: keySet });
  return readOptions(label, peer, {
    ...common,
    jwksUri: secureUrl,
    thumbprints: optional(listOf(keyThumbprint, { least: 1 })),
  });
}

/** The same peers may be listed for several purposes, so one may have no key for this one. All of them is a mistake. */
function assertServed(label: string, peers: readonly (PinnedPeer | RemotePeer)[], purpose: KeyPurpose): void {
  const pinned = peers.flatMap((peer) => ('jwks' in peer ? peer.jwks.keys : []));
  if (pinned.some((jwk) => servesPurpose(jwk, purpose)) || peers.some((peer) => 'jwksUri' in peer)) return;
  if (pinned.length > 0) {
    throw new TypeError(`${label} has only keys for other purposes; pin those for '${purpose}'`);
  }
  const hint = `a key store has one once it signed, or 'mcp-etdi keys generate --purpose ${purpose}' was run`;
  throw new TypeError(`${label} has no key; ${hint}`);
}

function pinKeys(label: string, pins: Map<string, Pin>, peer: PinnedPeer, purpose: KeyPurpose): void {
  for (const jwk of peer.jwks.keys) {
    // A key for another purpose is its owner's all the same, and nobody else's.
    const found = trusted(peer, jwk, purpose);
    addPin(label, pins, thumbprint(jwk), { owner: peer.owner, find: () => found });
  }
}

/** One key under two owners would let each speak for the other. */
function addPin(label: string, pins: Map<string, Pin>, keyId: string, added: Pin): void {
  const other = pins.get(keyId);
  if (other !== undefined) {
    throw new TypeError(`${label} lists ${keyId} under '${other.owner}' and '${added.owner}'; keep one`);
  }
  pins.set(keyId, added);
}

function trusted(peer: TrustedKeys, jwk: JWK, purpose: KeyPurpose): TrustedKey | undefined {
  if (!servesPurpose(jwk, purpose)) return undefined;
  const { owner, clientId = owner, mayRoot = false } = peer;
  return Object.freeze({ key: importVerifyKey(jwk), owner, clientId, mayRoot });
}
