import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Hooks } from '../middleware.js';
import { integer, optional, readOptions, type Check } from '../options.js';

/** How the nonces of a server are made. */
export interface NonceOptions {
  /**
   * What nonces are derived from, at least 32 bytes or characters that nobody can guess. All instances that serve one
   * resource need the same. Default: random, made when the process starts.
   */
  readonly secret?: string | Uint8Array;
  /** How long one nonce is given out, in seconds up to 300. It is accepted for as long again. Default: 60. */
  readonly seconds?: number;
}

/** Nonces without memory: whoever has the secret knows which ones are good. */
export interface Nonces {
  /** The one to give out now. */
  readonly current: () => string;
  readonly accepts: (nonce: string) => boolean;
}

const LEAST_SECRET = 32;

const secret: Check = (value) => {
  const long =
    typeof value === 'string' ? Buffer.byteLength(value) : value instanceof Uint8Array ? value.byteLength : 0;
  return long >= LEAST_SECRET ? undefined : `must be a string or bytes, at least ${LEAST_SECRET} long`;
};

/**
 * Makes nonces from the time (RFC 9449 section 8): one for each period, an HMAC over its number. Good are those of this
 * period, the one before it, and the next, which an instance whose clock is ahead may have given out.
 * @throws {TypeError} for an unknown option, or a value that is not what it must be
 */
export function openNonces(factory: string, options: NonceOptions, now: () => Date): Nonces {
  const given = readOptions<NonceOptions>(`${factory} 'nonces'`, options, {
    secret: optional(secret),
    seconds: optional(integer(1, 300)),
  });
  // A copy: whoever made the secret may wipe it.
  const key =
    typeof given.secret === 'string' ? Buffer.from(given.secret) : Buffer.from(given.secret ?? randomBytes(32));
  const milliseconds = (given.seconds ?? 60) * 1000;
  let known: { readonly period: number; readonly good: readonly string[] } | undefined;

  const good = (): readonly string[] => {
    const period = Math.floor(now().getTime() / milliseconds);
    if (known?.period !== period) {
      known = { period, good: [period, period - 1, period + 1].map((number) => nonceOf(key, number)) };
    }
    return known.good;
  };
  return {
    current: () => good()[0] ?? '',
    accepts: (nonce) => good().some((one) => isSame(one, nonce)),
  };
}

function nonceOf(key: Buffer, period: number): string {
  return createHmac('sha256', key).update(`mcp-etdi dpop nonce ${period}`).digest('base64url');
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Gives the next nonce to every caller who proves possession, so that no request is spent on asking for one. No cache may
 * keep it, which would give an old one to somebody else (RFC 9449 section 8.2).
 */
export function nonceHooks(nonces: Nonces | undefined): Pick<Hooks, 'headers'> {
  if (nonces === undefined) return {};
  return {
    headers: ({ request }) =>
      request.headers['dpop'] === undefined ? {} : { 'DPoP-Nonce': nonces.current(), 'Cache-Control': 'no-store' },
  };
}
