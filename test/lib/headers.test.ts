import { expect } from 'chai';
import fc from 'fast-check';
import { Denial } from '../../lib/denial.js';
import { linesOf, single } from '../../lib/headers.js';

describe('linesOf', () => {
  it('keeps every line, by lower-cased name', () => {
    const lines = linesOf(['Host', 'a', 'X-A', '1', 'x-a', '2, 3', 'X-B', '']);
    expect({ ...lines }).to.deep.equal({ host: ['a'], 'x-a': ['1', '2, 3'], 'x-b': [''] });
  });

  it('holds nothing but what was received', () => {
    const lines = linesOf(['__proto__', 'a', 'constructor', 'b', '__PROTO__', 'c']);
    expect(Object.keys(lines)).to.deep.equal(['__proto__', 'constructor']);
    expect(lines['__proto__']).to.deep.equal(['a', 'c']);
    expect(linesOf([]).constructor).to.equal(undefined);
    expect(({} as { a?: unknown }).a).to.equal(undefined);
  });

  it('keeps any lines', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string())), (pairs) => {
        const lines = linesOf(pairs.flat());
        const names = new Set(pairs.map(([name]) => name.toLowerCase()));
        expect(new Set(Object.keys(lines))).to.deep.equal(names);
        for (const name of names) {
          expect(lines[name]).to.deep.equal(
            pairs.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value),
          );
        }
      }),
    );
  });
});

describe('single', () => {
  it('gives the one line, or nothing', () => {
    expect(single({ a: ['1, 2'] }, 'a')).to.equal('1, 2');
    expect(single({ a: [''] }, 'a')).to.equal('');
    expect(single({}, 'a')).to.equal(undefined);
  });

  it('denies two lines, even of one value', () => {
    expect(() => single({ a: ['1', '1'] }, 'a'))
      .to.throw(Denial)
      .that.includes({ status: 400, code: 'header_duplicate' });
  });
});
