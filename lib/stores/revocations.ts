import { hash } from 'node:crypto';
import { callback, integer, optional, readOptions } from '../options.js';
import { Expiring } from './expiring.js';

/** What a token can be revoked by: the id its issuer gave it, or its digest where it has none. */
export type RevokedToken =
  | {
      /** The exact `iss`. */
      readonly issuer: string;
      /** The `jti`. */
      readonly tokenId: string;
    }
  | {
      /** SHA-256 over the token, base64url: of what was sent, so it needs no token to be kept anywhere. */
      readonly digest: string;
    };

/** What a verified token says of itself, as far as a revocation can be about it. It holds no part of the token. */
export interface TokenFacts {
  readonly issuer: string;
  readonly subject: string;
  readonly clientId: string;
  /** The `jti`, where it has one. */
  readonly tokenId: string | undefined;
  /** Seconds since the epoch, where it says so. */
  readonly issuedAt: number | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** SHA-256 over the token, base64url. */
  readonly digest: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Remembers which tokens count no longer, although they have not expired. */
export interface RevocationStore {
  /**
   * Revokes a token until then, which should be its `exp` and the clock tolerance after it.
   * @throws {Unavailable} when the store could not remember it
   */
  readonly revoke: (token: RevokedToken, until: Date) => Promise<void>;
  /** @throws {Unavailable} when the store cannot tell: nothing is accepted then */
  readonly isRevoked: (token: TokenFacts) => boolean | Promise<boolean>;
}

export interface MemoryRevocationsOptions {
  /** How many tokens are held at the most. Beyond it revoking is `Unavailable`. Default: 100,000. */
  readonly max?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * A revocation store for one process, which forgets with it.
 * @throws {TypeError} when an option is not what it must be
 */
export function memoryRevocations(options: MemoryRevocationsOptions = {}): RevocationStore {
  const checked = readOptions<MemoryRevocationsOptions>('memoryRevocations', options, {
    max: optional(integer(1)),
    now: optional(callback),
  });
  const { max = 100_000, now = () => new Date() } = checked;
  const revoked = new Expiring<true>(max);
  return Object.freeze({
    // eslint-disable-next-line @typescript-eslint/require-await -- turns a throw into a rejection
    revoke: async (token: RevokedToken, until: Date) => {
      const time = now().getTime();
      if (until.getTime() > time) revoked.set(revocationKey(token), true, until.getTime(), time);
    },
    isRevoked: (token: TokenFacts) => {
      const time = now().getTime();
      return revocationKeysOf(token).some((key) => revoked.get(key, time) !== undefined);
    },
  });
}

/**
 * The key of a revocation. Nothing of the token can be read from it.
 * @throws {TypeError} when a token is named by neither its id nor its digest
 */
export function revocationKey(token: RevokedToken): string {
  if ('digest' in token) {
    if (typeof token.digest === 'string' && token.digest.length === 43) return `token:${token.digest}`;
  } else if (isText(token.issuer) && isText(token.tokenId)) {
    return `jti:${hash('sha256', JSON.stringify([token.issuer, token.tokenId]), 'base64url')}`;
  }
  throw new TypeError('revoke: name a token by { issuer, tokenId }, or by { digest } (SHA-256, base64url)');
}

/** Every key under which a token can have been revoked. */
export function revocationKeysOf({ issuer, tokenId, digest }: TokenFacts): readonly string[] {
  const byDigest = `token:${digest}`;
  return isText(tokenId) ? [byDigest, revocationKey({ issuer, tokenId })] : [byDigest];
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
