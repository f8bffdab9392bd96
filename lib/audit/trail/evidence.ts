import type { JSONWebKeySet } from 'jose';
import { openTrust, type Trust } from '../../keys/trust.js';
import type { Checkpoint } from '../line.js';
import type { TrailFinding, TrailPlace } from '../verifyTrail.js';
import { isSigned, readCheckpoint } from './checkpoint.js';

/** What is known about a trail from elsewhere. */
export interface Evidence {
  /** The keys that sign checkpoints. None: signatures are not verified. */
  readonly trust: Trust | undefined;
  /** Checkpoints that were kept elsewhere and that count, by the number of their record. */
  readonly kept: ReadonlyMap<number, readonly Checkpoint[]>;
  /** What is wrong with those that do not count. */
  readonly findings: readonly TrailFinding[];
}

/** The place of a checkpoint that is in no file. */
const ELSEWHERE: TrailPlace = Object.freeze({ file: 'checkpoint', line: 0 });

/**
 * Reads and verifies checkpoints that were kept elsewhere.
 * @throws {TypeError} for keys that cannot be used
 */
export async function openEvidence(
  keys: JSONWebKeySet | undefined,
  checkpoints: readonly (Checkpoint | string)[],
): Promise<Evidence> {
  const trust =
    keys === undefined
      ? undefined
      : openTrust('verifyTrail', [{ owner: 'audit', jwks: keys }], {
          option: 'keys',
          purpose: 'audit',
          fetch,
          now: () => new Date(),
        });
  const kept = new Map<number, readonly Checkpoint[]>();
  const findings: TrailFinding[] = [];
  for (const given of checkpoints) {
    const checkpoint = readCheckpoint(typeof given === 'string' ? given.trim() : given.jws);
    if (checkpoint !== undefined && (trust === undefined || (await isSigned(checkpoint, trust)))) {
      kept.set(checkpoint.seq, [...(kept.get(checkpoint.seq) ?? []), checkpoint]);
    } else {
      const message = 'a checkpoint that was kept elsewhere is not signed by a known key';
      findings.push({ fault: 'checkpoint_invalid', seq: checkpoint?.seq ?? 0, ...ELSEWHERE, message });
    }
  }
  return { trust, kept, findings };
}
