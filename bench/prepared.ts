// Requests that differ from each other, sent over HTTP. They are made before the clock starts.
import autocannon from 'autocannon';
import type { Ship } from './fleet.js';
import { BODY } from './message.js';

const CONNECTIONS = 16;

export type Headers = Readonly<Record<string, string>>;

/** Sends each of these once, and counts on 200 for all of them. */
export async function fire({ url, contender }: Ship, requests: readonly Headers[]): Promise<void> {
  let next = 0;
  const setupRequest = (request: object): object => {
    // It prepares one more request for each connection than it sends.
    // A copy, since it adds a length to what it gets.
    const headers = { ...(requests[next] ?? requests.at(-1)) };
    next += 1;
    return { ...request, method: 'POST', body: BODY, headers };
  };
  const amount = requests.length;
  const result = await autocannon({
    url,
    connections: Math.min(CONNECTIONS, amount),
    amount,
    sampleInt: 4,
    requests: [{ setupRequest }],
  });
  const served = result['2xx'];
  if (served === amount) return;
  throw new Error(`${contender.name}: ${served} served, ${result.non2xx} denied, ${result.errors} lost of ${amount}`);
}

export interface Sample {
  readonly rps: number;
  readonly cpu: number;
}

/** Requests per second, and what each costs the server. */
export async function visit(
  ship: Ship,
  make: (amount: number) => Promise<readonly Headers[]>,
  amount: number,
): Promise<Sample> {
  // The caches of the machine have forgotten a process that was not visited for a while.
  await fire(ship, await make(Math.ceil(amount / 5)));
  const requests = await make(amount);
  const before = await ship.meter();
  const start = performance.now();
  await fire(ship, requests);
  const ms = performance.now() - start;
  const after = await ship.meter();
  return { rps: (amount * 1000) / ms, cpu: (after.cpu - before.cpu) / amount };
}
