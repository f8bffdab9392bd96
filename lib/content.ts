type Headers = Readonly<Record<string, readonly string[] | undefined>>;

/** Methods whose requests have no content that means anything (RFC 9110 section 9.3), and so no messages. */
const WITHOUT_CONTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);

/** Whether requests of a method carry messages. */
export function carriesMessages(method: string): boolean {
  return !WITHOUT_CONTENT.has(method);
}

/** Whether a request has content. Methods that carry it do, be it of no length. */
export function hasContent(method: string, headers: Headers): boolean {
  if (carriesMessages(method)) return true;
  const length = headers['content-length']?.[0] ?? '0';
  return length !== '0' || headers['transfer-encoding'] !== undefined;
}

/**
 * Whether a request may have content all the same, of which no header tells: over HTTP/2 (RFC 9113 section 8.1.1), where
 * the method is a header too, and a body needs no length.
 */
export function mayHideContent(method: string, headers: Headers): boolean {
  return headers[':method'] !== undefined && !hasContent(method, headers);
}
