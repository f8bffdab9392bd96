/** Base64url without padding (RFC 4648 section 5, RFC 7515 section 2), of bytes or of a text in UTF-8. */
export function toBase64url(data: string | Uint8Array): string {
  if (typeof data === 'string') return Buffer.from(data).toString('base64url');
  return (Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('base64url');
}

/**
 * The bytes of a base64url text, nothing for an empty one. Bytes have one spelling here: another one (RFC 4648 section
 * 3.5) is nothing too, since it would be a second text for what was signed, or may be used once.
 */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return text !== '' && bytes.toString('base64url') === text ? bytes : undefined;
}
