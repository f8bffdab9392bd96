import type { TrustedKey } from '../keys/trust.js';
import type { Hop } from './hop.js';

/** A hop that was verified, and the key that signed it. */
export interface Seen {
  readonly hop: Hop;
  readonly trusted: TrustedKey;
}

const MAX = 1_000;

/**
 * Hops whose signature was verified, and by which key: a server that makes several calls continues the same hops in each.
 * The last hop of a chain is always another. What is known is what these very characters say and that this very key
 * signed them; whether the key is still trusted, and the chain in time, is asked anew each time.
 */
export class SeenHops {
  readonly #seen = new Map<string, Seen>();
  /** Their tokens, from the oldest at `#next` on: to find that one in the map would take longer than all else here. */
  readonly #tokens: string[] = [];
  #next = 0;

  get(token: string): Seen | undefined {
    return this.#seen.get(token);
  }

  add(hop: Hop, trusted: TrustedKey): void {
    const oldest = this.#tokens[this.#next];
    if (oldest !== undefined) this.#seen.delete(oldest);
    this.#tokens[this.#next] = hop.token;
    this.#next = (this.#next + 1) % MAX;
    this.#seen.set(hop.token, { hop, trusted });
  }
}
