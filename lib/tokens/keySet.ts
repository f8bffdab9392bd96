import type { KeyObject } from 'node:crypto';
import { integer, optional, readOptions } from '../options.js';
import { Refreshed } from '../refreshed.js';
import type { Issuer } from './issuer.js';
import { keyLoader, type Network } from './loadKeys.js';
import { readStaticKeySet } from './publicKeys.js';

/** How long fetched keys are used. All in seconds. */
export interface KeySetOptions {
  /** Keys older than this are fetched anew before they are used: a withdrawn key is used no longer. Default: 600. */
  readonly maxAge?: number;
  /** The least time between two fetches for the sake of an unknown `kid`, which is anybody's to choose. Default: 30. */
  readonly cooldown?: number;
  /** How long keys stay in use after `maxAge` while they cannot be fetched. Default: 86400. */
  readonly staleIfError?: number;
  /** The longest wait for one fetch, metadata included. Default: 5. */
  readonly timeout?: number;
}

/** The public keys of an issuer. */
export interface KeySet {
  /**
   * The key for an algorithm and key id; nothing when the issuer has no such key.
   * @throws an outage (503) when that cannot be known, because the keys cannot be fetched
   */
  readonly find: (algorithm: string, kid: string | undefined) => Promise<KeyObject | undefined>;
}

const OUTAGE = 'The keys of the authorization server are not available';

/** @throws {TypeError} for an unknown option, or a value out of range */
export function readKeySetOptions(factory: string, options: KeySetOptions): Required<KeySetOptions> {
  const given = readOptions<KeySetOptions>(factory, options, {
    maxAge: optional(integer(1, 86_400)),
    cooldown: optional(integer(1, 3600)),
    staleIfError: optional(integer(0, 604_800)),
    timeout: optional(integer(1, 60)),
  });
  return { maxAge: 600, cooldown: 30, staleIfError: 86_400, timeout: 5, ...given };
}

/** Opens the keys of an issuer. Nothing is fetched before a key is needed. */
export function openKeySet(
  issuer: Issuer,
  options: Required<KeySetOptions>,
  network: Network,
  now: () => Date,
): KeySet {
  if (!('jwks' in issuer.keys)) {
    const fetched = new Refreshed(keyLoader(issuer, network), options, now, OUTAGE);
    return { find: (algorithm, kid) => fetched.find((keys) => keys.find(algorithm, kid)) };
  }
  const keys = readStaticKeySet(issuer.keys.jwks, issuer);
  return { find: (algorithm, kid) => Promise.resolve(keys.find(algorithm, kid)) };
}
