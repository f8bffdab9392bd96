import { isUtf8 } from 'node:buffer';
import { fromBase64url, toBase64url } from '../base64url.js';
import { signJws, type DetachedSignature, type Purpose, type SigningTerms } from './jws.js';

/** A JWS in one text, taken apart. Nothing of it is proven. */
export interface CompactJws {
  readonly payload: string;
  readonly signature: DetachedSignature;
}

/** The compact serialization (RFC 7515 section 7.1). */
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/**
 * Signs a payload, and writes both as one text.
 * @throws {TypeError} for terms that end before they begin
 */
export async function signCompact(
  purpose: Purpose,
  payload: string,
  issuer: string,
  terms: SigningTerms,
): Promise<string> {
  const signed = await signJws(purpose, payload, issuer, terms);
  return `${signed.protected}.${toBase64url(payload)}.${signed.signature}`;
}

/** Takes such a text apart, without verifying it. Nothing for what is none, or is longer than `most` characters. */
export function readCompact(text: unknown, most: number = Infinity): CompactJws | undefined {
  if (typeof text !== 'string' || text.length > most) return undefined;
  const [, header = '', encoded = '', signature = ''] = COMPACT.exec(text) ?? [];
  const payload = fromBase64url(encoded);
  if (payload === undefined || !isUtf8(payload)) return undefined;
  return { payload: payload.toString(), signature: { protected: header, signature } };
}
