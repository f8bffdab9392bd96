import { Denial } from './denial.js';

declare module './denial.js' {
  interface DenialCodes {
    header_duplicate: 400;
  }
}

type Headers = Readonly<Record<string, readonly string[] | undefined>>;

/** Every line that was received, by lower-cased name. Without a prototype: a client may name a header `__proto__`. */
export function linesOf(rawHeaders: readonly string[]): Headers {
  const lines = Object.create(null) as Record<string, string[] | undefined>;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    (lines[name] ??= []).push(rawHeaders[index + 1] ?? '');
  }
  return lines;
}

/**
 * The one line of a header that may be sent once, or nothing.
 * @throws {Denial} 400 `header_duplicate` when it was sent twice
 */
export function single(headers: Headers, name: string): string | undefined {
  const lines = headers[name];
  if (lines === undefined) return undefined;
  if (lines.length > 1) throw new Denial(400, 'header_duplicate', 'A header that may appear once appears twice');
  return lines[0];
}
