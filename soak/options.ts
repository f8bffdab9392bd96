import { parseArgs } from 'node:util';

/** What is asked for on the command line. */
export interface SoakOptions {
  /** For how long there is traffic. */
  readonly seconds: number;
  /** Requests in a second. */
  readonly rate: number;
  /** In place of all that: so many requests through one process, in memory. */
  readonly requests: number | undefined;
}

const USAGE = 'usage: npm run soak -- [--minutes 2] [--seconds 120] [--rate 250] [--requests 1000000]';

/** @throws {TypeError} for an option that is unknown or no number above 0 */
export function readOptions(args: readonly string[]): SoakOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { minutes: text, seconds: text, rate: text, requests: text },
  });
  const number = (name: keyof typeof values): number | undefined => {
    const { [name]: value } = values;
    if (value === undefined) return undefined;
    if (!(Number(value) > 0)) throw new TypeError(`--${name} must be a number above 0; ${USAGE}`);
    return Number(value);
  };
  const seconds = number('seconds') ?? (number('minutes') ?? 2) * 60;
  return { seconds, rate: number('rate') ?? 250, requests: number('requests') };
}
