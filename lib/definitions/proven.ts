import type { VerifyKey } from '../keys/algorithms.js';

/** What was signed, by signature, by key: what a key has proven goes with the key. */
const PROVEN = new WeakMap<VerifyKey, Map<string, Buffer>>();
const MOST = 1024;
const MOST_BYTES = 65_536;

/**
 * Whether a key made a signature. What it proved once it proves for good: the same signature over the same bytes is not
 * computed again. Only those that hold are remembered, so that nobody else can fill the memory.
 * @param signature base64url, in the only way that it can be written
 */
export async function proves(key: VerifyKey, data: Buffer, signature: string): Promise<boolean> {
  const known = PROVEN.get(key) ?? new Map<string, Buffer>();
  if (known.get(signature)?.equals(data) === true) return true;
  if (!(await key.verify(data, Buffer.from(signature, 'base64url')))) return false;
  if (data.byteLength > MOST_BYTES) return true;
  if (known.size >= MOST) known.clear();
  PROVEN.set(key, known.set(signature, data));
  return true;
}
