import { importVerifyKey, type VerifyKey } from '../keys/algorithms.js';
import { ProofFault } from './fault.js';
import type { Proof } from './proof.js';

/** How many keys are kept ready. The oldest makes room for a new one. */
const MAX_KEYS = 10_000;
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
    const [oldest] = ready.keys();
    if (ready.size >= MAX_KEYS && oldest !== undefined) ready.delete(oldest);
    ready.set(name, key);
    return key;
  };
}

function importKey(members: Record<string, unknown>, alg: string): VerifyKey {
  try {
    return importVerifyKey({ ...definedOf(members), alg });
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
