import { hasContent } from '../content.js';
import type { SigningKey } from '../keys/signer.js';
import { contentDigest } from './contentDigest.js';
import { SignatureError } from './error.js';
import { targetOfUrl, type Fields, type RequestMessage } from './message.js';
import { coverageFor, TAG } from './profile.js';
import { signMessage, type SignatureFields, type SignatureParameters } from './sign.js';

/** A request that is about to be sent. */
export interface UnsignedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
  readonly key: SigningKey;
  /** Seconds since the epoch, and what nobody can guess. */
  readonly parameters: { readonly created: number; readonly expires: number; readonly nonce: string };
}

/**
 * The headers that sign a request: `signature-input`, `signature` and, where there is content, `content-digest`.
 * @throws {TypeError} for a request that cannot be signed
 */
export async function signRequestFields(request: UnsignedRequest): Promise<Record<string, string>> {
  const { method, url, body, key, parameters } = request;
  const length = body === undefined ? {} : { 'content-length': [String(body.byteLength)] };
  const headers: Fields = { ...linesOf(request.headers), ...length };
  const content = hasContent(method, headers);
  if (content && headers['content-type'] === undefined) {
    throw new TypeError('a signed request with content needs a Content-Type, which the signature covers');
  }
  const digest = content ? { 'content-digest': contentDigest(body ?? new Uint8Array()) } : {};
  const lines = linesOf(Object.entries(digest));
  const message = { method, target: targetOfUrl(url), headers: { ...headers, ...lines } };
  return { ...digest, ...(await sign(message, key, { ...parameters, keyid: key.keyId, tag: TAG })) };
}

function linesOf(entries: Iterable<[string, string]>): Fields {
  return Object.fromEntries(Array.from(entries, ([name, value]) => [name, [value]]));
}

async function sign(
  message: RequestMessage,
  key: SigningKey,
  parameters: SignatureParameters,
): Promise<SignatureFields> {
  const coverage = coverageFor(message.method, message.headers);
  try {
    return await signMessage(message, { coverage, key, parameters });
  } catch (cause) {
    if (!(cause instanceof SignatureError)) throw cause;
    throw new TypeError('a signed request needs its covered headers and parameters to be ASCII', { cause });
  }
}
