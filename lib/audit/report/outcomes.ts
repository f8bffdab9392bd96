import type { AuditOutcome } from '../record.js';

/** How many ended how. */
export type Outcomes = Record<AuditOutcome, number>;

export const OUTCOMES: readonly AuditOutcome[] = ['allowed', 'denied', 'failed', 'aborted'];

export function noOutcomes(): Outcomes {
  return { allowed: 0, denied: 0, failed: 0, aborted: 0 };
}

export function sumOf(outcomes: Outcomes): number {
  return OUTCOMES.reduce((sum, outcome) => sum + outcomes[outcome], 0);
}

export function addTo(sum: Outcomes, more: Outcomes): void {
  for (const outcome of OUTCOMES) sum[outcome] += more[outcome];
}

/** `Allowed`, as a title. */
export function titleOf(outcome: AuditOutcome): string {
  return `${outcome.charAt(0).toUpperCase()}${outcome.slice(1)}`;
}
