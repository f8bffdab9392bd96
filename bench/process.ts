// Added CPU per request, without sockets: requests in memory through Node's own HTTP parser and response.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Bout, Samples } from './arena.js';
import { addedBy, headline } from './costs.js';
import type { Fleet } from './fleet.js';
import { ROUNDS } from './harness.js';
import { figureOf, table } from './report.js';

const VISITS = Number(process.env['VISITS'] ?? 20);

export async function benchProcess({ setup, token, ships }: Fleet): Promise<void> {
  const { algorithm } = setup;
  const names = ships.map(({ contender }) => contender.name);
  const measured = await fight({ names, setup, token, rounds: ROUNDS, visits: VISITS });
  const samples = new Map(ships.map(({ contender }) => [contender, measured[contender.name] ?? []]));
  const lines = [...samples].map(([contender, values]) => ({
    name: contender.name,
    figures: { 'CPU us/request': figureOf(values), 'added us': figureOf(addedBy(contender, samples)) },
  }));
  const title = `${algorithm}, in process, ${ROUNDS} rounds of ${VISITS} interleaved visits`;
  table(title, { bench: 'process', algorithm }, lines);
  headline('process', algorithm, samples);
}

async function fight(bout: Bout): Promise<Samples> {
  const child = fork(fileURLToPath(new URL('arena.js', import.meta.url)));
  child.send(bout);
  const ended = once(child, 'exit').then(() => {
    throw new Error('the arena ended without a result');
  });
  const [samples] = (await Promise.race([once(child, 'message'), ended])) as [Samples];
  ended.catch(() => undefined);
  return samples;
}
