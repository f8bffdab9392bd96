import { hash } from 'node:crypto';
import type { VerifyKey } from '../keys/algorithms.js';

/** By key, so that what a key has proven goes with the key. */
const PROVEN = new WeakMap<VerifyKey, Set<string>>();
const MOST = 1024;

/**
 * Whether a key made a signature. What it proved once it proves for good: the same signature over the same bytes is not
 * computed again. Only those that hold are remembered, so that nobody else can fill the memory.
 */
export async function proves(key: VerifyKey, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const known = PROVEN.get(key) ?? new Set<string>();
  const name = `${hash('sha256', data, 'base64url')}.${Buffer.from(signature).toString('base64url')}`;
  if (known.has(name)) return true;
  if (!(await key.verify(data, signature))) return false;
  if (known.size >= MOST) known.clear();
  PROVEN.set(key, known.add(name));
  return true;
}
