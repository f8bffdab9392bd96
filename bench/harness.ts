// Interleaved measuring: every round runs every contender once, in shuffled order. Ratios are medians of same-round ratios.

/** One thing to measure. */
export interface Contender {
  readonly name: string;
  readonly run: () => unknown;
}

export interface Row {
  readonly name: string;
  /** Median CPU time per call over the rounds, in microseconds, all threads of the process included. */
  readonly cpu: number;
  readonly low: number;
  readonly high: number;
  /** CPU time over the first contender's, in microseconds: the median of same-round differences. */
  readonly added: number;
}

export interface Settings {
  readonly rounds?: number;
  /** How long one contender runs in one round, in milliseconds. */
  readonly ms?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export function shuffle<Value>(values: readonly Value[]): readonly Value[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** Measures and prints. The first contender is the baseline. */
export async function compare(
  title: string,
  contenders: readonly Contender[],
  settings: Settings = {},
): Promise<readonly Row[]> {
  const { rounds = 15, ms = 60 } = settings;
  const samples = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  const counts = new Map<string, number>();
  for (const contender of contenders) counts.set(contender.name, await calibrate(contender, ms));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of shuffle(contenders)) {
      const count = counts.get(contender.name) ?? 1;
      samples.get(contender.name)?.push((await cpuOf(contender, count)) / count);
    }
  }
  const [base] = contenders;
  const baseline = samples.get(base?.name ?? '') ?? [];
  const rows = [...samples].map(([name, values]) => ({
    name,
    cpu: median(values),
    low: Math.min(...values),
    high: Math.max(...values),
    added: median(values.map((value, round) => value - (baseline[round] ?? NaN))),
  }));
  print(title, rows, rounds);
  return rows;
}

async function calibrate(contender: Contender, ms: number): Promise<number> {
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

function print(title: string, rows: readonly Row[], rounds: number): void {
  console.log(`\n## ${title} (${rounds} interleaved rounds, CPU microseconds per call)`);
  for (const { name, cpu, low, high, added } of rows) {
    const spread = `[${low.toFixed(2)} .. ${high.toFixed(2)}]`;
    console.log(
      `${name.padEnd(56)} ${cpu.toFixed(2).padStart(9)}  ${spread.padStart(20)}  added ${added.toFixed(2).padStart(8)}`,
    );
  }
}
