import { hash } from 'node:crypto';
import type { JWK } from 'jose';
import type { Check } from '../options.js';

/** The members that take part, in lexicographic order (RFC 7638 section 3.2, RFC 8037 section 2). */
const MEMBERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['EC', ['crv', 'kty', 'x', 'y']],
  ['OKP', ['crv', 'kty', 'x']],
  ['RSA', ['e', 'kty', 'n']],
]);

/** Curve names and base64url: nothing that JSON could write in two ways. */
const PLAIN = /^[A-Za-z0-9_-]+$/;
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/**
 * The SHA-256 thumbprint of a public or private JWK, base64url (RFC 7638): one name for one key, whoever writes it.
 * @throws {TypeError} for a symmetric or unknown key type, and when a required member is missing or not plain text
 */
export function thumbprint(jwk: JWK): string {
  const members = typeof jwk.kty === 'string' ? MEMBERS.get(jwk.kty) : undefined;
  if (members === undefined) throw new TypeError("a JWK needs 'kty' to be 'RSA', 'EC' or 'OKP'");
  const canonical: Record<string, string> = {};
  for (const name of members) {
    const value: unknown = jwk[name as keyof JWK];
    if (typeof value !== 'string' || !PLAIN.test(value)) {
      throw new TypeError(`a JWK of type ${jwk.kty} needs '${name}' to be a base64url string`);
    }
    canonical[name] = value;
  }
  return hash('sha256', JSON.stringify(canonical), 'base64url');
}

/** Whether a value has the form of such a thumbprint. */
export function isThumbprint(value: unknown): value is string {
  return typeof value === 'string' && THUMBPRINT.test(value);
}

export const keyThumbprint: Check = (value) =>
  isThumbprint(value) ? undefined : 'must be an RFC 7638 SHA-256 thumbprint';
