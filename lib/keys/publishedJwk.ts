import type { JWK } from 'jose';
import type { KeyPurpose } from './keyRecord.js';

/** The member of a published JWK that says what the key signs. Members that a reader does not know are ignored (RFC 7517 section 4). */
const PURPOSE_MEMBER = 'io.github.mcp-etdi/purpose';

const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use'] as const;

type PublishedJwk = JWK & { readonly [PURPOSE_MEMBER]?: unknown };

/** The members of a JWK that anybody may see, and no others: those of the public key, and what it is for. */
export function publicHalf(jwk: PublishedJwk): PublishedJwk {
  const names = [...PUBLIC_MEMBERS, PURPOSE_MEMBER] as const;
  return Object.fromEntries(names.flatMap((name) => (jwk[name] === undefined ? [] : [[name, jwk[name]]])));
}

/** A public JWK as it is published: for signatures, and for those of one purpose only. */
export function publishedJwk(jwk: JWK, purpose: KeyPurpose): PublishedJwk {
  return { ...publicHalf(jwk), use: 'sig', [PURPOSE_MEMBER]: purpose };
}

/** Whether a key may be used for a purpose: it states that one, or none, as keys of other software do. */
export function servesPurpose(jwk: PublishedJwk, purpose: KeyPurpose): boolean {
  return !Object.hasOwn(jwk, PURPOSE_MEMBER) || jwk[PURPOSE_MEMBER] === purpose;
}
