import { createHmac, createSecretKey, hkdf, scrypt, timingSafeEqual, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { CompactEncrypt, compactDecrypt, type JWK } from 'jose';
import type { KeyRecord } from './keyRecord.js';
import { KeyStoreError } from './keyStoreError.js';
import { thumbprint } from './thumbprint.js';

const stretch = promisify<string, Uint8Array, number, object, Buffer>(scrypt);
const expand = promisify(hkdf);

/** OWASP's first choice for scrypt: 128 MiB and about 0.4 seconds, once for each opened store. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const LEAST_PASSPHRASE = 16;
const ENCODED_KEY = /^(?:[A-Za-z0-9+/]{43}=?|[A-Za-z0-9_-]{43}=?|[0-9A-Fa-f]{64})$/;
const HEX_KEY = /^[0-9A-Fa-f]{64}$/;

/** What a store is opened with: 32 random bytes, or a passphrase. */
export type StoreSecret =
  { readonly kind: 'key'; readonly bytes: Uint8Array } | { readonly kind: 'passphrase'; readonly text: string };

/** The two keys that protect one store. */
export interface StoreKeys {
  /** Encrypts private keys. */
  readonly encryption: KeyObject;
  /** Authenticates files. */
  readonly authentication: KeyObject;
}

/** What a secret option must be, or nothing when it is right. */
export function checkSecret(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return value.byteLength === 32 ? undefined : 'must be 32 bytes long';
  if (typeof value !== 'string') return 'must be 32 random bytes, their base64 or hexadecimal text, or a passphrase';
  if (value.length >= LEAST_PASSPHRASE) return undefined;
  return `must have at least ${LEAST_PASSPHRASE} characters; better, use the output of: openssl rand -base64 32`;
}

/** Tells the text of a 32-byte key from a passphrase, so that a program and the command line understand it alike. */
export function readSecret(secret: string | Uint8Array): StoreSecret {
  if (typeof secret !== 'string') return { kind: 'key', bytes: Uint8Array.from(secret) };
  if (!ENCODED_KEY.test(secret)) return { kind: 'passphrase', text: secret.normalize('NFKC') };
  return { kind: 'key', bytes: Buffer.from(secret, HEX_KEY.test(secret) ? 'hex' : 'base64') };
}

/** Derives the keys of a store. A passphrase is stretched first, which takes 128 MiB and a good part of a second. */
export async function deriveKeys(secret: StoreSecret, salt: Uint8Array): Promise<StoreKeys> {
  const input = secret.kind === 'key' ? secret.bytes : await stretch(secret.text, salt, 32, SCRYPT);
  const derive = async (use: string): Promise<KeyObject> =>
    createSecretKey(Buffer.from(await expand('sha256', input, salt, `mcp-etdi key store ${use}`, 32)));
  return { encryption: await derive('encryption'), authentication: await derive('authentication') };
}

/** Authenticates a text. */
export function macOf({ authentication }: StoreKeys, text: string): string {
  return createHmac('sha256', authentication).update(text).digest('base64url');
}

/** Whether a text is the one that was authenticated. */
export function isMacOf(keys: StoreKeys, text: string, mac: string): boolean {
  const [given, expected] = [Buffer.from(mac), Buffer.from(macOf(keys, text))];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

type Bound = Pick<KeyRecord, 'algorithm' | 'createdAt' | 'keyId' | 'purpose'>;

/** What the ciphertext of a private key is bound to: it opens as part of its own record only. */
const headerOf = ({ keyId, purpose, algorithm, createdAt }: Bound) => ({
  alg: 'dir',
  enc: 'A256GCM',
  cty: 'jwk+json',
  kid: keyId,
  key: { purpose, algorithm, createdAt },
});

/** Encrypts a private JWK for the record it belongs to (RFC 7516; direct encryption, A256GCM). */
export function seal({ encryption }: StoreKeys, record: Bound, privateJwk: JWK): Promise<string> {
  return new CompactEncrypt(Buffer.from(JSON.stringify(privateJwk)))
    .setProtectedHeader(headerOf(record))
    .encrypt(encryption);
}

/**
 * The private JWK of a record.
 * @throws {KeyStoreError} `store_changed` when the ciphertext is not of this store, or of another record
 */
export async function unseal({ encryption }: StoreKeys, record: Bound & { privateJwe: string }): Promise<JWK> {
  const { plaintext, protectedHeader } = await compactDecrypt(record.privateJwe, encryption, {
    keyManagementAlgorithms: ['dir'],
    contentEncryptionAlgorithms: ['A256GCM'],
  }).catch((cause: unknown) => {
    throw new KeyStoreError('store_changed', `the private key of '${record.keyId}' does not decrypt`, { cause });
  });
  const jwk = JSON.parse(Buffer.from(plaintext).toString()) as JWK;
  const bound = JSON.stringify(protectedHeader) === JSON.stringify(headerOf(record));
  if (!bound || thumbprint(jwk) !== record.keyId) {
    throw new KeyStoreError('store_changed', `the private key of '${record.keyId}' is that of another key`);
  }
  return jwk;
}
