import { canonicalResource } from '../url.js';
import { isObject } from '../rpc.js';
import { readBindings, type Binding } from './binding.js';
import { TokenFault } from './fault.js';
import type { ClaimPath, Issuer } from './issuer.js';
import { member, type Members } from './jwt.js';

/** What claims are compared with. */
export interface Expected {
  /** Identifiers of this resource, in canonical form. */
  readonly audiences: ReadonlySet<string>;
  /** How far clocks may differ, in seconds. */
  readonly tolerance: number;
}

/** The claims that every accepted token has, by their meaning. */
export interface ReadClaims {
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** The time before which the token is not valid, in seconds since the epoch. */
  readonly notBefore: number;
  /** What the token is bound to. Nothing of it is proven yet. */
  readonly bindings: readonly Binding[];
}

const REQUIRED = ['exp', 'iat', 'jti'] as const;
/** The largest number of seconds that is a date. */
const MAX_SECONDS = 8.64e12;

/**
 * Requires of claims what RFC 9068 section 4 does, except who signed them: audience, lifetime, and the required claims.
 * @throws {TokenFault}
 */
export function readClaims(claims: Members, issuer: Issuer, expected: Expected, now: Date): ReadClaims {
  if (!isFor(member(claims, 'aud'), expected.audiences)) throw new TokenFault('audience');
  const { expiresAt, notBefore } = readLifetime(claims, expected.tolerance, now.getTime() / 1000);
  const bindings = readBindings(member(claims, 'cnf'));
  for (const name of REQUIRED) {
    if (member(claims, name) === undefined && !issuer.optionalClaims.includes(name)) throw bad(name);
  }
  return {
    subject: textOf(claims, ['sub']),
    clientId: textOf(claims, issuer.clientIdClaims),
    scopes: Object.freeze(wordsAt(claims, issuer.scopeClaims, splitScope)),
    roles: Object.freeze(wordsAt(claims, issuer.roleClaims, (role) => [role])),
    expiresAt,
    notBefore,
    bindings,
  };
}

function isFor(audience: unknown, accepted: ReadonlySet<string>): boolean {
  const list: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  return list.every((one) => typeof one === 'string') && list.some((one) => accepted.has(canonicalResource(one)));
}

function readLifetime(
  claims: Members,
  tolerance: number,
  seconds: number,
): Pick<ReadClaims, 'expiresAt' | 'notBefore'> {
  const expiresAt = secondsOf(claims, 'exp');
  if (expiresAt === undefined) throw bad('exp');
  if (seconds >= expiresAt + tolerance) throw new TokenFault('expired');
  const notBefore = Math.max(secondsOf(claims, 'nbf') ?? 0, secondsOf(claims, 'iat') ?? 0);
  if (seconds < notBefore - tolerance) throw new TokenFault('not_yet_valid');
  return { expiresAt, notBefore };
}

function secondsOf(claims: Members, name: string): number | undefined {
  const value = member(claims, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_SECONDS)) throw bad(name);
  return value;
}

/** The first of these claims that is there, a string with at least one character. */
function textOf(claims: Members, names: readonly string[]): string {
  const name = names.find((one) => member(claims, one) !== undefined) ?? names[0] ?? '';
  const value = member(claims, name);
  if (typeof value !== 'string' || value === '') throw bad(name);
  return value;
}

/** Everything listed under these claims, once each. What is not a word grants nothing. */
function wordsAt(claims: Members, paths: readonly ClaimPath[], split: (text: string) => readonly string[]): string[] {
  const words = paths.flatMap((path) => {
    const value = valueAt(claims, path);
    return (Array.isArray(value) ? value : [value]).flatMap((one: unknown) => {
      const word = isObject(one) ? one['value'] : one;
      return typeof word === 'string' ? split(word) : [];
    });
  });
  return [...new Set(words)].filter((word) => word !== '');
}

function splitScope(scope: string): readonly string[] {
  return scope.split(' ');
}

function valueAt(claims: Members, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const name of typeof path === 'string' ? [path] : path)
    value = isObject(value) ? member(value, name) : undefined;
  return value;
}

function bad(claim: string): TokenFault {
  return new TokenFault('claim', { claim });
}
