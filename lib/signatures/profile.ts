import { hasContent } from '../content.js';
import { coverageOf, MAX_COMPONENTS, type Coverage } from './coverage.js';
import type { Fields } from './message.js';

/** What signatures of this profile are for (RFC 9421 section 7.2.7). */
export const TAG = 'mcp-etdi';

/** Always covered. */
const ALWAYS = ['@method', '@target-uri'];
/** Covered where there is content. */
const CONTENT = ['content-type', 'content-digest'];
/** Covered where the message has them. */
const WHEN_PRESENT = [
  'authorization',
  'dpop',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'mcp-session-id',
  'last-event-id',
];
const PARAMETER_PREFIX = 'mcp-param-';

/** Coverages by their components: clients send few different sets of fields. */
const prepared = new Map<string, Coverage>();
const MAX_PREPARED = 64;

/** 16 random bytes take 22 characters of base64url; shorter ones can be guessed or repeat by chance. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{22,256}$/;

/** Whether a text may be the nonce of a signature. */
export function isNonce(text: string): boolean {
  return NONCE.test(text);
}

/** The components that a signature over this request covers, at least. */
export function requiredComponents(method: string, headers: Fields): readonly string[] {
  const present = WHEN_PRESENT.filter((name) => headers[name] !== undefined);
  const parameters = Object.keys(headers)
    .filter((name) => name.startsWith(PARAMETER_PREFIX) && headers[name] !== undefined)
    .sort();
  return [...ALWAYS, ...(hasContent(method, headers) ? CONTENT : []), ...present, ...parameters];
}

/** The coverage of a request that is about to be signed. */
export function coverageFor(method: string, headers: Fields): Coverage {
  const components = requiredComponents(method, headers);
  const name = components.join(' ');
  const known = prepared.get(name);
  if (known !== undefined) return known;
  const coverage = coverageOf(components);
  if (prepared.size < MAX_PREPARED) prepared.set(name, coverage);
  return coverage;
}

/**
 * The `Accept-Signature` value that asks for a signature over such a request (RFC 9421 section 5.1). Of a request with
 * more fields than a signature can cover it names the first.
 */
export function acceptSignature(method: string, headers: Fields): string {
  const names = requiredComponents(method, headers).slice(0, MAX_COMPONENTS);
  const components = names.map((name) => `"${name}"`);
  return `sig1=(${components.join(' ')});created;expires;tag="${TAG}"`;
}
