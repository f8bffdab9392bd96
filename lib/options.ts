/** Says what is wrong with a value, as in `must be a string`, or nothing when it is right. */
export type Check = (value: unknown) => string | undefined;

/** One check for each option: the compiler sees that none is forgotten. */
export type Checks<Options> = { readonly [Name in keyof Required<Options>]: Check };

/**
 * Validates what a developer passed and returns a frozen copy.
 * @throws {TypeError} for an unknown name, with the nearest known one, and for a value of the wrong kind
 */
export function readOptions<Options extends object>(
  factory: string,
  options: Options,
  checks: Checks<Options>,
): Readonly<Options> {
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options)) {
    throw new TypeError(`${factory}: pass one object with options`);
  }
  const copy: Readonly<Options> = Object.freeze({ ...options });
  const known = new Map<string, Check>(Object.entries(checks));
  for (const name of Object.keys(copy)) {
    if (known.has(name)) continue;
    throw new TypeError(`${factory}: unknown option '${name}'${suggest(name, [...known.keys()])}`);
  }
  for (const [name, check] of known) {
    const problem = check((copy as Readonly<Record<string, unknown>>)[name]);
    if (problem !== undefined) throw new TypeError(`${factory}: '${name}' ${problem}`);
  }
  return copy;
}

/** `; did you mean 'x'?`, or nothing when no known name is near. */
export function suggest(name: string, known: readonly string[]): string {
  const [best] = known
    .map((candidate) => ({ candidate, far: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(2, name.length / 3) ? `; did you mean '${best.candidate}'?` : '';
}

/** The Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Allows the option to be left out. */
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

export const text: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a non-empty string';

export const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');

export const callback: Check = (value) => (typeof value === 'function' ? undefined : 'must be a function');

export const object: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'must be an object';

/** A whole number in a range, both ends included. */
export const integer =
  (least: number, most: number = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : `must be a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}`;

export const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string) ? undefined : `must be one of '${values.join("', '")}'`;

/** An array whose elements all pass. */
export const listOf =
  (check: Check, { least = 0 }: { readonly least?: number } = {}): Check =>
  (value) => {
    if (!Array.isArray(value)) return 'must be an array';
    if (value.length < least) return `must have at least ${least} element${least === 1 ? '' : 's'}`;
    // A hole of a sparse array is an element too: `undefined`.
    const problems = Array.from(value as readonly unknown[], check);
    const index = problems.findIndex((one) => one !== undefined);
    return index < 0 ? undefined : `[${index}] ${problems[index] ?? ''}`;
  };

/** An object with any names whose values all pass. */
export const recordOf =
  (check: Check): Check =>
  (value) => {
    const problem = object(value);
    if (problem !== undefined) return problem;
    const bad = Object.entries(value as object).find(([, one]) => check(one) !== undefined);
    return bad === undefined ? undefined : `.${bad[0]} ${check(bad[1]) ?? ''}`;
  };
