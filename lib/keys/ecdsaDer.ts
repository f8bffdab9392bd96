const SEQUENCE = 0x30;
const INTEGER = 0x02;

/**
 * Turns a DER-encoded ECDSA signature (RFC 3279 section 2.2.3), which is what key management services answer with,
 * into the form of JWS: `r || s`, each of `half` bytes (RFC 7518 section 3.4). Nothing for what is not strict DER.
 */
export function rawFromDer(der: Uint8Array, half: number): Uint8Array | undefined {
  const body = read(der, SEQUENCE);
  if (body?.rest.byteLength !== 0) return undefined;
  const r = read(body.value, INTEGER);
  const s = r === undefined ? undefined : read(r.rest, INTEGER);
  if (r === undefined || s?.rest.byteLength !== 0) return undefined;
  const numbers = [unsigned(r.value, half), unsigned(s.value, half)];
  const raw = new Uint8Array(2 * half);
  for (const [index, number] of numbers.entries()) {
    if (number === undefined) return undefined;
    raw.set(number, (index + 1) * half - number.byteLength);
  }
  return raw;
}

/** One element of the wanted kind at the start, with its length in the shortest form, and what follows it. */
function read(bytes: Uint8Array, tag: number): { value: Uint8Array; rest: Uint8Array } | undefined {
  const [kind, first = 0xff, second = 0] = bytes;
  if (kind !== tag || first > 0x81 || first === 0x80 || (first === 0x81 && second < 0x80)) return undefined;
  const start = first === 0x81 ? 3 : 2;
  const end = start + (first === 0x81 ? second : first);
  if (end > bytes.byteLength) return undefined;
  return { value: bytes.subarray(start, end), rest: bytes.subarray(end) };
}

/** A positive integer in its shortest form, without the byte that only says that it is not negative. */
function unsigned(bytes: Uint8Array, most: number): Uint8Array | undefined {
  const [first = 0x80, second = 0] = bytes;
  if (first >= 0x80 || (first === 0 && second < 0x80)) return undefined;
  const number = first === 0 ? bytes.subarray(1) : bytes;
  return number.byteLength <= most ? number : undefined;
}
