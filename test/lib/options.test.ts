import { expect } from 'chai';
import fc from 'fast-check';
import {
  callback,
  flag,
  integer,
  listOf,
  object,
  oneOf,
  optional,
  readOptions,
  recordOf,
  suggest,
  text,
  type Check,
} from '../../lib/options.js';

interface Example {
  readonly resource: string;
  readonly maxDepth?: number;
}

const read = (options: unknown): Readonly<Example> =>
  readOptions('example', options as Example, { resource: text, maxDepth: optional(integer(1, 9)) });

/** What is wrong with each value; the index where nothing is. */
const problems = (check: Check, values: readonly unknown[]): readonly (string | undefined)[] =>
  values.map((value) => check(value));

describe('readOptions', () => {
  it('gives a frozen copy', () => {
    const options = { resource: 'https://mcp.example/mcp' };
    const copy = read(options);
    options.resource = 'changed';
    expect(copy).to.deep.equal({ resource: 'https://mcp.example/mcp' }).and.to.be.frozen;
  });

  it('names the option and what is wrong with it', () => {
    const wrong: readonly (readonly [unknown, string])[] = [
      [{}, "example: 'resource' must be a non-empty string"],
      [{ resource: '' }, "example: 'resource' must be a non-empty string"],
      [{ resource: 'x', maxDepth: 0 }, "example: 'maxDepth' must be a whole number from 1 to 9"],
      [{ resource: 'x', maxDepth: null }, "example: 'maxDepth' must be a whole number from 1 to 9"],
      [undefined, 'example: pass one object with options'],
      [null, 'example: pass one object with options'],
      ['x', 'example: pass one object with options'],
      [[], 'example: pass one object with options'],
      [() => undefined, 'example: pass one object with options'],
    ];
    for (const [options, message] of wrong) expect(() => read(options)).to.throw(TypeError, message);
    expect(read({ resource: 'x', maxDepth: undefined })).to.deep.equal({ resource: 'x', maxDepth: undefined });
  });

  it('names the option that was probably meant', () => {
    const near: readonly (readonly [string, string])[] = [
      ['resourse', "unknown option 'resourse'; did you mean 'resource'?"],
      ['maxdepth', "; did you mean 'maxDepth'?"],
      ['max_depth', "; did you mean 'maxDepth'?"],
      ['__proto__', "unknown option '__proto__'"],
      ['constructor', "unknown option 'constructor'"],
    ];
    for (const [name, message] of near) {
      const options: unknown = JSON.parse(`{"resource":"x","${name}":1}`);
      expect(() => read(options)).to.throw(TypeError, message);
    }
    expect(() => read({ resource: 'x', timeout: 1 })).to.throw(/unknown option 'timeout'$/);
  });

  it('takes nothing from a prototype', () => {
    const polluted = Object.prototype as { maxDepth?: number };
    polluted.maxDepth = 99;
    try {
      expect(() => read(Object.create({ resource: 'x' }))).to.throw(TypeError, "'resource' must be");
    } finally {
      delete polluted.maxDepth;
    }
  });

  it('reads each option once', () => {
    let count = 0;
    const options = {
      get resource() {
        count += 1;
        return count === 1 ? 'checked' : 'another';
      },
    };
    expect(read(options).resource).to.equal('checked');
  });
});

describe('suggest', () => {
  it('suggests the nearest name, when one is near', () => {
    expect(suggest('issuer', ['issuers', 'resource'])).to.equal("; did you mean 'issuers'?");
    expect(suggest('policydenials', ['bodyLimit', 'policyDenials'])).to.equal("; did you mean 'policyDenials'?");
    expect(suggest('clock', ['issuers', 'resource'])).to.equal('');
    expect(suggest('x', [])).to.equal('');
  });

  it('finds a name with one letter changed, left out, doubled or swapped', () => {
    const names = ['resource', 'issuers', 'bodyLimit', 'clockTolerance'];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.nat(7),
        fc.constantFrom('-', 'x', 'Q'),
        fc.nat(3),
        (name, at, letter, kind) => {
          const place = at % name.length;
          const [before, one, after] = [name.slice(0, place), name.charAt(place), name.slice(place + 1)];
          const typo = [
            before + letter + after,
            before + after,
            before + one + one + after,
            before + after.charAt(0) + one + after.slice(1),
          ][kind]!;
          expect(suggest(typo, names)).to.equal(`; did you mean '${name}'?`);
        },
      ),
    );
  });
});

describe('checks', () => {
  const values = [
    'x',
    '',
    0,
    1,
    1.5,
    -1,
    NaN,
    Infinity,
    2 ** 53,
    true,
    false,
    null,
    undefined,
    {},
    [],
    (): void => undefined,
  ];
  const allowed = (check: Check): readonly unknown[] => values.filter((value) => check(value) === undefined);

  it('allow what they say', () => {
    expect(allowed(text)).to.deep.equal(['x']);
    expect(allowed(flag)).to.deep.equal([true, false]);
    expect(allowed(callback)).to.deep.equal([values.at(-1)]);
    expect(allowed(object)).to.deep.equal([{}]);
    expect(allowed(integer(0))).to.deep.equal([0, 1]);
    expect(allowed(integer(1, 1))).to.deep.equal([1]);
    expect(allowed(oneOf('x', 'y'))).to.deep.equal(['x']);
    expect(allowed(optional(text))).to.deep.equal(['x', undefined]);
    expect(allowed(listOf(text))).to.deep.equal([[]]);
    expect(allowed(recordOf(text))).to.deep.equal([{}]);
  });

  it('say what is wrong', () => {
    expect(problems(integer(1), [0])).to.deep.equal(['must be a whole number from 1']);
    expect(problems(oneOf('a', 'b'), ['c', 7])).to.deep.equal(["must be one of 'a', 'b'", "must be one of 'a', 'b'"]);
    expect(problems(listOf(text, { least: 1 }), ['x', [], ['a', 7], ['a']])).to.deep.equal([
      'must be an array',
      'must have at least 1 element',
      '[1] must be a non-empty string',
      undefined,
    ]);
    expect(problems(listOf(text, { least: 2 }), [['a']])).to.deep.equal(['must have at least 2 elements']);
    expect(problems(recordOf(flag), [[], { a: true, b: 7 }, { a: true }])).to.deep.equal([
      'must be an object',
      '.b must be true or false',
      undefined,
    ]);
  });

  it('look at the holes of a list too', () => {
    // eslint-disable-next-line no-sparse-arrays -- what a list can be
    expect(listOf(text)(['a', , 'b'])).to.equal('[1] must be a non-empty string');
    expect(listOf(text)(Array(2))).to.equal('[0] must be a non-empty string');
  });
});
