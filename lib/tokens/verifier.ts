import type { KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import type { Algorithm } from './algorithms.js';
import { readClaims, type Expected, type ReadClaims } from './claims.js';
import { TokenFault } from './fault.js';
import type { Issuer } from './issuer.js';
import { decodeJwt, member, type Members } from './jwt.js';
import { openKeySet, type KeySet, type KeySetOptions } from './keySet.js';
import type { Network } from './loadKeys.js';

/** What a token proved. */
export interface VerifiedToken extends ReadClaims {
  /** The exact `iss`. */
  readonly issuer: string;
  /** Every claim, frozen throughout. */
  readonly claims: Members;
  /** When it must be verified anew, in milliseconds since the epoch. Default: not before it ends. */
  readonly rememberUntil?: number;
}

export interface VerifierOptions extends Expected {
  readonly issuers: readonly Issuer[];
  readonly keySets: Required<KeySetOptions>;
  readonly network: Network;
  readonly now: () => Date;
}

/**
 * Verifies JWT access tokens of known issuers (RFC 9068 section 4, RFC 8725). What is cheap comes first: no key is
 * fetched and no signature computed for a token that could not be valid anyway.
 */
export type TokenVerifier = (token: string) => Promise<VerifiedToken>;

/**
 * Prepares a verifier. It throws `TokenFault` for a bad token and `Unavailable` when keys cannot be fetched.
 * @throws {TypeError} when a static key set has an unusable key
 */
export function tokenVerifier(options: VerifierOptions): TokenVerifier {
  const { issuers, keySets, network, now } = options;
  const known = new Map<unknown, { readonly issuer: Issuer; readonly keys: KeySet }>(
    issuers.map((issuer) => [issuer.issuer, { issuer, keys: openKeySet(issuer, keySets, network, now) }]),
  );
  return async (token) => {
    const { header, claims } = decodeJwt(token);
    const named = known.get(member(claims, 'iss'));
    if (named === undefined) throw new TokenFault('issuer');
    const { issuer, keys } = named;
    const { algorithm, kid } = readHeader(header, issuer);
    requireAccessToken(header, claims, issuer);
    const proven = readClaims(claims, issuer, options, now());
    const key = await keys.find(algorithm, kid);
    if (key === undefined) throw new TokenFault('key');
    await verifySignature(token, key, algorithm);
    return { ...proven, issuer: issuer.issuer, claims };
  };
}

/** `jku`, `jwk`, `x5u` and `x5c` are not read: a token does not choose its key (RFC 8725 section 3.10). */
function readHeader(header: Members, issuer: Issuer): { algorithm: Algorithm; kid: string | undefined } {
  const algorithm = issuer.algorithms.find((name) => name === member(header, 'alg'));
  if (algorithm === undefined) throw new TokenFault('algorithm');
  // No extension is understood here, so none may be critical (RFC 7515 section 4.1.11).
  if (member(header, 'crit') !== undefined) throw new TokenFault('critical');
  const kid = member(header, 'kid');
  if (kid !== undefined && typeof kid !== 'string') throw new TokenFault('header', { claim: 'kid' });
  return { algorithm, kid };
}

/** An ID token is not an access token, although the same server signed it (RFC 9068 section 2.1). */
function requireAccessToken(header: Members, claims: Members, issuer: Issuer): void {
  const typ = member(header, 'typ');
  if (isType(typ, 'at+jwt')) return;
  const loose = typ === undefined ? 'absent' : isType(typ, 'jwt') ? 'JWT' : undefined;
  if (loose === undefined || !issuer.acceptTyp.includes(loose)) throw new TokenFault('type');
  if (!issuer.isAccessToken(claims)) throw new TokenFault('type');
}

/** Compares media types, whose case and `application/` prefix do not count (RFC 7515 section 4.1.9). */
function isType(typ: unknown, expected: string): boolean {
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === expected;
}

async function verifySignature(token: string, key: KeyObject, algorithm: Algorithm): Promise<void> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] });
  } catch (cause) {
    if (cause instanceof errors.JOSEError) throw new TokenFault('signature', { cause });
    throw cause;
  }
}
