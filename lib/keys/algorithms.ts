import { constants, createPrivateKey, createPublicKey, createVerify, sign, verify } from 'node:crypto';
import type { KeyObject, SignKeyObjectInput, Verify } from 'node:crypto';
import type { JWK } from 'jose';
import { thumbprint } from './thumbprint.js';

/** A signature algorithm of keys, by its JOSE name (RFC 7518 section 3.1, RFC 9864 section 2.2). */
export type KeyAlgorithm = 'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384' | 'ES512' | 'Ed25519';

/** A public key, prepared once: what it is called, and whether it made a signature. */
export interface VerifyKey {
  /** The RFC 7638 SHA-256 thumbprint. */
  readonly keyId: string;
  readonly algorithm: KeyAlgorithm;
  /** Whether this key signed `data`, a text being ASCII. A promise where the computation runs in the thread pool. */
  readonly verify: (data: Uint8Array | string, signature: Uint8Array) => boolean | Promise<boolean>;
}

/** A private key, prepared once. */
export interface SignKey {
  /** The RFC 7638 SHA-256 thumbprint. */
  readonly keyId: string;
  readonly algorithm: KeyAlgorithm;
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>;
}

interface Recipe {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
  readonly hash: string | null;
  /** Length of a signature in bytes. RSA: that of the modulus. */
  readonly bytes?: number;
  /** The name in the HTTP Signature Algorithms registry (RFC 9421 section 6.2.2), for those that have one. */
  readonly registered?: string;
  /** OpenSSL has no fast code for these curves: 0.7 and 1.5 milliseconds would hold up every other request. */
  readonly slow?: boolean;
}

const RECIPES: Readonly<Record<KeyAlgorithm, Recipe>> = {
  RS256: { kty: 'RSA', hash: 'sha256', registered: 'rsa-v1_5-sha256' },
  RS384: { kty: 'RSA', hash: 'sha384' },
  RS512: { kty: 'RSA', hash: 'sha512' },
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', bytes: 64, registered: 'ecdsa-p256-sha256' },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384', bytes: 96, registered: 'ecdsa-p384-sha384', slow: true },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512', bytes: 132, slow: true },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', hash: null, bytes: 64, registered: 'ed25519' },
};

/** Every supported algorithm. */
export const ALGORITHMS: readonly KeyAlgorithm[] = Object.freeze(Object.keys(RECIPES) as KeyAlgorithm[]);

/** `EdDSA` names two curves; RFC 9864 replaced it by one name for each. */
const ALIAS: ReadonlyMap<unknown, KeyAlgorithm> = new Map([['EdDSA', 'Ed25519']]);

const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;
export const PRIVATE_MEMBERS: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const MIN_RSA_BITS = 2048;
/** A larger modulus takes longer than a quarter of a millisecond. */
const MAX_RSA_BITS = 8192;
/** FIPS 186-5 appendix A.1.1 asks for more than 2^16; beyond 2^32 an exponent only costs time. */
const MIN_RSA_EXPONENT = 65_537n;
const MAX_RSA_EXPONENT = 2n ** 32n;
const SELF_TEST = new TextEncoder().encode('one key pair');

/**
 * Points of small order, without the sign bit. Signatures under such a key can be made by anyone
 * (RFC 8032 section 5.1.7 does not exclude them).
 */
const WEAK_ED25519: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** The name of an algorithm in the HTTP Signature Algorithms registry, if it has one (RFC 9421 section 3.3.7). */
export function registeredName(algorithm: KeyAlgorithm): string | undefined {
  return RECIPES[algorithm].registered;
}

/**
 * Prepares a public JWK, whose `alg` is the only algorithm it verifies.
 * @throws {TypeError} for a key that is private, symmetric, weak, not canonical, or made for another purpose
 */
export function importVerifyKey(jwk: JWK): VerifyKey {
  return readVerifyKey(jwk, false);
}

/** The same, which verifies in the thread pool whatever the algorithm: some more CPU, and no other request is held up. */
export function importPooledVerifyKey(jwk: JWK): VerifyKey {
  return readVerifyKey(jwk, true);
}

function readVerifyKey(jwk: JWK, inPool: boolean): VerifyKey {
  const algorithm = algorithmOf(jwk);
  const secret = PRIVATE_MEMBERS.find((name) => Object.hasOwn(jwk, name));
  if (secret !== undefined) throw new TypeError(`a public JWK has the private member '${secret}'; publish it without`);
  assertPurpose(jwk, 'verify');
  return verifyKey(jwk, algorithm, inPool);
}

/**
 * Prepares a private JWK, whose `alg` is the only algorithm it signs with. Its public half must belong to it.
 * @throws {TypeError} for a key that is public, symmetric, weak, not canonical, torn, or made for another purpose
 */
export async function importSignKey(jwk: JWK): Promise<SignKey> {
  const { key, matches } = readSignKey(jwk);
  // OpenSSL takes the public half as it is: a wrong one would only show in signatures that nobody can verify.
  const whole = await key.sign(SELF_TEST).then(
    (signature) => matches(SELF_TEST, signature),
    () => false,
  );
  if (!whole) throw new TypeError('the public and the private members of a JWK are not of one key pair');
  return key;
}

/**
 * Says at once what `importSignKey` would, but for a torn key, which only a signature shows.
 * @throws {TypeError} for a key that is public, symmetric, weak, not canonical, or made for another purpose
 */
export function assertSignKey(jwk: JWK): void {
  readSignKey(jwk);
}

function readSignKey(jwk: JWK): { readonly key: SignKey; readonly matches: VerifyKey['verify'] } {
  const algorithm = algorithmOf(jwk);
  if (typeof jwk.d !== 'string' || jwk.d === '') throw new TypeError("a private JWK needs the member 'd'");
  if (Object.hasOwn(jwk, 'oth')) throw new TypeError("an RSA key of more than two primes ('oth') is not supported");
  assertPurpose(jwk, 'sign');
  const { keyId, verify: matches } = verifyKey(jwk, algorithm);
  const secret = read(() => createPrivateKey({ key: jwk, format: 'jwk' }));
  return { key: signKey(keyId, algorithm, secret), matches };
}

function algorithmOf(jwk: JWK): KeyAlgorithm {
  const alg = ALIAS.get(jwk.alg) ?? ALGORITHMS.find((name) => name === jwk.alg);
  if (alg === undefined) throw new TypeError(`a JWK needs 'alg' to be one of ${ALGORITHMS.join(', ')}`);
  const { kty, crv } = RECIPES[alg];
  if (jwk.kty !== kty || (crv !== undefined && jwk.crv !== crv)) {
    throw new TypeError(`a JWK for ${alg} needs 'kty' to be '${kty}'${crv === undefined ? '' : ` and 'crv' '${crv}'`}`);
  }
  return alg;
}

/** RFC 7517 sections 4.2 and 4.3: what a key says about its use, it must say in favour of signatures. */
function assertPurpose(jwk: JWK, operation: 'sign' | 'verify'): void {
  if (jwk.use !== undefined && jwk.use !== 'sig') throw new TypeError("a JWK needs 'use' to be 'sig', or none");
  const operations: unknown = jwk.key_ops;
  if (operations === undefined) return;
  const fits = (one: unknown): boolean => one === 'sign' || one === 'verify';
  if (!Array.isArray(operations) || !operations.includes(operation) || !operations.every(fits)) {
    throw new TypeError(`a JWK needs 'key_ops' to be ['${operation}'], or none`);
  }
}

function verifyKey(jwk: JWK, algorithm: KeyAlgorithm, inPool = false): VerifyKey {
  const recipe = RECIPES[algorithm];
  const members = Object.fromEntries(
    PUBLIC_MEMBERS.flatMap((name) => (Object.hasOwn(jwk, name) ? [[name, jwk[name]]] : [])),
  );
  const key = read(() => createPublicKey({ key: members, format: 'jwk' }));
  const canonical = key.export({ format: 'jwk' }) as JWK;
  // A second spelling of the same key (leading zeros, padding) would give it a second thumbprint.
  const odd = PUBLIC_MEMBERS.find((name) => canonical[name] !== undefined && canonical[name] !== jwk[name]);
  if (odd !== undefined) throw new TypeError(`a JWK needs '${odd}' in its canonical form (RFC 7518 section 6)`);
  if (recipe.kty === 'RSA') assertStrongRsa(key);
  if (recipe.kty === 'OKP') assertStrongEd25519(canonical.x ?? '');
  const length = recipe.bytes ?? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  return Object.freeze({ keyId: thumbprint(canonical), algorithm, verify: verifier(recipe, key, length, inPool) });
}

function verifier({ hash, kty, slow }: Recipe, key: KeyObject, length: number, inPool: boolean): VerifyKey['verify'] {
  const input = withEncoding(kty, key);
  // The length goes first: it tells a DER-encoded ECDSA signature from the one form that is allowed.
  const fits = (signature: Uint8Array): boolean => signature.byteLength === length;
  if (slow !== true && !inPool) {
    if (hash === null) return (data, signature) => fits(signature) && verify(hash, bytesOf(data), input, signature);
    // Takes a few microseconds less than `verify`, and no copy of a text.
    return (data, signature) => fits(signature) && written(createVerify(hash), data).verify(input, signature);
  }
  return (data, signature) =>
    fits(signature) &&
    new Promise<boolean>((resolve, reject) => {
      verify(hash, bytesOf(data), input, signature, (error, matches) => {
        if (error === null) resolve(matches);
        else reject(error);
      });
    });
}

function written(verification: Verify, data: Uint8Array | string): Verify {
  return typeof data === 'string' ? verification.update(data, 'latin1') : verification.update(data);
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
}

function signKey(keyId: string, algorithm: KeyAlgorithm, key: KeyObject): SignKey {
  const { hash, kty, slow } = RECIPES[algorithm];
  const input = withEncoding(kty, key);
  const now = (data: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve) => {
      resolve(sign(hash, data, input));
    });
  const inPool = (data: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      sign(hash, data, input, (error, signature) => {
        if (error === null) resolve(signature);
        else reject(error);
      });
    });
  return Object.freeze({ keyId, algorithm, sign: slow === true || kty === 'RSA' ? inPool : now });
}

/** The key together with the one encoding of signatures that JOSE knows (RFC 7518 sections 3.3 and 3.4). */
function withEncoding(kty: Recipe['kty'], key: KeyObject): KeyObject | SignKeyObjectInput {
  if (kty === 'EC') return { key, dsaEncoding: 'ieee-p1363' };
  if (kty === 'RSA') return { key, padding: constants.RSA_PKCS1_PADDING };
  return key;
}

function assertStrongRsa(key: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) {
    throw new TypeError(`an RSA key needs ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`);
  }
  if (publicExponent < MIN_RSA_EXPONENT || publicExponent > MAX_RSA_EXPONENT || publicExponent % 2n === 0n) {
    throw new TypeError("an RSA key needs an odd exponent from 65537 to 2^32; use 'AQAB'");
  }
}

function assertStrongEd25519(x: string): void {
  const point = Buffer.from(x, 'base64url');
  point.writeUInt8(point.readUInt8(31) & 0x7f, 31);
  if (WEAK_ED25519.has(point.toString('hex'))) throw new TypeError('an Ed25519 key must not be a point of small order');
}

/** OpenSSL says what it dislikes in many ways; none of them repeats key material. */
function read(create: () => KeyObject): KeyObject {
  try {
    return create();
  } catch (cause) {
    throw new TypeError('the members of a JWK are not a key; generate a new one', { cause });
  }
}
