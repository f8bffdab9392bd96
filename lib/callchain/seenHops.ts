import type { TrustedKey } from '../keys/trust.js';
import type { Hop } from './hop.js';

/** A hop that was verified, and the key that signed it. */
export interface Seen {
  readonly hop: Hop;
  readonly trusted: TrustedKey;
}

const MAX = 500;

/**
 * Hops whose signature was verified, and by which key: a server that makes several calls continues the same hops in each.
 * The last hop of a chain is always another. What is known is what these very characters say and that this very key
 * signed them; whether the key is still trusted, and the chain in time, is asked anew each time.
 */
export class SeenHops {
  #recent = new Map<string, Seen>();
  /** Dropped as a whole: to look for the oldest one of many would take longer than all else here. */
  #earlier: ReadonlyMap<string, Seen> = new Map();

  get(token: string): Seen | undefined {
    return this.#recent.get(token) ?? this.#earlier.get(token);
  }

  add(hop: Hop, trusted: TrustedKey): void {
    if (this.#recent.size >= MAX) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(hop.token, { hop, trusted });
  }
}
