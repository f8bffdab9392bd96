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

/**
 * Whether a text is as `JSON.stringify` writes it, which knows no second member of a name, and nothing in it is ambiguous
 * all the same. Tells most texts from others in a fraction of the time.
 */
function isPlain(text: string, value: unknown): boolean {
  return !text.includes('\\') && isShallow(value, 0) && JSON.stringify(value) === text;
}

/** Whether a value is not nested too deeply and every number in it is safe. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) || !Number.isInteger(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_DEPTH) return false;
  for (const member of Object.values(value)) if (!isShallow(member, depth + 1)) return false;
  return true;
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
