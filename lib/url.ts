import type { Check } from './options.js';

/** Whitespace and backslashes: a URL parser repairs them, an identifier must not need that. */
const REPAIRED = /[\s\\]/;

/** Whether a host name, as `URL` prints it, is this very machine. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}

/** Allows an absolute https URL, or an http one on loopback, without user information and fragment (RFC 8707 section 2). */
export const secureUrl: Check = (value) => {
  const url = typeof value === 'string' && !REPAIRED.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined) return 'must be an absolute URL';
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    return 'must be an https URL (http is for loopback only)';
  }
  if (url.username !== '' || url.password !== '') return 'must not carry user information';
  return url.href.includes('#') ? 'must not have a fragment' : undefined;
};

/**
 * The form in which resource identifiers are compared: scheme and host in lower case, no default port, no trailing slash.
 * What is not an http or https URL, such as `api://orders`, is compared as it is.
 */
export function canonicalResource(identifier: string): string {
  if (!/^https?:\/\//i.test(identifier) || REPAIRED.test(identifier) || !URL.canParse(identifier)) return identifier;
  const { origin, username, pathname, search, hash } = new URL(identifier);
  return username === '' ? `${origin}${pathname.replace(/\/$/, '')}${search}${hash}` : identifier;
}

/** Where the protected resource metadata of a resource is: the well-known path goes before its own (RFC 9728 section 3.1). */
export function metadataUrl(resource: string): string {
  return insertWellKnown(canonicalResource(resource), 'oauth-protected-resource');
}

/** Puts `/.well-known/<name>` between the host and the path of a URL (RFC 8414 section 3.1). */
export function insertWellKnown(identifier: string, name: string): string {
  const { origin, pathname, search } = new URL(identifier);
  return `${origin}/.well-known/${name}${pathname.replace(/\/$/, '')}${search}`;
}
