import { SignatureError } from './error.js';
import { isInnerList } from './structured.js';
import type { BareItem, Dictionary, Item, List, Member, Parameters } from './structured.js';

/* Structured fields in their one canonical text (RFC 9651 section 4.1). */

const KEY = /^[a-z*][a-z0-9_\-.*]*$/;
const TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/;
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const PRINTABLE = /^[\x20-\x7e]*$/;
const MAX_INTEGER = 999_999_999_999_999;
const MAX_DECIMAL = 999_999_999_999.999;

/** @throws {SignatureError} `malformed` for what no structured field can hold */
export function serializeDictionary(dictionary: Dictionary): string {
  return Array.from(dictionary, ([key, member]) => {
    const isTrue = !isInnerList(member) && member.item.type === 'boolean' && member.item.value;
    return serializeKey(key) + (isTrue ? serializeParameters(member.parameters) : `=${serializeMember(member)}`);
  }).join(', ');
}

/** @throws {SignatureError} `malformed` for what no structured field can hold */
export function serializeList(list: List): string {
  return list.map(serializeMember).join(', ');
}

/** @throws {SignatureError} `malformed` for what no structured field can hold */
export function serializeMember(member: Member): string {
  if (!isInnerList(member)) return serializeItem(member);
  return `(${member.items.map(serializeItem).join(' ')})${serializeParameters(member.parameters)}`;
}

/** @throws {SignatureError} `malformed` for what no structured field can hold */
export function serializeItem({ item, parameters }: Item): string {
  return serializeBareItem(item) + serializeParameters(parameters);
}

/** @throws {SignatureError} `malformed` for what no structured field can hold */
export function serializeParameters(parameters: Parameters): string {
  let text = '';
  for (const [key, value] of parameters) {
    text += `;${serializeKey(key)}`;
    if (value.type !== 'boolean' || !value.value) text += `=${serializeBareItem(value)}`;
  }
  return text;
}

/**
 * A key of a dictionary or of a parameter (RFC 9651 section 4.1.1.3).
 * @throws {SignatureError} `malformed` for what no structured field can hold
 */
export function serializeKey(key: string): string {
  return checked(KEY, key);
}

/** A byte sequence (RFC 9651 section 4.1.8). */
export function serializeBytes(bytes: Uint8Array): string {
  return `:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}:`;
}

function serializeBareItem(item: BareItem): string {
  switch (item.type) {
    case 'integer':
      return serializeInteger(item.value);
    case 'decimal':
      return serializeDecimal(item.value);
    case 'string':
      return serializeString(item.value);
    case 'token':
      return checked(TOKEN, item.value);
    case 'bytes':
      return serializeBytes(item.value);
    case 'boolean':
      return item.value ? '?1' : '?0';
    case 'date':
      return `@${serializeInteger(item.value)}`;
  }
}

function serializeInteger(value: number): string {
  if (!Number.isInteger(value) || Math.abs(value) > MAX_INTEGER) throw unserializable();
  return String(value);
}

function serializeDecimal(value: number): string {
  if (!(Math.abs(value) <= MAX_DECIMAL)) throw unserializable();
  return (Number(value.toFixed(3)) || 0).toFixed(3).replace(/0{1,2}$/, '');
}

function serializeString(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  return `"${checked(PRINTABLE, value).replace(/["\\]/g, '\\$&')}"`;
}

function checked(pattern: RegExp, value: string): string {
  if (!pattern.test(value)) throw unserializable();
  return value;
}

function unserializable(): SignatureError {
  return new SignatureError('malformed', 'A value has no form as a structured field');
}
