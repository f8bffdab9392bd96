import type { KeyObject } from 'node:crypto';
import { Unavailable } from '../denial.js';
import { integer, optional, readOptions } from '../options.js';
import type { Issuer } from './issuer.js';
import { keyLoader, type Network } from './loadKeys.js';
import { readStaticKeySet, type PublicKeys } from './publicKeys.js';

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
   * @throws {Unavailable} when that cannot be known, because the keys cannot be fetched
   */
  readonly find: (algorithm: string, kid: string | undefined) => Promise<KeyObject | undefined>;
}

/** After a failure nothing is fetched for this long, in milliseconds: an outage is not met with a fetch for each request. */
const FAILURE_PAUSE_MS = 5000;

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
  if (!('jwks' in issuer.keys)) return new FetchedKeySet(keyLoader(issuer, network), options, now);
  const keys = readStaticKeySet(issuer.keys.jwks, issuer);
  return { find: (algorithm, kid) => Promise.resolve(keys.find(algorithm, kid)) };
}

/** Keys that are fetched when needed: once for all who wait, and not again too soon. */
class FetchedKeySet implements KeySet {
  readonly #load: (signal: AbortSignal) => Promise<PublicKeys>;
  readonly #options: Required<KeySetOptions>;
  readonly #now: () => Date;
  #keys: PublicKeys | undefined;
  #fetchedAt = 0;
  #triedAt = 0;
  #failure: unknown;
  #flight: Promise<void> | undefined;

  constructor(load: (signal: AbortSignal) => Promise<PublicKeys>, options: Required<KeySetOptions>, now: () => Date) {
    this.#load = load;
    this.#options = options;
    this.#now = now;
  }

  async find(algorithm: string, kid: string | undefined): Promise<KeyObject | undefined> {
    const { maxAge, cooldown } = this.#options;
    if (this.#keys === undefined || this.#since(this.#fetchedAt) >= maxAge * 1000) await this.#refresh(0);
    const known = this.#usable().find(algorithm, kid);
    if (known !== undefined) return known;
    await this.#refresh(cooldown * 1000);
    const found = this.#usable().find(algorithm, kid);
    // Whether the issuer has published this key since is not known, so the token is not called bad.
    if (found === undefined && this.#failure !== undefined) throw this.#unavailable();
    return found;
  }

  /** Fetches the keys unless that was done, or failed, a moment ago. A fetch under way is shared. */
  async #refresh(pauseMs: number): Promise<void> {
    const pause = this.#failure === undefined ? pauseMs : FAILURE_PAUSE_MS;
    if (this.#flight === undefined && this.#since(this.#triedAt) < pause) return;
    await (this.#flight ??= this.#fetch());
  }

  async #fetch(): Promise<void> {
    this.#triedAt = this.#now().getTime();
    try {
      this.#keys = await this.#load(AbortSignal.timeout(this.#options.timeout * 1000));
      this.#fetchedAt = this.#triedAt;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#flight = undefined;
    }
  }

  #usable(): PublicKeys {
    const { maxAge, staleIfError } = this.#options;
    if (this.#keys === undefined || this.#since(this.#fetchedAt) >= (maxAge + staleIfError) * 1000) {
      throw this.#unavailable();
    }
    return this.#keys;
  }

  /** Milliseconds since then; without end when the clock was set back, so that nothing is kept for too long. */
  #since(time: number): number {
    const elapsed = this.#now().getTime() - time;
    return elapsed < 0 ? Infinity : elapsed;
  }

  #unavailable(): Unavailable {
    return new Unavailable('The keys of the authorization server are not available', { cause: this.#failure });
  }
}
