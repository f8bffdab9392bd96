// Added CPU per request, without sockets: each server process drives requests through its own app in memory.
import { addedBy, headline } from './costs.js';
import type { Fleet, Ship } from './fleet.js';
import { inRounds, ROUNDS, sliceMs } from './harness.js';
import { figureOf, table } from './report.js';

/** Long enough for the optimizing compiler to have settled. */
const WARM_UP_MS = 1500;

export async function benchProcess({ algorithm, ships }: Fleet): Promise<void> {
  const counts = new Map<Ship, number>();
  for (const ship of ships) counts.set(ship, await warmUp(ship, sliceMs(150)));
  const measured = await inRounds(ships, ROUNDS, async (ship) => {
    const count = counts.get(ship) ?? 1;
    // Caches have forgotten a process that was not visited for a while.
    await ship.ask({ drive: Math.ceil(count / 5) });
    const before = await ship.ask('meter');
    const after = await ship.ask({ drive: count });
    return (after.cpu - before.cpu) / count;
  });
  const samples = new Map([...measured].map(([{ contender }, values]) => [contender, values]));
  const lines = [...samples].map(([contender, values]) => ({
    name: contender.name,
    figures: { 'CPU us/request': figureOf(values), 'added us': figureOf(addedBy(contender, samples)) },
  }));
  table(`${algorithm}, in process, ${ROUNDS} interleaved rounds`, { bench: 'process', algorithm }, lines);
  headline('process', algorithm, samples);
}

/** Runs a contender until it is fast, and says how many requests it answers in `ms`. */
async function warmUp(ship: Ship, ms: number): Promise<number> {
  const start = performance.now();
  for (let count = 256; ; count *= 2) {
    const began = performance.now();
    await ship.ask({ drive: count });
    const now = performance.now();
    if (now - start > WARM_UP_MS) return Math.max(1, Math.round((count * ms) / (now - began)));
  }
}
