import { expect } from 'chai';
import fc from 'fast-check';
import { parseStrictJson } from '../../../lib/tokens/strictJson.js';

describe('lib/tokens/strictJson', () => {
  it('reads what JSON.parse reads, as long as no name is written twice', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseStrictJson(text)).to.deep.equal(JSON.parse(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('denies a name that is written twice in one object, at any depth and in any spelling', () => {
    const texts = [
      '{"a":1,"a":2}',
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '{"x":{"a":1,"b":2,"a":3}}',
      '[{"a":1},{"a":1,"a":1}]',
      '{"":1,"":2}',
      '{"__proto__":1,"__proto__":2}',
      '{"a\\"":1 , "a\\"" : 2}',
      '{"1":1,"1":2}',
    ];
    for (const text of texts) expect(() => parseStrictJson(text), text).to.throw(SyntaxError, /same name/);
  });

  it('allows a name in two objects, and strings that look like members', () => {
    const texts = [
      '{"a":{"a":1}}',
      '[{"a":1},{"a":1}]',
      '{"a":"a","b":"\\"a\\":1"}',
      '["a:", ":", "\\\\", ":"]',
      '{"a\\\\":1,"a":2}',
      '{"__proto__":{"admin":true}}',
    ];
    for (const text of texts) expect(JSON.stringify(parseStrictJson(text))).to.equal(JSON.stringify(JSON.parse(text)));
  });

  it('finds every duplicate that is put into an object', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(objects, (object) => {
        const members = Object.entries(object).map(
          ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
        );
        expect(() => parseStrictJson(`{${[...members, members[0]].join(',')}}`)).to.throw(SyntaxError);
        expect(parseStrictJson(`{${members.join(',')}}`)).to.deep.equal(JSON.parse(JSON.stringify(object)));
      }),
    );
  });

  it('freezes the value throughout', () => {
    const value = parseStrictJson('{"a":{"b":[{"c":1}]}}') as { a: { b: [{ c: number }] } };
    for (const part of [value, value.a, value.a.b, value.a.b[0]]) expect(part).to.be.frozen;
  });

  it('survives nesting as deep as a token can hold', () => {
    const depth = 12_000;
    expect(() => parseStrictJson('['.repeat(depth) + ']'.repeat(depth))).not.to.throw();
    expect(() => parseStrictJson('{"a":'.repeat(depth) + '1' + '}'.repeat(depth))).not.to.throw();
  });

  it('denies what is not JSON', () => {
    for (const text of ['', '{', "{'a':1}", '{"a":1,}', 'undefined', '\ufeff{}']) {
      expect(() => parseStrictJson(text), text).to.throw(SyntaxError);
    }
  });
});
