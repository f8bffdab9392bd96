import { hash } from 'node:crypto';
import { assertPortable, JsonError, MAX_DEPTH } from './strict.js';

/** Names that were written before, with the colon behind them. */
const NAMES = new Map<string, string>();
const MOST_NAMES = 500;
const LONGEST_NAME = 64;
/** More names than this are left to the engine. */
const FEW = 16;
/** Texts in which nothing is escaped: printable ASCII but for quotes and backslashes. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * The canonical form of a JSON value (RFC 8785): one text for all encodings of it.
 * @throws {JsonError} for what JSON cannot say, and for what not every reader would read the same
 */
export function canonicalize(value: unknown): string {
  return write(value, 0);
}

/** `sha256:` and the SHA-256 of the canonical form, in lower-case hex. */
export function digestOf(value: unknown): string {
  return `sha256:${hash('sha256', canonicalize(value), 'hex')}`;
}

function write(value: unknown, depth: number): string {
  if (typeof value === 'string') return writeText(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    assertPortable(value);
    return String(value);
  }
  if (typeof value !== 'object') throw new JsonError('not a JSON value');
  if (depth === MAX_DEPTH) throw new JsonError('nested too deeply');
  return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
}

function writeText(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  assertPortable(value);
  return JSON.stringify(value);
}

// Both add to one text: a list of texts to join costs more than all else here.

function writeArray(values: readonly unknown[], depth: number): string {
  let text = '';
  // Not `map` or `forEach`, which skip the holes of a sparse array.
  for (const value of values) text += `${text === '' ? '[' : ','}${write(value, depth)}`;
  return text === '' ? '[]' : `${text}]`;
}

function writeObject(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new JsonError('not a plain object');
  const members = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const name of sorted(Object.keys(value))) {
    text += `${text === '' ? '{' : ','}${writeName(name)}${write(members[name], depth)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** The same few names stand in all that a schema describes. */
function writeName(name: string): string {
  const known = NAMES.get(name);
  if (known !== undefined) return known;
  const text = `${writeText(name)}:`;
  if (NAMES.size >= MOST_NAMES) NAMES.clear();
  if (name.length <= LONGEST_NAME) NAMES.set(name, text);
  return text;
}

/** By UTF-16 code units. An object has few names: what the engine prepares for many takes longer than to sort these. */
function sorted(names: string[]): readonly string[] {
  if (names.length > FEW) return names.sort();
  for (let next = 1; next < names.length; next += 1) {
    const name = names[next] ?? '';
    let place = next;
    for (; place > 0 && (names[place - 1] ?? '') > name; place -= 1) names[place] = names[place - 1] ?? '';
    names[place] = name;
  }
  return names;
}
