import { readCompact, signCompact } from '../../definitions/compact.js';
import { verifyJws } from '../../definitions/jws.js';
import { canonicalize } from '../../json/canonical.js';
import { readStrictJson } from '../../json/strict.js';
import type { Signer } from '../../keys/signer.js';
import type { Trust } from '../../keys/trust.js';
import { isObject } from '../../rpc.js';
import type { Checkpoint } from '../line.js';

/** What a checkpoint is about. */
export type CheckpointFacts = Omit<Checkpoint, 'jws'>;

const HASH = /^[0-9a-f]{64}$/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const MOST_CHARACTERS = 8192;
/** A trail is verified for as long as it is kept; whether the key may still be believed is for its owner to say. */
const LIFETIME_MS = 100 * 365 * 24 * 3600 * 1000;

/**
 * Signs what a trail is now.
 * @throws {Unavailable} when the key cannot be reached
 */
export async function signCheckpoint(signer: Signer, facts: CheckpointFacts): Promise<Checkpoint> {
  const { chain, seq, hash, time } = facts;
  const payload = canonicalize({ chain, hash, seq, time });
  const issuedAt = new Date(time);
  const terms = { key: await signer.current(), issuedAt, expiresAt: new Date(issuedAt.getTime() + LIFETIME_MS) };
  const jws = await signCompact('etdi-checkpoint+jws', payload, chain, terms);
  return Object.freeze({ chain, seq, hash, time, jws });
}

/** Reads a checkpoint without verifying it. Nothing for what is none. */
export function readCheckpoint(jws: unknown): Checkpoint | undefined {
  if (typeof jws !== 'string') return undefined;
  const stated = readStrictJson(readCompact(jws, MOST_CHARACTERS)?.payload ?? '');
  if (!isObject(stated)) return undefined;
  const { chain, seq, hash, time } = stated;
  const isPlaced = typeof chain === 'string' && Number.isSafeInteger(seq) && (seq as number) > 0;
  if (!isPlaced || !matches(hash, HASH) || !matches(time, TIME) || Number.isNaN(Date.parse(time))) return undefined;
  return Object.freeze({ chain, seq: seq as number, hash, time, jws });
}

function matches(value: unknown, form: RegExp): value is string {
  return typeof value === 'string' && form.test(value);
}

/**
 * Whether a known key has signed a checkpoint, at whatever time.
 * @throws {Unavailable} when the key cannot be had
 */
export async function isSigned({ chain, time, jws }: Checkpoint, trust: Trust): Promise<boolean> {
  const read = readCompact(jws);
  if (read === undefined) return false;
  const facts = await verifyJws('etdi-checkpoint+jws', read.payload, read.signature, trust.find, new Date(time));
  return typeof facts === 'object' && facts.issuer === chain;
}
