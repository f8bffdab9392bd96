import { randomBytes } from 'node:crypto';
import type { Signer } from '../lib/keys/signer.js';
import { callback, integer, object, optional, readOptions } from '../lib/options.js';
import { signRequestFields } from '../lib/signatures/signRequest.js';
import { secureUrl } from '../lib/url.js';

export interface SigningFetchOptions {
  /** Signs with the key that is active at the time: `keyStore.signer('request')`, or `externalSigner(...)`. */
  readonly signer: Signer;
  /** The URL of the MCP endpoint. Only requests to it are signed: others, such as those for tokens, pass untouched. */
  readonly resource: string;
  /** Sends the request. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
  /** The lifetime of a signature in seconds, up to 300. Default: 60. */
  readonly lifetime?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** Makes the nonce of a signature, at least 22 characters that nobody can guess. Default: 16 random bytes. */
  readonly newNonce?: () => string;
}

/**
 * A `fetch` that signs what it sends to one MCP endpoint, POST, GET and DELETE alike (RFC 9421, RFC 9530).
 *
 * Give it to an MCP client as the `fetch` option of its transport. Every attempt gets a signature of its own, made with
 * the key that is active then, so that a client follows its key store through rotation.
 * @throws {TypeError} when an option is not what it must be; later, for a body that is a stream: it cannot be signed
 */
export function signingFetch(options: SigningFetchOptions): typeof fetch {
  const given = readOptions<SigningFetchOptions>('signingFetch', options, {
    signer: object,
    resource: secureUrl,
    fetch: optional(callback),
    lifetime: optional(integer(1, 300)),
    now: optional(callback),
    newNonce: optional(callback),
  });
  const { signer, lifetime = 60, now = () => new Date() } = given;
  const { newNonce = () => randomBytes(16).toString('base64url'), fetch: send = fetch } = given;
  const endpoint = new URL(given.resource);

  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== endpoint.origin || url.pathname !== endpoint.pathname) return send(input, init);
    const { method, headers, body, rest } = await partsOf(input, init);
    const key = await signer.current();
    const created = Math.floor(now().getTime() / 1000);
    const parameters = { created, expires: created + lifetime, nonce: newNonce() };
    const fields = await signRequestFields({ method, url, headers, body, key, parameters });
    for (const [name, value] of Object.entries(fields)) headers.set(name, value);
    return send(url, { ...rest, method, headers, ...(body === undefined ? {} : { body }) });
  };
}

interface Parts {
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly rest: RequestInit;
}

/** `fetch` takes a request as its first argument, and parts of it as its second. */
async function partsOf(input: string | URL | Request, init: RequestInit = {}): Promise<Parts> {
  const { body, ...rest } = init;
  const base: Partial<Request> = input instanceof Request ? input : {};
  const { signal = base.signal, method = base.method ?? 'GET' } = init;
  const headers = new Headers(init.headers ?? base.headers);
  // What `fetch` would say of a text only while it sends it, and a signature covers.
  if (typeof body === 'string' && !headers.has('content-type')) headers.set('content-type', 'text/plain;charset=UTF-8');
  const bytes = body === undefined || body === null ? await bytesOfRequest(input) : bytesOf(body);
  return { method: method.toUpperCase(), headers, body: bytes, rest: { ...rest, ...(signal ? { signal } : {}) } };
}

async function bytesOfRequest(input: string | URL | Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!(input instanceof Request) || input.body === null) return undefined;
  return new Uint8Array(await input.clone().arrayBuffer());
}

function bytesOf(body: NonNullable<RequestInit['body']>): Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  if (body instanceof URLSearchParams) return new TextEncoder().encode(body.toString());
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  throw new TypeError('signingFetch: a body must be a string or bytes, so that its digest can be signed');
}
