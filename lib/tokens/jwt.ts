import { fromBase64url } from '../base64url.js';
import { deepFreeze } from '../json/freeze.js';
import { parseStrictJson } from '../json/strict.js';
import { isObject } from '../rpc.js';
import { TokenFault } from './fault.js';

/** The largest token that is looked at, in characters. */
export const MAX_TOKEN_LENGTH = 16_384;

/** JSON may begin with blanks (RFC 8259 section 2), and with a byte order mark that a reader may pass over (section 8.1). */
const BEGINS_OBJECT = /^(?:\xef\xbb\xbf)?[ \t\n\r]*\{/;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The members of a JOSE header or a claims set. */
export type Members = Readonly<Record<string, unknown>>;

/** What a token says, before anything of it is verified. Frozen. */
export interface DecodedJwt {
  readonly header: Members;
  readonly claims: Members;
}

/** The segments of a token: the first two as they are, and the bytes of the signature. */
export interface JwtSegments {
  readonly header: string;
  readonly claims: string;
  readonly signature: Uint8Array;
}

/**
 * Takes a token in the compact form apart: three base64url segments (RFC 7515 section 7.1), each in its only spelling,
 * header and claims JSON objects that every reader reads the same (RFC 7493).
 * @throws {TokenFault} `size`, `format` or `header`
 */
export function decodeJwt(token: string): DecodedJwt {
  const { header, claims } = splitJwt(token);
  return { header: decodeSegment(header, 'header'), claims: decodeSegment(claims, 'format') };
}

/** @throws {TokenFault} `size` or `format` */
export function splitJwt(token: string): JwtSegments {
  if (token.length > MAX_TOKEN_LENGTH) throw new TokenFault('size');
  const segments = token.split('.');
  const [header, claims, signature] = segments;
  if (segments.length !== 3 || !header || !claims || !signature) throw new TokenFault('format');
  // Another spelling of the signature would be a second token that verifies.
  return { header, claims, signature: toBytes(signature) };
}

/** Whether nobody could take a token for a JWT in compact form: three segments, the first of which begins an object. */
export function isOpaque(token: string): boolean {
  const [header = '', ...others] = token.split('.', 4);
  return others.length !== 2 || !BEGINS_OBJECT.test(Buffer.from(header, 'base64url').toString('latin1'));
}

/** An own member: a token cannot inherit a claim from a polluted prototype. */
export function member(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

/**
 * The JSON object in a segment, frozen.
 * @throws {TokenFault} `format` for another spelling, else `reason`
 */
export function decodeSegment(segment: string, reason: 'header' | 'format'): Members {
  try {
    const text = UTF8.decode(toBytes(segment));
    const value = parseStrictJson(text);
    if (isObject(value)) return deepFreeze(value);
  } catch (error) {
    // A parser's message quotes what it read, so it is not kept.
    if (error instanceof TokenFault) throw error;
  }
  throw new TokenFault(reason);
}

function toBytes(segment: string): Buffer {
  const bytes = fromBase64url(segment);
  if (bytes === undefined) throw new TokenFault('format');
  return bytes;
}
