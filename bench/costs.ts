// What the checks add: CPU per request over the baseline, always of the same round.
import type { Contender } from './contenders/contender.js';
import { SDK_BEARER_AUTH } from './contenders/express.js';
import { THREE_CHECKS } from './contenders/ours.js';
import { pairwise } from './harness.js';
import { figureOf, record, say, type Figure } from './report.js';

/** CPU per request in microseconds, one sample for each round. */
export type Samples = ReadonlyMap<Contender, readonly number[]>;

/** The most that three checks may add, in times of what one check of the SDK adds. */
const TARGET = 0.4;

/** The CPU that a contender adds to its baseline, round by round. */
export function addedBy(contender: Contender, samples: Samples): readonly number[] {
  return pairwise(samples.get(contender) ?? [], baselineOf(contender, samples), (value, base) => value - base);
}

export function baselineOf({ baseline }: Contender, samples: Samples): readonly number[] | undefined {
  return [...samples].find(([{ name }]) => name === baseline)?.[1];
}

/** Compares three checks of this package with one of the SDK, and says so. */
export function headline(bench: string, algorithm: string, samples: Samples): void {
  const added = (wanted: string): readonly number[] => {
    const found = [...samples.keys()].find(({ name }) => name === wanted);
    return found === undefined ? [] : addedBy(found, samples);
  };
  const ours = added(THREE_CHECKS);
  const theirs = added(SDK_BEARER_AUTH);
  if (ours.length === 0 || theirs.length === 0) return;
  const ratio = figureOf(pairwise(ours, theirs, (value, other) => value / other));
  const figures = { ours: figureOf(ours), theirs: figureOf(theirs), ratio };
  record({ bench, algorithm, headline: figures, target: TARGET });
  say(
    `=> ${algorithm}, ${bench}: three checks add ${text(figures.ours)} us, requireBearerAuth + jose adds ` +
      `${text(figures.theirs)} us, ratio ${text(ratio, 2)} (target <= ${TARGET}: ${ratio.median <= TARGET ? 'met' : 'MISSED'})`,
  );
}

function text({ low, median, high }: Figure, digits = 1): string {
  return `${median.toFixed(digits)} [${low.toFixed(digits)} .. ${high.toFixed(digits)}]`;
}
