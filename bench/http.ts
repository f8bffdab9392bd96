// Requests per second and server CPU over HTTP: 32 kept-alive connections against one server process at a time.
import autocannon from 'autocannon';
import { addedBy, baselineOf, headline } from './costs.js';
import type { Fleet, Ship } from './fleet.js';
import { inRounds, pairwise, ROUNDS, sliceMs } from './harness.js';
import { BODY, headersWith } from './message.js';
import { figureOf, table } from './report.js';

const CONNECTIONS = 32;
const WARM_UP_SECONDS = 1;

interface Sample {
  readonly rps: number;
  readonly cpu: number;
  readonly p99: number;
}

export async function benchHttp({ setup: { algorithm }, token, ships }: Fleet): Promise<void> {
  const counts = new Map<Ship, number>();
  for (const ship of ships) {
    const { requests } = await fire(ship, token, { duration: WARM_UP_SECONDS });
    counts.set(ship, Math.round((requests * sliceMs(400)) / (WARM_UP_SECONDS * 1000)));
  }
  const measured = await inRounds(ships, ROUNDS, (ship) => visit(ship, token, counts.get(ship) ?? CONNECTIONS));
  const of = (key: keyof Sample) =>
    new Map([...measured].map(([{ contender }, values]) => [contender, values.map((sample) => sample[key])]));
  const [rps, cpu, p99] = [of('rps'), of('cpu'), of('p99')];
  const lines = [...rps].map(([contender, values]) => ({
    name: contender.name,
    figures: {
      'requests/s': figureOf(values),
      'x baseline': figureOf(pairwise(values, baselineOf(contender, rps), (value, base) => value / base)),
      'server CPU us/request': figureOf(cpu.get(contender) ?? []),
      'added us': figureOf(addedBy(contender, cpu)),
      'p99 ms': figureOf(p99.get(contender) ?? []),
    },
  }));
  const title = `${algorithm}, HTTP, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds`;
  table(title, { bench: 'http', algorithm }, lines);
  headline('HTTP', algorithm, cpu);
}

async function visit(ship: Ship, token: string, amount: number): Promise<Sample> {
  // The caches of the machine have forgotten a process that was not visited for a while.
  await fire(ship, token, { amount: Math.max(Math.ceil(amount / 5), CONNECTIONS) });
  const before = await ship.meter();
  const { requests, ms, p99 } = await fire(ship, token, { amount: Math.max(amount, CONNECTIONS) });
  const after = await ship.meter();
  return { rps: (requests * 1000) / ms, cpu: (after.cpu - before.cpu) / requests, p99 };
}

async function fire(
  { url, contender }: Ship,
  token: string,
  length: { readonly duration: number } | { readonly amount: number },
): Promise<{ readonly requests: number; readonly ms: number; readonly p99: number }> {
  const start = performance.now();
  const result = await autocannon({
    url,
    method: 'POST',
    headers: headersWith(token),
    body: BODY,
    connections: CONNECTIONS,
    // How often it looks whether it is done, in milliseconds.
    sampleInt: 4,
    ...length,
  });
  const ms = performance.now() - start;
  if (result.non2xx + result.errors > 0) {
    throw new Error(`${contender.name}: ${result.non2xx} denied, ${result.errors} lost`);
  }
  return { requests: result['2xx'], ms, p99: result.latency.p99 };
}
