import type { Component } from './component.js';
import type { Coverage } from './coverage.js';
import { SignatureError } from './error.js';
import { fieldValue, STRUCTURED_FIELDS, type StructuredFields } from './field.js';
import type { Fields, Message, RequestMessage } from './message.js';
import { queryParameter } from './query.js';

/** Most of a base is the values of headers; a server takes 16 KiB of them. */
const MAX_BASE = 65_536;

/**
 * The bytes that a signature is made over (RFC 9421 section 2.5).
 *
 * `parameters` are the signature parameters as they follow the components, `;created=...`.
 * @throws {SignatureError} when the message cannot have such a signature
 */
export function signatureBase(
  message: Message,
  coverage: Coverage,
  parameters: string,
  known: StructuredFields = STRUCTURED_FIELDS,
): Uint8Array {
  let base = '';
  for (const component of coverage.components) {
    const value = componentValue(message, component, known);
    // A second line in a value would read as a further component.
    if (value.includes('\n') || value.includes('\r')) throw unprintable();
    base += `${component.identifier}: ${value}\n`;
    if (base.length > MAX_BASE) throw new SignatureError('too_many', 'A signature covers too much');
  }
  base += `"@signature-params": ${coverage.text}${parameters}`;
  const bytes = Buffer.from(base, 'utf8');
  // Only ASCII is as long in UTF-8 as it is in characters.
  if (bytes.byteLength !== base.length) throw unprintable();
  return bytes;
}

/**
 * The value of one component (RFC 9421 sections 2.1 and 2.2).
 * @throws {SignatureError} when the message does not have it
 */
export function componentValue(message: Message, component: Component, known: StructuredFields): string {
  const source = component.req ? requestOf(message) : message;
  if (component.name.startsWith('@')) return derivedValue(source, component);
  const lines = linesOf(component.tr ? source.trailers : source.headers, component.name);
  return fieldValue(lines, component, known);
}

function requestOf(message: Message): RequestMessage {
  if (!('status' in message) || message.request === undefined) throw missing();
  return message.request;
}

/** Own members only: no field name finds a method of `Object.prototype`. */
function linesOf(fields: Fields | undefined, name: string): readonly string[] {
  const lines = fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (lines === undefined || lines.length === 0) throw missing();
  return lines;
}

function derivedValue(source: Message, component: Component): string {
  if ('status' in source) {
    if (component.name === '@status') return String(source.status);
    throw missing();
  }
  const { target } = source;
  switch (component.name) {
    case '@method':
      return source.method;
    case '@target-uri':
      return target.uri;
    case '@authority':
      return target.authority;
    case '@scheme':
      return target.scheme;
    case '@request-target':
      return target.requestTarget;
    case '@path':
      return target.path;
    case '@query':
      return target.query;
    case '@query-param':
      return queryParameter(target.query, component.parameter ?? '');
    default:
      throw missing();
  }
}

function missing(): SignatureError {
  return new SignatureError('component_missing', 'A covered component is missing');
}

function unprintable(): SignatureError {
  return new SignatureError('component_unprintable', 'A covered value is not one line of ASCII');
}
