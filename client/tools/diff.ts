import { isObject } from '../../lib/rpc.js';
import { escapeText } from '../../lib/text.js';

const MOST_LINES = 24;
const MOST_CHARACTERS = 160;
const MOST_OF_A_NAME = 48;
const MOST_DEPTH = 64;
/** How much of two texts is shown before the place where they part. */
const CONTEXT = 24;

/**
 * What differs between two JSON values, one line for each difference: `+` came, `-` went, `~` is another one.
 *
 * Whatever the values hold, a line is short and shows no control, bidirectional or invisible character as such.
 */
export function diffLines(before: unknown, after: unknown): readonly string[] {
  const lines: string[] = [];
  compare(before, after, '', lines, 0);
  return lines.length <= MOST_LINES
    ? lines
    : [...lines.slice(0, MOST_LINES), `... and ${lines.length - MOST_LINES} more differences`];
}

/** A value in one short line that hides nothing. A text stands in quotes. */
export function show(value: unknown, most: number = MOST_CHARACTERS): string {
  return typeof value === 'string' ? `"${escapeText(value, most)}"` : escapeText(JSON.stringify(value), most);
}

function compare(before: unknown, after: unknown, path: string, lines: string[], depth: number): void {
  if (depth < MOST_DEPTH && isObject(before) && isObject(after)) {
    compareObjects(before, after, path, lines, depth);
  } else if (isTexts(before) && isTexts(after)) {
    compareTexts(before, after, path, lines);
  } else if (JSON.stringify(before) !== JSON.stringify(after)) {
    lines.push(`~ ${path}: ${windows(before, after)}`);
  }
}

type Members = Readonly<Record<string, unknown>>;

function compareObjects(before: Members, after: Members, path: string, lines: string[], depth: number): void {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  for (const name of names) {
    const at = `${path}${path === '' ? '' : '.'}${escapeText(name, MOST_OF_A_NAME)}`;
    if (!Object.hasOwn(before, name)) lines.push(`+ ${at}: ${show(after[name])}`);
    else if (!Object.hasOwn(after, name)) lines.push(`- ${at}: ${show(before[name])}`);
    else compare(before[name], after[name], at, lines, depth + 1);
  }
}

/** Of a list of texts, such as permissions, what came and what went says more than positions. */
function compareTexts(before: readonly string[], after: readonly string[], path: string, lines: string[]): void {
  const [old, now] = [new Set(before), new Set(after)];
  const differences = [
    ...before.filter((one) => !now.has(one)).map((one) => `- ${path}: ${show(one)}`),
    ...after.filter((one) => !old.has(one)).map((one) => `+ ${path}: ${show(one)}`),
  ];
  lines.push(...differences.slice(0, MOST_LINES + 1));
  // Their order, and how often they appear, is signed too.
  const isSame = JSON.stringify(before) === JSON.stringify(after);
  if (differences.length === 0 && !isSame) lines.push(`~ ${path}: ${show(before)} -> ${show(after)}`);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** Two long values are shown from where they part: what is added to the end of a text must not be cut off. */
function windows(before: unknown, after: unknown): string {
  const [a, b] = [JSON.stringify(before), JSON.stringify(after)];
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  if (same + CONTEXT < MOST_CHARACTERS) return `${show(before)} -> ${show(after)}`;
  const from = same - CONTEXT;
  return `...${escapeText(a.slice(from), MOST_CHARACTERS)} -> ...${escapeText(b.slice(from), MOST_CHARACTERS)}`;
}
