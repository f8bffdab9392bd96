import { hash } from 'node:crypto';
import { assertPortable, JsonError, MAX_DEPTH } from './strict.js';

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
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'string') {
    assertPortable(value);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new JsonError('not a JSON value');
  if (depth === MAX_DEPTH) throw new JsonError('nested too deeply');
  return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
}

function writeArray(values: readonly unknown[], depth: number): string {
  // Not `map`, which skips the holes of a sparse array.
  return `[${Array.from(values, (value) => write(value, depth)).join(',')}]`;
}

function writeObject(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new JsonError('not a plain object');
  const members = Object.keys(value)
    .sort()
    .map((name) => {
      assertPortable(name);
      return `${JSON.stringify(name)}:${write((value as Record<string, unknown>)[name], depth)}`;
    });
  return `{${members.join(',')}}`;
}
