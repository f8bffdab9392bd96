import { keep } from '../memo.js';
import { tokenDigest } from './digest.js';

/** When a token is valid: from the first up to, not including, the second. Milliseconds since the epoch. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

export interface CacheOptions {
  /** How many tokens are remembered; the oldest makes room for a new one. */
  readonly max: number;
  /** How long each is remembered at most. */
  readonly milliseconds: number;
  readonly now: () => Date;
}

interface Entry<Value> extends Validity {
  readonly value: Value;
}

/**
 * Remembers what verified tokens proved, in bounded memory and never past their end.
 * Keyed by SHA-256, so that how long a lookup takes tells nothing about the tokens that are known.
 */
export class TokenCache<Value> {
  readonly #options: CacheOptions;
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  get(token: string): Value | undefined {
    const entry = this.#entries.get(tokenDigest(token));
    if (entry === undefined) return undefined;
    const now = this.#options.now().getTime();
    return now >= entry.from && now < entry.until ? entry.value : undefined;
  }

  set(token: string, value: Value, { from, until }: Validity): void {
    const { max, milliseconds, now } = this.#options;
    const entry = { value, from, until: Math.min(until, now().getTime() + milliseconds) };
    keep(this.#entries, max, tokenDigest(token), entry);
  }
}
