import type { JSONWebKeySet } from 'jose';
import { flag, listOf, object, optional, readOptions, text, type Check } from '../options.js';
import type { Checkpoint, SealedRecord } from './line.js';
import { openEvidence } from './trail/evidence.js';
import { TrailWalk } from './trail/walk.js';

/** Where a line is. */
export interface TrailPlace {
  /** The name of the file, as it was given. */
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
}

/**
 * What is wrong with a trail.
 *
 * `edited`: a record does not have the hash it had. `reordered`: records changed places. `inserted`: a record that
 * was not there. `removed`: records between others, or before the first, are gone. `malformed`: a line that is no
 * record. `truncated`: the end is gone. `rewritten`: another record than a checkpoint names. `checkpoint_invalid`: a
 * checkpoint that no known key has signed, or that is not about a record before it.
 */
export type TrailFault =
  'edited' | 'reordered' | 'inserted' | 'removed' | 'malformed' | 'truncated' | 'rewritten' | 'checkpoint_invalid';

export interface TrailFinding extends TrailPlace {
  readonly fault: TrailFault;
  /** The number of the record that is bad, or of the first that is gone. */
  readonly seq: number;
  /** One sentence for people. */
  readonly message: string;
}

export interface VerifyTrailOptions {
  /** The paths of the files of the trail, oldest first: `await trailFiles(file)`. */
  readonly files: readonly string[];
  /** The public keys that sign checkpoints, retired ones included. Without them no signature is verified. */
  readonly keys?: JSONWebKeySet;
  /** Checkpoints kept elsewhere, as `onCheckpoint` gave them: objects, or their `jws` alone. */
  readonly checkpoints?: readonly (Checkpoint | string)[];
  /**
   * Allows that the oldest files are not there, as where they were archived. Checkpoints about records in those are then
   * not compared, but for the last: the first record that is there names it. Default: false.
   */
  readonly partial?: boolean;
}

export interface TrailReport {
  /** Whether nothing is wrong. A torn end alone is what a crash leaves, and is not wrong. */
  readonly ok: boolean;
  /** The first bad record first. At most 100 are listed. */
  readonly findings: readonly TrailFinding[];
  readonly records: number;
  readonly files: number;
  readonly chain?: string;
  readonly first?: { readonly seq: number };
  readonly last?: { readonly seq: number; readonly hash: string };
  /** Half a line at the end of the last file. */
  readonly torn?: TrailPlace & { readonly bytes: number };
  /** Half lines of earlier crashes, each recorded by `trail_recovered`. */
  readonly recovered: number;
  /**
   * How many records at the end nobody vouches for: neither a key that is known nor a checkpoint kept elsewhere. They may
   * have been changed. 0 where all that is behind are the trail's own last checkpoints.
   */
  readonly unvouched: number;
  /** How many own checkpoints of the trail are at its end, behind all that is vouched for. */
  readonly closing: number;
  readonly checkpoints: {
    /** How many are in the trail. */
    readonly found: number;
    /** How many of those have a signature that was verified. */
    readonly verified: number;
    /** The last record under a checkpoint in the trail whose signature was verified, or 0. */
    readonly signedUntil: number;
    /** The last record that a checkpoint kept elsewhere was compared with and names, or 0. Behind it records may be cut off. */
    readonly keptUntil: number;
    /**
     * How many of those kept elsewhere were compared with a record: the one they are about, or the first, which names the
     * one before it. The others are about records that are not there, and show only which trail it is.
     */
    readonly compared: number;
  };
}

/** A record together with its place. */
export interface PlacedRecord extends SealedRecord, TrailPlace {}

const kept: Check = (value) =>
  typeof value === 'string' || typeof (value as Partial<Checkpoint> | null)?.jws === 'string'
    ? undefined
    : "must be a checkpoint, or its 'jws'";

/**
 * Verifies a trail offline: every hash, every link, every checkpoint.
 *
 * A chain alone shows what was changed inside it. Its end, and the whole of it, can be replaced unnoticed, unless a
 * checkpoint kept elsewhere says what was there.
 * @throws {TypeError} when an option is not what it must be
 */
export async function verifyTrail(options: VerifyTrailOptions): Promise<TrailReport> {
  return walkTrail(options);
}

/**
 * The same, which also hands on each record that it looks at, be it wrong or not: what is said about records is then
 * said about those that were verified, whoever swaps a file meanwhile.
 * @throws {TypeError} when an option is not what it must be
 */
export async function walkTrail(
  options: VerifyTrailOptions,
  onRecord?: (record: SealedRecord) => void,
): Promise<TrailReport> {
  const {
    files,
    keys,
    checkpoints = [],
    partial = false,
  } = readOptions<VerifyTrailOptions>('verifyTrail', options, {
    files: listOf(text),
    keys: optional(object),
    checkpoints: optional(listOf(kept)),
    partial: optional(flag),
  });
  return new TrailWalk(files, partial, await openEvidence(keys, checkpoints), onRecord).run();
}
