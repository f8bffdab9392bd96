import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { isObject } from '../rpc.js';
import { algorithmOf, canonicalAlgorithm, type Algorithm } from './algorithms.js';

/** The largest key set that is read, in keys. */
export const MAX_KEYS = 100;
const MIN_RSA_BITS = 2048;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const PUBLIC_MEMBERS = ['kty', 'n', 'e', 'crv', 'x', 'y'];

/** Which keys of a set may verify tokens. */
export interface KeyRules {
  readonly algorithms: readonly Algorithm[];
  /** Whether a key of the set belongs to this issuer. Default: every key does. */
  readonly ownsKey?: (jwk: Readonly<Record<string, unknown>>) => boolean;
}

/** The keys of one issuer that may verify tokens. */
export interface PublicKeys {
  /** The key with that id, or without an id the only one, for that algorithm; nothing when none or several would fit. */
  readonly find: (algorithm: string, kid: string | undefined) => KeyObject | undefined;
}

interface Candidate {
  readonly kid: string | undefined;
  readonly algorithm: string;
  readonly key: () => KeyObject | undefined;
}

/**
 * Takes the usable public keys of a fetched key set (RFC 7517) and leaves the others alone: symmetric keys, keys that
 * leaked their private members, keys for another use or algorithm, and RSA keys below 2048 bits.
 * @throws {TypeError} when it is not a key set, or has more than 100 keys
 */
export function readKeySet(document: unknown, rules: KeyRules): PublicKeys {
  return lookup(listKeys(document).flatMap((jwk) => asCandidate(jwk, rules) ?? []));
}

/**
 * Takes the public keys of a key set that a developer wrote down, every one of which must be usable.
 * @throws {TypeError} when one is not, with the reason
 */
export function readStaticKeySet(document: unknown, rules: KeyRules): PublicKeys {
  const candidates = listKeys(document).map((jwk, index) => {
    const problem = problemOf(jwk, rules);
    const candidate = problem === undefined ? asCandidate(jwk, rules) : undefined;
    if (candidate?.key() === undefined)
      throw new TypeError(`keys[${index}] ${problem ?? 'is not a valid public key (an RSA key needs 2048 bits)'}`);
    return candidate;
  });
  if (candidates.length === 0) throw new TypeError('has no keys');
  return lookup(candidates);
}

function listKeys(document: unknown): readonly unknown[] {
  const keys = isObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(keys)) throw new TypeError('is not a JSON Web Key Set');
  if (keys.length > MAX_KEYS) throw new TypeError(`has more than ${MAX_KEYS} keys`);
  return keys;
}

function lookup(candidates: readonly Candidate[]): PublicKeys {
  return {
    find: (algorithm, kid) => {
      const wanted = canonicalAlgorithm(algorithm);
      const [only, ...others] = candidates.filter(
        (one) => one.algorithm === wanted && (kid === undefined || one.kid === kid),
      );
      return others.length === 0 ? only?.key() : undefined;
    },
  };
}

function problemOf(jwk: unknown, rules: KeyRules): string | undefined {
  if (!isObject(jwk)) return 'is not a JSON Web Key';
  const leaked = PRIVATE_MEMBERS.find((name) => Object.hasOwn(jwk, name));
  if (leaked !== undefined) return `has the private member '${leaked}'; write down public keys only`;
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return "is not for signatures: 'use' must be 'sig'";
  const operations = jwk['key_ops'];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return "is not for verification: 'key_ops' must include 'verify'";
  }
  if (jwk['kid'] !== undefined && typeof jwk['kid'] !== 'string') return "has a 'kid' that is not a string";
  if (algorithmOf(jwk, rules.algorithms) === undefined) return 'is not for an allowed algorithm';
  return rules.ownsKey?.(jwk) === false ? 'belongs to another issuer' : undefined;
}

function asCandidate(jwk: unknown, rules: KeyRules): Candidate | undefined {
  if (!isObject(jwk) || problemOf(jwk, rules) !== undefined) return undefined;
  const algorithm = algorithmOf(jwk, rules.algorithms);
  if (algorithm === undefined) return undefined;
  let imported: { readonly key: KeyObject | undefined } | undefined;
  // Imported when first needed, once: an import costs as much as verifying a signature.
  return {
    kid: jwk['kid'] as string | undefined,
    algorithm,
    key: () => (imported ??= { key: importKey(jwk) }).key,
  };
}

function importKey(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  const members = PUBLIC_MEMBERS.filter((name) => jwk[name] !== undefined).map((name) => [name, jwk[name]]);
  try {
    const key = createPublicKey({ key: Object.fromEntries(members) as JsonWebKey, format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
    return bits < MIN_RSA_BITS ? undefined : key;
  } catch {
    return undefined;
  }
}
