import { readComponent, type Component } from './component.js';
import { SignatureError } from './error.js';
import { parseItem } from './parse.js';
import type { Item } from './structured.js';

/** The most components that one signature may cover. */
export const MAX_COMPONENTS = 32;

/** The most of them that take a dictionary or a query apart, each anew. */
export const MAX_SELECTIONS = 8;

/** What a signature covers, in its order. */
export interface Coverage {
  readonly components: readonly Component[];
  /**
   * The names of those that are covered whole: as a plain identifier, without parameters.
   * A policy compares with these: `"content-type";req` or a single dictionary member does not cover the field.
   */
  readonly names: ReadonlySet<string>;
  /** The components as they stand in `Signature-Input`, with their parentheses. */
  readonly text: string;
}

/** The parser hands out the same list of items for the same text. */
const READ = new WeakMap<readonly Item[], Coverage>();

/**
 * Reads the components of a signature.
 * @throws {SignatureError} `too_many`, `component_invalid`, `component_duplicate`
 */
export function readCoverage(items: readonly Item[]): Coverage {
  const known = READ.get(items);
  if (known !== undefined) return known;
  const coverage = checkedCoverage(items);
  READ.set(items, coverage);
  return coverage;
}

function checkedCoverage(items: readonly Item[]): Coverage {
  if (items.length > MAX_COMPONENTS) throw tooMany();
  const components = items.map(readComponent);
  const selections = components.filter(({ key, parameter }) => key !== undefined || parameter !== undefined);
  if (selections.length > MAX_SELECTIONS) throw tooMany();
  const distinct = new Set(components.map(identity));
  if (distinct.size < components.length) {
    throw new SignatureError('component_duplicate', 'A signature covers a component twice');
  }
  return {
    components,
    names: new Set(components.flatMap(({ plain, name }) => (plain ? [name] : []))),
    text: `(${components.map(({ identifier }) => identifier).join(' ')})`,
  };
}

/**
 * Prepares what a signer covers: names such as `content-digest` and `@method`, or identifiers with
 * parameters such as `"@query-param";name="page"`.
 * @throws {TypeError} when one is not a component identifier, or is there twice
 */
export function coverageOf(identifiers: readonly string[]): Coverage {
  try {
    return readCoverage(identifiers.map((one) => parseItem(one.startsWith('"') ? one : `"${one}"`)));
  } catch (cause) {
    throw new TypeError('a signature covers up to 32 different components such as "@method" and "content-digest"', {
      cause,
    });
  }
}

/** The order of parameters makes no difference to what a component is (RFC 9421 section 2). */
function identity({ identifier, plain, name, sf, key, bs, tr, req, parameter }: Component): string {
  return plain ? identifier : JSON.stringify([name, sf, key ?? null, bs, tr, req, parameter ?? null]);
}

function tooMany(): SignatureError {
  return new SignatureError('too_many', 'A signature covers too many components');
}
