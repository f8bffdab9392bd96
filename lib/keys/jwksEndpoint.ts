import { hash } from 'node:crypto';
import type { JSONWebKeySet } from 'jose';
import { Unavailable } from '../denial.js';
import type { Endpoint, EndpointRequest, EndpointResponse } from '../endpoint.js';
import { publicHalf } from './publishedJwk.js';

/** Whatever has public keys to show: a key store, an external signer. */
export interface PublishedKeys {
  readonly jwks: () => Promise<JSONWebKeySet>;
  /** For how many seconds a key is published before it signs. */
  readonly publishFor?: number;
}

/** Once a key is revoked, verifiers that keep to the standard go on with it for as long as this, in seconds. */
const LONGEST_CACHE = 300;
const PATH = /^\/[^?#]*$/;

/**
 * Publishes the public keys as a JWK Set (RFC 7517 section 5).
 *
 * It may be cached for at most five minutes, and for half of the time that a key is published before it signs, so that
 * verifiers know every key before they meet it.
 * @throws {TypeError} for a path that is not one, or sources without `jwks`
 */
export function jwksEndpoint(
  sources: PublishedKeys | readonly PublishedKeys[],
  path = '/.well-known/jwks.json',
): Endpoint {
  const list = [sources].flat();
  if (
    list.length === 0 ||
    list.some((one) => typeof (one as Partial<PublishedKeys> | undefined)?.jwks !== 'function')
  ) {
    throw new TypeError('jwksEndpoint: pass what openKeyStore({ ... }) or externalSigner({ ... }) returns');
  }
  if (!PATH.test(path)) throw new TypeError("jwksEndpoint: 'path' must start with '/' and have no query");
  const maxAge = Math.floor(Math.min(LONGEST_CACHE, ...list.map(({ publishFor = Infinity }) => publishFor / 2)));
  return Object.freeze({
    paths: Object.freeze([path]),
    handle: async (request: EndpointRequest): Promise<EndpointResponse> => {
      if (!['GET', 'HEAD'].includes(request.method)) return { status: 405, headers: { Allow: 'GET, HEAD' }, body: '' };
      try {
        const sets = await Promise.all(list.map((one) => one.jwks()));
        return respond(request, JSON.stringify({ keys: sets.flatMap(({ keys }) => keys.map(publicHalf)) }), maxAge);
      } catch (cause) {
        if (!(cause instanceof Unavailable)) throw cause;
        return { status: 503, headers: { ...cause.headers, 'Cache-Control': 'no-store' }, body: '' };
      }
    },
  });
}

function respond({ headers: asked }: EndpointRequest, body: string, maxAge: number): EndpointResponse {
  const etag = `"${hash('sha256', body, 'base64url')}"`;
  const headers = {
    'Access-Control-Allow-Origin': '*',
    'Cache-Control': `public, max-age=${maxAge}`,
    ETag: etag,
    'X-Content-Type-Options': 'nosniff',
  };
  if (isKnown(asked['if-none-match'], etag)) return { status: 304, headers, body: '' };
  return { status: 200, headers: { ...headers, 'Content-Type': 'application/jwk-set+json' }, body };
}

/** RFC 9110 section 13.1.2: the comparison is weak. */
function isKnown(lines: readonly string[] | undefined, etag: string): boolean {
  const tags = (lines ?? []).flatMap((line) => line.split(',')).map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}
