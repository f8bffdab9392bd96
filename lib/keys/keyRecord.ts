import type { JWK } from 'jose';
import type { KeyAlgorithm } from './algorithms.js';

/** What a key signs. Keys of different purposes never stand in for each other (RFC 8725 section 3.12). */
export type KeyPurpose = 'request' | 'definition' | 'call-chain' | 'audit' | 'approval';

/** Every purpose. */
export const KEY_PURPOSES: readonly KeyPurpose[] = Object.freeze([
  'request',
  'definition',
  'call-chain',
  'audit',
  'approval',
]);

/**
 * Where a key is in its life.
 *
 * - `pending`: published, and does not sign yet, so that verifiers know it before they meet it
 * - `active`: published, and signs
 * - `retiring`: published, and signs no longer, so that what it signed still verifies
 * - `retired`: no longer published; kept on record, without its private half
 * - `revoked`: taken out at once, whatever it was before
 */
export type KeyState = 'pending' | 'active' | 'retiring' | 'retired' | 'revoked';

/** Every state. */
export const KEY_STATES: readonly KeyState[] = Object.freeze(['pending', 'active', 'retiring', 'retired', 'revoked']);

/** The states in which a key is part of the key set that verifiers see. */
export const PUBLISHED: readonly KeyState[] = Object.freeze(['pending', 'active', 'retiring']);

/** The keys of which one is active at a time. */
export interface Track {
  readonly purpose: KeyPurpose;
  readonly algorithm: KeyAlgorithm;
}

/** One key as the store remembers it. Times are milliseconds since the epoch; the state follows from them alone. */
export interface KeyRecord extends Track {
  readonly keyId: string;
  readonly publicJwk: JWK;
  /** The private JWK, encrypted. Absent once it has no more use. */
  readonly privateJwe?: string;
  readonly createdAt: number;
  readonly activeAt: number;
  readonly retiringAt?: number;
  readonly retiredAt?: number;
  readonly revokedAt?: number;
}

/** What a store tells about a key. */
export interface KeyInfo extends Track {
  /** The RFC 7638 SHA-256 thumbprint. */
  readonly keyId: string;
  readonly state: KeyState;
  readonly createdAt: Date;
  /** When it signs, or is going to. */
  readonly activeAt: Date;
  /** When it stops signing, once that is known. */
  readonly retiringAt?: Date;
  /** When it leaves the key set, once that is known. */
  readonly retiredAt?: Date;
  readonly revokedAt?: Date;
}

/** The state of a key at a point in time. */
export function stateAt({ activeAt, retiringAt, retiredAt, revokedAt }: KeyRecord, time: number): KeyState {
  if (revokedAt !== undefined) return 'revoked';
  if (time < activeAt) return 'pending';
  if (retiringAt === undefined || time < retiringAt) return 'active';
  return retiredAt === undefined || time < retiredAt ? 'retiring' : 'retired';
}

/** A key without what only the store itself needs. */
export function describe(record: KeyRecord, time: number): KeyInfo {
  const { keyId, purpose, algorithm, createdAt, activeAt, retiringAt, retiredAt, revokedAt } = record;
  return Object.freeze({
    keyId,
    purpose,
    algorithm,
    state: stateAt(record, time),
    createdAt: new Date(createdAt),
    activeAt: new Date(activeAt),
    ...(retiringAt === undefined ? {} : { retiringAt: new Date(retiringAt) }),
    ...(retiredAt === undefined ? {} : { retiredAt: new Date(retiredAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: new Date(revokedAt) }),
  });
}
