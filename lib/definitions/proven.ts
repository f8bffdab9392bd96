import type { VerifyKey } from '../keys/algorithms.js';

/** What was signed, by signature, by key: what a key has proven goes with the key. */
const PROVEN = new WeakMap<VerifyKey, Map<string, string>>();
const MOST = 1024;
const MOST_CHARACTERS = 65_536;

/**
 * Whether a key made a signature. What it proved once it proves for good: the same signature over the same bytes is not
 * computed again. Only those that hold are remembered, so that nobody else can fill the memory.
 * @param signed ASCII
 * @param signature base64url, in the only way that it can be written
 * @param bytes the same
 */
export async function proves(key: VerifyKey, signed: string, signature: string, bytes: Buffer): Promise<boolean> {
  const known = PROVEN.get(key) ?? new Map<string, string>();
  if (known.get(signature) === signed) return true;
  const holds = key.verify(signed, bytes);
  if (holds !== true && !(await holds)) return false;
  if (signed.length > MOST_CHARACTERS) return true;
  if (known.size >= MOST) known.clear();
  PROVEN.set(key, known.set(signature, signed));
  return true;
}
