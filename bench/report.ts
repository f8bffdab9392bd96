import { quartiles } from './harness.js';

const asJson = process.argv.includes('--json');

/** One measured quantity: the median over the rounds and the middle half of them. */
export interface Figure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** One row of a table: what was measured, by name. */
export interface Line {
  readonly name: string;
  readonly figures: Readonly<Record<string, Figure>>;
}

/** Everything that was said. */
export const said: string[] = [];

/** Text for people. Left out where results are for programs. */
export function say(text: string): void {
  said.push(text);
  if (!asJson) console.log(text);
}

/** One JSON line for programs. Left out where results are for people. */
export function record(result: object): void {
  if (asJson) console.log(JSON.stringify(result));
}

export function figureOf(values: readonly number[]): Figure {
  const [low, median, high] = quartiles(values);
  return { low, median, high };
}

/** Prints a table, or one JSON line for each row. */
export function table(title: string, about: Readonly<Record<string, string>>, lines: readonly Line[]): void {
  if (asJson) {
    for (const line of lines) record({ ...about, ...line });
    return;
  }
  const columns = Object.keys(lines[0]?.figures ?? {});
  const width = Math.max(...lines.map(({ name }) => name.length));
  say(`\n## ${title}`);
  say(`${''.padEnd(width)}${columns.map((column) => column.padStart(COLUMN)).join('')}`);
  for (const { name, figures } of lines) {
    const cells = columns.map((column) => cell(figures[column]).padStart(COLUMN));
    say(`${name.padEnd(width)}${cells.join('')}`);
  }
}

const COLUMN = 27;

function cell(figure: Figure | undefined): string {
  if (figure === undefined || Number.isNaN(figure.median)) return '-';
  return `${digits(figure.median)} [${digits(figure.low)} .. ${digits(figure.high)}]`;
}

function digits(value: number): string {
  return value.toFixed(Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
