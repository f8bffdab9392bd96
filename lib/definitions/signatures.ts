import type { SigningKey } from '../keys/signer.js';
import { keep } from '../memo.js';
import type { SigningTerms } from './jws.js';

interface Kept<Value> {
  readonly value: Promise<Value>;
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly renewAt: number;
}

export interface SignaturesOptions {
  /** Seconds. */
  readonly lifetime: number;
  /** How many are kept. */
  readonly most: number;
  readonly now: () => Date;
}

/** Keeps signatures: each thing is signed once, until another key is active or half of the lifetime is over. */
export class Signatures<Value> {
  readonly #kept = new Map<string, Kept<Value>>();
  readonly #options: SignaturesOptions;

  constructor(options: SignaturesOptions) {
    this.#options = options;
  }

  /** @param id tells what is signed from everything else */
  get(id: string, key: SigningKey, sign: (terms: SigningTerms) => Promise<Value>): Promise<Value> {
    const { lifetime, most, now } = this.#options;
    const time = now().getTime();
    const known = this.#kept.get(id);
    if (known?.keyId === key.keyId && time < known.renewAt) return known.value;
    const terms = { key, issuedAt: new Date(time), expiresAt: new Date(time + lifetime * 1000) };
    const value = sign(terms);
    keep(this.#kept, most, id, { value, keyId: key.keyId, renewAt: time + (lifetime * 1000) / 2 });
    value.catch(() => {
      if (this.#kept.get(id)?.value === value) this.#kept.delete(id);
    });
    return value;
  }
}
