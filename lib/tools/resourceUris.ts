/** The longest URI that is looked at. */
const MAX_URI = 8192;
/** In lower case, or of a letter, a digit or one of `-._~`: RFC 3986 section 6.2.2 writes it in another way. */
const UNTIDY_ESCAPE = /%(?:[0-9A-F]?[a-f]|2[DE]|3[0-9]|[46][1-9A-F]|5[0-9AF]|7[0-9AE])/;
/** What decoded would be taken for a separator, another escape or a control character. */
const LASTING = /%(?=2[35F]|3F|5C|7F|[01][0-9A-F])/g;

/** The URI in the form in which MCP SDKs look resources up; nothing when it is none, or has an untidy escape. */
export function normalUri(uri: string): string | undefined {
  if (uri.length > MAX_URI || !URL.canParse(uri)) return undefined;
  const normal = new URL(uri).toString();
  return hasUntidyEscape(normal) ? undefined : normal;
}

/** Whether an escape is one that nothing needs, or in lower case. */
export function hasUntidyEscape(text: string): boolean {
  return UNTIDY_ESCAPE.test(text);
}

/**
 * What a handler that decodes a text finds in it, whatever was escaped and however accents are composed. Escaped
 * separators, escapes and control characters stay escaped. Nothing when an escape is not UTF-8.
 */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replace(LASTING, '%25')).normalize('NFC');
  } catch {
    return undefined;
  }
}

/**
 * A normal URI decoded, without the slash at its end. When it has user information, port, query or fragment also
 * without these, as handlers read it that look at host and path alone. Nothing when an escape is not UTF-8.
 */
export function meaningsOf(normal: string): readonly string[] {
  const url = new URL(normal);
  url.username = url.password = url.port = url.search = url.hash = '';
  const short = url.toString();
  const whole = decoded(normal);
  const bare = short === normal ? whole : decoded(short);
  return whole === undefined || bare === undefined ? [] : [...new Set([whole, bare].map(withoutSlash))];
}

export function withoutSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text;
}
