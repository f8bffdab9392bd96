// Interleaved measuring: every round runs every contender once, in shuffled order. Ratios are medians of same-round ratios.
import { figureOf, table, type Figure } from './report.js';

/** One thing to measure. */
export interface Contender {
  readonly name: string;
  readonly run: () => unknown;
}

export interface Row {
  readonly name: string;
  /** CPU time per call over the rounds, in microseconds, all threads of the process included. */
  readonly cpu: Figure;
  /** CPU time over the first contender's in the same round, in microseconds. */
  readonly added: Figure;
  /** CPU time per call in each round, in microseconds. */
  readonly samples: readonly number[];
}

export interface Settings {
  readonly rounds?: number;
  /** How long one contender runs in one round, in milliseconds. */
  readonly ms?: number;
}

/** How many rounds a run has. Fewer than 15 are for a quick look only. */
export const ROUNDS = Number(process.env['ROUNDS'] ?? 15);

/** How long one contender runs in one round, in milliseconds. */
export function sliceMs(standard: number): number {
  return Number(process.env['MS'] ?? standard);
}

/** The lower quartile, the median and the upper quartile. */
export function quartiles(values: readonly number[]): readonly [number, number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)] ?? NaN;
  return [at(0.25), at(0.5), at(0.75)];
}

export function median(values: readonly number[]): number {
  return quartiles(values)[1];
}

export function shuffle<Value>(values: readonly Value[]): readonly Value[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** Visits every item once in each round, in shuffled order, one at a time. Sample `n` of all items is of round `n`. */
export async function inRounds<Item, Sample>(
  items: readonly Item[],
  rounds: number,
  visit: (item: Item) => Promise<Sample>,
): Promise<ReadonlyMap<Item, readonly Sample[]>> {
  const samples = new Map<Item, Sample[]>(items.map((item) => [item, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const item of shuffle(items)) samples.get(item)?.push(await visit(item));
  }
  return samples;
}

/** Compares the samples of two items round by round. */
export function pairwise(
  values: readonly number[],
  others: readonly number[] | undefined,
  combine: (value: number, other: number) => number,
): readonly number[] {
  return values.map((value, round) => combine(value, others?.[round] ?? NaN));
}

/** How much of the CPU of another row one takes, by rounds. */
export function ratio(row: Row, other: Row): number {
  return median(pairwise(row.samples, other.samples, (value, base) => value / base));
}

/** Measures and prints. The first contender is the baseline. */
export async function compare(
  title: string,
  contenders: readonly Contender[],
  settings: Settings = {},
): Promise<readonly Row[]> {
  // Many and short: what disturbs the machine lasts longer than a round, and so disturbs all alike.
  const { rounds = ROUNDS * 4, ms = sliceMs(15) } = settings;
  const counts = new Map<Contender, number>();
  for (const contender of contenders) counts.set(contender, await calibrate(contender, ms));
  const samples = await inRounds(contenders, rounds, async (contender) => {
    const count = counts.get(contender) ?? 1;
    return (await cpuOf(contender, count)) / count;
  });
  const [base] = samples.values();
  const rows = [...samples].map(([{ name }, values]) => ({
    name,
    cpu: figureOf(values),
    added: figureOf(pairwise(values, base, (value, other) => value - other)),
    samples: values,
  }));
  const lines = rows.map(({ name, cpu, added }) => ({ name, figures: { 'CPU us': cpu, 'added us': added } }));
  table(`${title}: CPU per call, ${rounds} rounds`, { bench: title }, lines);
  return rows;
}

/** Calls after which the optimizing compiler has settled: what it does meanwhile is no cost of a call. */
const WARM_UP = 4_000;

async function calibrate(contender: Contender, ms: number): Promise<number> {
  await cpuOf(contender, WARM_UP);
  let count = 16;
  for (;;) {
    const start = performance.now();
    await cpuOf(contender, count);
    const took = performance.now() - start;
    if (took > ms / 2) return Math.max(1, Math.round((count * ms) / took));
    count *= 2;
  }
}

async function cpuOf({ run }: Contender, count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i += 1) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
