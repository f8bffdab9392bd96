import { hash } from 'node:crypto';
import { assertPortable, JsonError, MAX_DEPTH } from './strict.js';

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
    return JSON.stringify(value);
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
  for (const name of Object.keys(value).sort()) {
    text += `${text === '' ? '{' : ','}${writeText(name)}:${write(members[name], depth)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}
