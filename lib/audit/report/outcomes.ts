import type { AuditOutcome } from '../record.js';

/** How a request ended, for people. `retried`: it was asked to come again, as with a nonce, and nothing was refused. */
export type Ending = AuditOutcome | 'retried';

/** How many ended how. */
export type Outcomes = Record<Ending, number>;

export const OUTCOMES: readonly Ending[] = ['allowed', 'denied', 'retried', 'failed', 'aborted'];

const TITLES: Readonly<Record<Ending, string>> = {
  allowed: 'Allowed',
  denied: 'Denied',
  retried: 'Asked to try again',
  failed: 'Failed',
  aborted: 'Aborted',
};

export function noOutcomes(): Outcomes {
  return { allowed: 0, denied: 0, retried: 0, failed: 0, aborted: 0 };
}

export function sumOf(outcomes: Outcomes): number {
  return OUTCOMES.reduce((sum, outcome) => sum + outcomes[outcome], 0);
}

export function addTo(sum: Outcomes, more: Outcomes): void {
  for (const outcome of OUTCOMES) sum[outcome] += more[outcome];
}

/** Those that have a column: a server without nonces asks nobody to try again. */
export function shownOf({ retried }: Outcomes): readonly Ending[] {
  return retried > 0 ? OUTCOMES : OUTCOMES.filter((outcome) => outcome !== 'retried');
}

/** `Allowed`, as a title. */
export function titleOf(outcome: Ending): string {
  return TITLES[outcome];
}
