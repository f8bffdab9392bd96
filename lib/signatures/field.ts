import type { Component } from './component.js';
import { SignatureError } from './error.js';
import { parseDictionary, parseItem, parseList } from './parse.js';
import { serializeBytes, serializeDictionary, serializeItem, serializeList, serializeMember } from './serialize.js';
import type { StructuredType } from './structured.js';

/** Which fields are structured, by lower-case name. */
export type StructuredFields = ReadonlyMap<string, StructuredType>;

/** The structured fields of the standards that signatures go along with (RFC 9421, RFC 9530, RFC 9440). */
export const STRUCTURED_FIELDS: StructuredFields = new Map<string, StructuredType>([
  ['accept-signature', 'dictionary'],
  ['client-cert', 'item'],
  ['client-cert-chain', 'list'],
  ['content-digest', 'dictionary'],
  ['repr-digest', 'dictionary'],
  ['signature', 'dictionary'],
  ['signature-input', 'dictionary'],
  ['want-content-digest', 'dictionary'],
  ['want-repr-digest', 'dictionary'],
]);

const OBSOLETE_FOLD = /[ \t]*\r?\n[ \t]+/g;
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/**
 * The value of a field component (RFC 9421 section 2.1).
 * @throws {SignatureError} `component_missing`, `component_invalid`, `malformed`
 */
export function fieldValue(lines: readonly string[], component: Component, known: StructuredFields): string {
  if (component.bs) return lines.map(wrapped).join(', ');
  const type = known.get(component.name);
  const value = lines.length === 1 ? trimmed(lines[0] ?? '') : lines.map(trimmed).join(', ');
  if (component.key !== undefined) return dictionaryMember(value, component.key, type);
  return component.sf ? reserialized(value, type) : value;
}

/** Without the whitespace around it, and on one line. */
function trimmed(line: string): string {
  const unfolded = line.includes('\n') ? line.replace(OBSOLETE_FOLD, ' ') : line;
  let start = 0;
  let end = unfolded.length;
  while (start < end && isWhitespace(unfolded.charCodeAt(start))) start += 1;
  while (end > start && isWhitespace(unfolded.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === unfolded.length ? unfolded : unfolded.slice(start, end);
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Node hands header bytes on as Latin-1. */
function wrapped(line: string): string {
  const value = trimmed(line);
  if (BEYOND_LATIN1.test(value)) {
    throw new SignatureError('component_unprintable', 'A covered value has characters that are not bytes');
  }
  return serializeBytes(Buffer.from(value, 'latin1'));
}

function dictionaryMember(value: string, key: string, type: StructuredType | undefined): string {
  if (type !== 'dictionary') throw notStructured();
  const member = parseDictionary(value).get(key);
  if (member === undefined) throw new SignatureError('component_missing', 'A covered dictionary member is missing');
  return serializeMember(member);
}

function reserialized(value: string, type: StructuredType | undefined): string {
  if (type === 'dictionary') return serializeDictionary(parseDictionary(value));
  if (type === 'list') return serializeList(parseList(value));
  if (type === 'item') return serializeItem(parseItem(value));
  throw notStructured();
}

/** Guessing the type of an unknown field could read it otherwise than the signer did (RFC 9421 section 2.5). */
function notStructured(): SignatureError {
  return new SignatureError('component_invalid', 'A field is not known to be structured');
}
