/** Whitespace, backslashes, controls and half escapes: a URL parser repairs them, a proof must not need that. */
const REPAIRED = /[^\x21-\x5b\x5d-\x7e]|%(?![0-9A-Fa-f]{2})/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const UNRESERVED = /[A-Za-z0-9._~-]/;

/**
 * The form in which the target of a request is compared with `htu`: without query and fragment, after syntax-based and
 * scheme-based normalization (RFC 9449 section 4.3, RFC 3986 sections 6.2.2 and 6.2.3). Nothing for what is no http URL
 * of a server, without user information.
 */
export function proofUrl(url: string): string | undefined {
  if (!/^https?:\/\//i.test(url) || REPAIRED.test(url) || !URL.canParse(url)) return undefined;
  const { origin, username, password, pathname } = new URL(url);
  return username === '' && password === '' ? `${origin}${pathname.replace(ESCAPE, normalized)}` : undefined;
}

/** What need not be escaped is not, and all else is in capitals. */
function normalized(escape: string, hex: string): string {
  const character = String.fromCharCode(parseInt(hex, 16));
  return UNRESERVED.test(character) ? character : escape.toUpperCase();
}
