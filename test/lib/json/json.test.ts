import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalize, digestOf } from '../../../lib/json/canonical.js';
import { deepFreeze } from '../../../lib/json/freeze.js';
import { JsonError, MAX_DEPTH, parseStrictJson } from '../../../lib/json/strict.js';

describe('parseStrictJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(isPortable(JSON.parse(text)));
        expect(parseStrictJson(text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('denies what two readers could read differently', () => {
    const texts = [
      '{"a":1,"a":1}',
      '{"a":1,"b":{"c":1,"c":2}}',
      '[{"a":1},{"a":1,"a":2}]',
      '{"a":["b",{"c":"d"}],"a":"b"}',
      '{ "a": 1,\n  "a": 1 }',
      '{"a":1,"\\u0061":2}',
      '{"__proto__":1,"__proto__":2}',
      '9007199254740992',
      '-9007199254740993',
      '1e400',
      '100000000000000000000',
      '"\\ud800"',
      '"\\udc00x"',
      '"\ud800"',
      '{"\\ud800":1}',
    ];
    for (const text of texts) expect(() => parseStrictJson(text), text).to.throw(JsonError);
  });

  it('denies what is not JSON', () => {
    for (const text of ['', '{', '{"a":1,}', "{'a':1}", 'NaN', '01', '\ufeff{}', '{} {}', '"\n"', 'undefined']) {
      expect(() => parseStrictJson(text), JSON.stringify(text)).to.throw(JsonError);
    }
  });

  it('allows one name in different objects, and names that look like syntax', () => {
    const text = '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}],"{":1,"[":2,",":3,":":4,"\\"":5}';
    expect(parseStrictJson(text)).to.deep.equal(JSON.parse(text));
  });

  it('finds every name that is written twice, wherever it stands', () => {
    const objects = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.boolean(), { minKeys: 1 });
    fc.assert(
      fc.property(objects, (object) => {
        const members = Object.entries(object).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
        expect(parseStrictJson(`{${members.join(',')}}`)).to.deep.equal(JSON.parse(JSON.stringify(object)));
        expect(() => parseStrictJson(`{${[...members, members[0]].join(',')}}`)).to.throw(JsonError, 'twice');
      }),
    );
  });

  it('says the same of a text whether or not something in it is escaped', () => {
    const numbers = fc.oneof(
      fc.double(),
      fc.constantFrom(2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e15, 1e16, 1e20, 1e21, 1e300, 1e-7, -0),
    );
    const strings = fc.string({ unit: fc.constantFrom('a', '1e+', '\ud800', '\\', '"', '1234567890123456', '[', 'e') });
    const values = fc.letrec((tie) => ({
      any: fc.oneof({ depthSize: 'small' }, numbers, strings, fc.array(tie('any')), fc.dictionary(strings, tie('any'))),
    })).any;
    const outcome = (text: string): unknown => {
      try {
        return { value: parseStrictJson(text) };
      } catch (error) {
        return (error as Error).message;
      }
    };
    fc.assert(
      fc.property(values, fc.boolean(), (value, twice) => {
        const text = JSON.stringify(value);
        const whole = twice ? `{"a":${text},"a":1}` : text;
        expect(outcome(`[${whole},"n"]`)).to.deep.equal(outcome(`[${whole},"\\u006e"]`));
      }),
      { numRuns: 1000 },
    );
  });

  it('allows nesting to its limit and denies one level more', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => parseStrictJson(nested(MAX_DEPTH))).not.to.throw();
    expect(() => parseStrictJson(nested(MAX_DEPTH + 1))).to.throw(JsonError, 'nested too deeply');
    expect(() => parseStrictJson(nested(100_000))).to.throw(JsonError);
  });
});

describe('deepFreeze', () => {
  it('freezes objects and lists throughout, as deep as they can be parsed', () => {
    const value = deepFreeze(parseStrictJson('{"a":{"b":[{"c":1}]},"d":null}') as { a: { b: [{ c: number }] } });
    for (const part of [value, value.a, value.a.b, value.a.b[0]]) expect(part).to.be.frozen;
    const deepest = '['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH);
    expect(deepFreeze(parseStrictJson(deepest))).to.be.frozen;
  });
});

describe('canonicalize', () => {
  // RFC 8785 section 3.2.2 and 3.2.3, and the number samples of its appendix B.
  it('writes the example of RFC 8785 section 3.2.3', () => {
    const input =
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}';
    const value = JSON.parse(input.replace('1E30,', '')) as unknown;
    expect(canonicalize(value)).to.equal(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,4.5,0.002,1e-27],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sorts names by UTF-16 code units, as in RFC 8785 section 3.2.3', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
    const value = Object.fromEntries(names.map((name) => [name, 0]));
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'];
    expect(canonicalize(value)).to.equal(`{${sorted.map((name) => `${JSON.stringify(name)}:0`).join(',')}}`);
  });

  it('sorts names however many there are, and more often than it remembers them', () => {
    const names = Array.from({ length: 1200 }, (_one, at) => `${'x'.repeat(at % 70)}${(at * 7919) % 1200}`);
    for (let most = 0; most <= names.length; most += most < 40 ? 1 : 400) {
      const some = names.slice(0, most);
      const sorted = [...some].sort().map((name) => `"${name}":0`);
      const value = Object.fromEntries(some.map((name) => [name, 0]));
      expect(canonicalize(value)).to.equal(`{${sorted.join(',')}}`);
    }
  });

  it('writes numbers as RFC 8785 appendix B does', () => {
    const samples: [number, string][] = [
      [0, '0'],
      [-0, '0'],
      [5e-324, '5e-324'],
      [-5e-324, '-5e-324'],
      [9007199254740991, '9007199254740991'],
      [-9007199254740991, '-9007199254740991'],
      [333333333.33333325, '333333333.33333325'],
      [333333333.3333332, '333333333.3333332'],
      [0.000001, '0.000001'],
      [1e-7, '1e-7'],
    ];
    for (const [value, text] of samples) expect(canonicalize(value)).to.equal(text);
  });

  it('denies what JSON cannot say', () => {
    const values = [
      undefined,
      () => 1,
      Symbol('a'),
      1n,
      NaN,
      Infinity,
      new Date(),
      new Map(),
      [undefined],
      { a: undefined },
    ];
    for (const value of [...values, '\ud800', { '\udfff': 1 }, 2 ** 53, Array(1)]) {
      expect(() => canonicalize(value)).to.throw(JsonError);
    }
  });

  it('is the same for every order of members, and differs when any value differs', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (value) => {
        fc.pre(isPortable(value));
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(digestOf(reversed)).to.equal(digestOf(value));
        expect(digestOf({ ...value, extra: 1 })).not.to.equal(digestOf({ ...value, extra: 2 }));
      }),
    );
  });

  it('is its own canonical form when it is read again', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(isPortable(value));
        const text = canonicalize(value);
        expect(canonicalize(parseStrictJson(text))).to.equal(text);
      }),
    );
  });

  it('ends at its depth limit, not at the end of the stack', () => {
    let value: unknown = 1;
    for (let depth = 0; depth < 100_000; depth += 1) value = [value];
    expect(() => canonicalize(value)).to.throw(JsonError, 'nested too deeply');
  });
});

function isPortable(value: unknown): boolean {
  try {
    canonicalize(value);
    return true;
  } catch {
    return false;
  }
}
