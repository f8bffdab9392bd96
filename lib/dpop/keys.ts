import { importPooledVerifyKey, type VerifyKey } from '../keys/algorithms.js';
import { keep } from '../memo.js';
import { ProofFault } from './fault.js';
import type { Proof, ProofHeader } from './proof.js';

/** How many keys, and how many headers, are kept ready. The oldest makes room for a new one. */
const MAX_KEYS = 10_000;
const MAX_HEADERS = 1_000;
/** The longest header that is kept, in characters: one with an RSA key of 4096 bits. */
const LONGEST_HEADER = 1_200;
const MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;

/** Finds the prepared key of a proof. */
export type ProofKeys = (proof: Pick<Proof, 'jwk' | 'thumbprint' | 'algorithm'>) => VerifyKey;

/**
 * Keeps the keys of callers ready, since an import costs more than a signature. Under its thumbprint: that covers every
 * member which makes up the key. To be asked only for keys that a verified token is bound to, so that no stranger fills it.
 */
export function proofKeys(): ProofKeys {
  const ready = new Map<string, VerifyKey>();
  return ({ jwk, thumbprint, algorithm }) => {
    const name = `${algorithm} ${thumbprint}`;
    const known = ready.get(name);
    if (known !== undefined) return known;
    const key = importKey(Object.fromEntries(MEMBERS.map((member) => [member, jwk[member]])), algorithm);
    keep(ready, MAX_KEYS, name, key);
    return key;
  };
}

/** Headers of proofs that were valid, since a caller sends the same one with each. */
export class ProofHeaders {
  readonly known: ReadonlyMap<string, ProofHeader>;
  readonly #known = new Map<string, ProofHeader>();

  constructor() {
    this.known = this.#known;
  }

  /** To be told of valid proofs alone, so that no stranger fills it. */
  remember({ header, algorithm, jwk, thumbprint }: Proof): void {
    if (this.#known.has(header) || header.length > LONGEST_HEADER) return;
    keep(this.#known, MAX_HEADERS, header, { algorithm, jwk, thumbprint });
  }
}

function importKey(members: Record<string, unknown>, alg: string): VerifyKey {
  try {
    // Each request brings a proof that was never seen, so that a signature is verified for every one of them.
    return importPooledVerifyKey({ ...definedOf(members), alg });
  } catch (cause) {
    if (cause instanceof TypeError) throw new ProofFault('key', { cause });
    throw cause;
  }
}

function definedOf(members: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
