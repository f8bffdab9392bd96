/** Why a text is not strict JSON, or a value has no canonical form. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** How deep values may nest: enough for any schema, and far from the end of the stack. */
export const MAX_DEPTH = 64;

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Parses I-JSON (RFC 7493): JSON that every implementation reads the same.
 *
 * Where `JSON.parse` silently keeps the last of two members with one name, two readers may see two different
 * documents under one signature. Such a text is denied, as are numbers that lose digits and broken strings.
 * @throws {JsonError}
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new JsonError('not JSON', { cause });
  }
  if (!isPlain(text, value)) assertUnambiguous(text);
  return value;
}

/** What `parseStrictJson` gives; nothing where it throws. */
export function readStrictJson(text: string): unknown {
  try {
    return parseStrictJson(text);
  } catch {
    return undefined;
  }
}

/**
 * Whether nothing in a text is ambiguous, in a fraction of the time that its tokens take. Where nothing is escaped, each
 * string has two quotes and there are no others: a value with half as many strings has lost none to a name that is there
 * twice.
 */
function isPlain(text: string, value: unknown): boolean {
  return !text.includes('\\') && !LONE_SURROGATE.test(text) && 2 * stringsIn(value, 0) === quotesIn(text);
}

/** How many strings a value has, names included: not a number where it nests too deeply or an integer is not safe. */
function stringsIn(value: unknown, depth: number): number {
  if (typeof value === 'string') return 1;
  if (typeof value === 'number') return isPortable(value) ? 0 : NaN;
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === MAX_DEPTH) return NaN;
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = members === value ? 0 : members.length;
  for (const member of members) count += stringsIn(member, depth + 1);
  return count;
}

function quotesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) count += 1;
  return count;
}

function isPortable(value: number): boolean {
  return Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value));
}

/** Throws unless a number or string of a document means the same to every reader. */
export function assertPortable(value: number | string): void {
  if (typeof value === 'string') {
    if (LONE_SURROGATE.test(value)) throw new JsonError('a string holds half of a character');
    return;
  }
  if (!Number.isFinite(value)) throw new JsonError('a number is too large');
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new JsonError('an integer loses digits');
}

/** The text is known to be JSON, so that its tokens alone show what is ambiguous. */
function assertUnambiguous(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let atName = false;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      if (open.length === MAX_DEPTH) throw new JsonError('nested too deeply');
      open.push(token === '{' ? new Set() : undefined);
      atName = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      atName = false;
    } else if (token === ',') {
      atName = open.at(-1) !== undefined;
    } else if (token === ':') {
      atName = false;
    } else {
      assertScalar(token, atName ? open.at(-1) : undefined);
    }
  }
}

function assertScalar(token: string, names: Set<string> | undefined): void {
  const value = JSON.parse(token) as unknown;
  if (typeof value === 'number' || typeof value === 'string') assertPortable(value);
  if (names === undefined) return;
  if (names.has(value as string)) throw new JsonError('a member name appears twice');
  names.add(value as string);
}
