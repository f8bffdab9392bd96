// All contenders in one process, driven in memory. A visit costs nothing here and may be short, so that whatever
// disturbs the machine disturbs all of them alike.
import { createServer } from 'node:http';
import { contenders } from './contenders/index.js';
import type { Setup } from './contenders/contender.js';
import { shuffle } from './harness.js';
import { connect, requestBytes, type Drive } from './memory.js';
import { headersWith } from './message.js';

/** What the parent asks for. */
export interface Bout {
  readonly names: readonly string[];
  readonly setup: Setup;
  readonly token: string;
  readonly rounds: number;
  /** How often each contender is visited in a round. */
  readonly visits: number;
}

/** CPU per request of each contender in microseconds, one sample for each round. */
export type Samples = Readonly<Record<string, readonly number[]>>;

/** Requests in one visit: a few milliseconds of work. */
const BATCH = 40;
/** Visits before anything counts: long enough for the optimizing compiler to have settled. */
const WARM_UP = 100;

process.once('message', (bout: Bout) => {
  void fight(bout).then((samples) => process.send?.(samples, () => process.exit()));
});

async function fight({ names, setup, token, rounds, visits }: Bout): Promise<Samples> {
  const drives = new Map<string, Drive>();
  for (const name of names) drives.set(name, await open(name, setup));
  const batch = Array.from({ length: BATCH }, () => requestBytes(headersWith(token)));
  await runRound(drives, batch, WARM_UP);
  const samples = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, cpu] of await runRound(drives, batch, visits)) samples.get(name)?.push(cpu);
  }
  return Object.fromEntries(samples);
}

async function open(name: string, setup: Setup): Promise<Drive> {
  const contender = contenders.find((one) => one.name === name);
  if (contender === undefined) throw new TypeError(`no contender is named '${name}'`);
  return connect(createServer(await contender.build(setup)));
}

/** Visits all contenders in shuffled order, again and again. */
async function runRound(
  drives: ReadonlyMap<string, Drive>,
  batch: readonly Buffer[],
  visits: number,
): Promise<ReadonlyMap<string, number>> {
  const used = new Map<string, number>();
  for (let visit = 0; visit < visits; visit += 1) {
    for (const [name, drive] of shuffle([...drives])) {
      const before = process.cpuUsage();
      await drive(batch);
      const { user, system } = process.cpuUsage(before);
      used.set(name, (used.get(name) ?? 0) + (user + system) / (visits * BATCH));
    }
  }
  return used;
}
