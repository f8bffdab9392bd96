import type { ServerResponse } from 'node:http';

/** Timers do not count the time that a machine sleeps, so the clock is asked again at least this often. */
const LONGEST_WAIT_MS = 60_000;

/** Calls `end` once the clock reaches a time, unless the response is closed before. */
export function endAt(res: ServerResponse, time: number, now: () => Date, end: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const left = time - now().getTime();
    // Written so that an invalid date ends the stream.
    if (left > 0) timer = setTimeout(wait, Math.min(left, LONGEST_WAIT_MS)).unref();
    else end();
  };
  res.once('close', () => {
    clearTimeout(timer);
  });
  wait();
}
