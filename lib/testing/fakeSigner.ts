import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWK } from 'jose';
import { importSignKey } from '../keys/algorithms.js';
import type { Signer, SigningKey } from '../keys/signer.js';
import { thumbprint } from '../keys/thumbprint.js';
import { signRequestFields } from '../signatures/signRequest.js';

/** A signer with a key of its own, and the key set that trusts it. */
export interface FakeSigner extends Signer {
  readonly jwks: JSONWebKeySet;
  readonly keyId: string;
}

/** A signer for tests. An RSA key takes a moment to generate. */
export async function fakeSigner(algorithm = 'ES256'): Promise<FakeSigner> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const keyId = thumbprint(await exportJWK(publicKey));
  const named: JWK = { alg: algorithm, use: 'sig', kid: keyId };
  const key = await importSignKey({ ...(await exportJWK(privateKey)), alg: algorithm });
  return {
    keyId,
    jwks: { keys: [{ ...(await exportJWK(publicKey)), ...named }] },
    current: () => Promise.resolve(key),
  };
}

/** A request to sign. */
export interface RequestToSign {
  /** Default: `POST`. */
  readonly method?: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes and strings are taken as they are, anything else as JSON. Default: none. */
  readonly body?: unknown;
}

/** How to sign it. Everything but the signer has a default. */
export interface SignRequestOptions {
  readonly signer: Signer;
  /** Seconds since the epoch. Default: now. */
  readonly created?: number;
  /** Seconds since the epoch. Default: a minute after `created`. */
  readonly expires?: number;
  /** Default: random. */
  readonly nonce?: string;
}

/** All headers of a signed request: those given, and `content-digest`, `signature-input` and `signature`. */
export async function signRequest(
  request: RequestToSign,
  options: SignRequestOptions,
): Promise<Record<string, string>> {
  const { url, body } = request;
  const method = (request.method ?? 'POST').toUpperCase();
  const { created = Math.floor(Date.now() / 1000), expires = created + 60, nonce = crypto.randomUUID() } = options;
  const key: SigningKey = await options.signer.current();
  const headers = new Headers(request.headers);
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
  const bytes = bytesOf(body);
  const parameters = { created, expires, nonce };
  const fields = await signRequestFields({ method, url: new URL(url), headers, body: bytes, key, parameters });
  return { ...Object.fromEntries(headers), ...fields };
}

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
