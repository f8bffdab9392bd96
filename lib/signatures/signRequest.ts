import type { SigningKey } from '../keys/signer.js';
import { contentDigest } from './contentDigest.js';
import { targetOfUrl } from './message.js';
import { coverageFor, hasContent, TAG } from './profile.js';
import { signMessage } from './sign.js';

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

/** The headers that sign a request: `signature-input`, `signature` and, where there is content, `content-digest`. */
export async function signRequestFields(request: UnsignedRequest): Promise<Record<string, string>> {
  const { method, url, body, key, parameters } = request;
  const headers: Record<string, readonly string[]> = {};
  request.headers.forEach((value, name) => {
    headers[name] = [value];
  });
  if (body !== undefined) headers['content-length'] = [String(body.byteLength)];
  const content = hasContent(method, headers);
  const digest = content ? { 'content-digest': contentDigest(body ?? new Uint8Array()) } : {};
  const all = { ...headers, ...(content ? { 'content-digest': [digest['content-digest'] ?? ''] } : {}) };
  const fields = await signMessage(
    { method, target: targetOfUrl(url), headers: all },
    { coverage: coverageFor(method, all), key, parameters: { ...parameters, keyid: key.keyId, tag: TAG } },
  );
  return { ...digest, ...fields };
}
