// What a server comes to whose stores are full.
import type { Kind } from './kind.js';
import type { Tally } from './tally.js';
import { judge, type Answer, type Worth } from './verdict.js';

/** Judges an answer: 503 is right for what needs room in a store, whoever asks, and for nothing else. */
export function judgeFull({ expected, isPlain }: Kind, answer: Answer): Worth {
  return judge(expected, answer, isPlain !== true);
}

/** Whether no answer was wrong, and something was served. */
export function isSoundWhenFull(tally: Tally): boolean {
  const [right, unavailable] = [tally.total('right'), tally.total('unavailable')];
  return tally.total('right', 'good') > 0 && tally.judged() === right + unavailable;
}

/** The counts, and how many of all requests they are. */
export function describeFull(tally: Tally): string {
  const share = (count: number): string => `${((100 * count) / Math.max(1, tally.judged())).toFixed(1)}%`;
  const [right, unavailable] = [tally.total('right'), tally.total('unavailable')];
  const wrong = (['wrongly allowed', 'wrongly denied', 'other reason'] as const).map(
    (worth) => `${tally.total(worth)} ${worth}`,
  );
  const fine = [`${right} (${share(right)}) as expected`, `${unavailable} (${share(unavailable)}) with 503`];
  return [...fine, ...wrong].join(', ');
}
