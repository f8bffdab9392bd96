import { randomBytes } from 'node:crypto';
import { signerFor, type Signer } from '../lib/keys/signer.js';
import { callback, integer, optional, readOptions } from '../lib/options.js';
import { readRequest, urlOf } from '../lib/outgoingRequest.js';
import { isNonce } from '../lib/signatures/profile.js';
import { signRequestFields } from '../lib/signatures/signRequest.js';
import { secureUrl } from '../lib/url.js';

export interface SigningFetchOptions {
  /** Signs with the key that is active at the time: `keyStore.signer('request')`, or `externalSigner(...)`. */
  readonly signer: Signer;
  /**
   * The URL of the MCP endpoint. Requests to its origin and path are signed, whatever their query. Others, such as those
   * for metadata and tokens, pass untouched.
   */
  readonly resource: string;
  /** Sends the request, after nothing else changes it any more. Default: the system's `fetch`. */
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
 * the key that is active then, so that a client follows its key store through rotation. A redirect is not followed: a
 * signature for one URL proves nothing at another.
 * @throws {TypeError} when an option is not what it must be; later, for what cannot be signed: a body that is a stream,
 *   content without `Content-Type`, a covered header that is not ASCII
 * @throws {Unavailable} later, when the signer cannot reach its keys
 */
export function signingFetch(options: SigningFetchOptions): typeof fetch {
  const given = readOptions<SigningFetchOptions>('signingFetch', options, {
    signer: signerFor('request'),
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
    const url = urlOf(input);
    if (url.origin !== endpoint.origin || url.pathname !== endpoint.pathname) return send(input, init);
    const { method, headers, body, rest } = await readRequest('signingFetch', input, init);
    const key = await signer.current();
    const created = Math.floor(now().getTime() / 1000);
    const parameters = { created, expires: created + lifetime, nonce: newNonce() };
    if (!isNonce(parameters.nonce)) throw new TypeError("signingFetch: 'newNonce' must return 22 to 256 characters");
    const fields = await signRequestFields({ method, url, headers, body, key, parameters });
    for (const [name, value] of Object.entries(fields)) headers.set(name, value);
    // A text stays one, for what looks at it on its way: it is sent as the same bytes.
    const content = typeof init?.body === 'string' ? init.body : body;
    return send(url, { ...rest, method, headers, ...(content === undefined ? {} : { body: content }) });
  };
}
