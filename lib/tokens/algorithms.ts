/** The JWS algorithms a token may be signed with: asymmetric ones only. `EdDSA` is the older name of `Ed25519` (RFC 9864). */
export type Algorithm =
  'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'Ed25519' | 'EdDSA';

/** The type of key an algorithm works with, and the curve where that has one. */
interface KeyKind {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
}

const KINDS: ReadonlyMap<string, KeyKind> = new Map(
  Object.entries({
    RS256: { kty: 'RSA' },
    RS384: { kty: 'RSA' },
    RS512: { kty: 'RSA' },
    PS256: { kty: 'RSA' },
    PS384: { kty: 'RSA' },
    PS512: { kty: 'RSA' },
    ES256: { kty: 'EC', crv: 'P-256' },
    ES384: { kty: 'EC', crv: 'P-384' },
    ES512: { kty: 'EC', crv: 'P-521' },
    Ed25519: { kty: 'OKP', crv: 'Ed25519' },
    EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  } satisfies Record<Algorithm, KeyKind>),
);

export const ALGORITHMS: readonly Algorithm[] = Object.freeze([...KINDS.keys()] as Algorithm[]);

/** What is allowed unless an issuer says otherwise. RS256 is mandatory to support (RFC 9068 section 4). */
export const DEFAULT_ALGORITHMS: readonly Algorithm[] = Object.freeze(['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA']);

/** One name for two spellings of one algorithm. */
export function canonicalAlgorithm(algorithm: string): string {
  return algorithm === 'EdDSA' ? 'Ed25519' : algorithm;
}

/**
 * The one algorithm that a key is used with, of those allowed (RFC 8725 section 3.1).
 * A key that names none gets the first that fits its type and curve.
 */
export function algorithmOf(
  key: { readonly kty?: unknown; readonly crv?: unknown; readonly alg?: unknown },
  allowed: readonly Algorithm[],
): string | undefined {
  const fitting = allowed.filter((name) => {
    const kind = KINDS.get(name);
    return kind?.kty === key.kty && (kind?.crv === undefined || kind.crv === key.crv);
  });
  const names = fitting.map(canonicalAlgorithm);
  if (key.alg === undefined) return names[0];
  const own = typeof key.alg === 'string' ? canonicalAlgorithm(key.alg) : undefined;
  return names.find((name) => name === own);
}
