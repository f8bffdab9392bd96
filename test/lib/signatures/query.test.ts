import { expect } from 'chai';
import fc from 'fast-check';
import { queryParameter } from '../../../lib/signatures/query.js';
import { reasonOf } from './thrown.js';

describe('query', () => {
  it('encodes values anew (RFC 9421 section 2.2.8)', () => {
    expect(queryParameter('?a=b', 'a')).to.equal('b');
    expect(queryParameter('?a=b+c', 'a')).to.equal('b%20c');
    expect(queryParameter('?a=%62%2b', 'a')).to.equal('b%2B');
    expect(queryParameter('?a=-_.*', 'a')).to.equal('-_.*');
    expect(queryParameter("?a=!'()~", 'a')).to.equal('%21%27%28%29%7E');
    expect(queryParameter('?a=b=c&d', 'a')).to.equal('b%3Dc');
    expect(queryParameter('?a=b=c&d', 'd')).to.equal('');
    expect(queryParameter('?=x', '')).to.equal('x');
    expect(queryParameter('??a=1', '%3Fa')).to.equal('1');
  });

  it('denies a parameter that is not there', () => {
    for (const [query, name] of [
      ['?', 'a'],
      ['?b=1', 'a'],
      ['?A=1', 'a'],
      ['?a%00=1', 'a'],
      ['?a=1', '__proto__'],
    ] as const) {
      expect(reasonOf(() => queryParameter(query, name))).to.equal('component_missing');
    }
  });

  it('denies a name that occurs twice, under whatever encoding', () => {
    for (const query of ['?a=1&a=2', '?a=1&a=1', '?a=1&%61=2', '?a&b&a']) {
      expect(reasonOf(() => queryParameter(query, 'a'))).to.equal('component_invalid');
    }
  });

  it('denies a name that is not in its one encoding', () => {
    for (const name of ['b+c', 'b c', 'b%20%63', 'b%20c%', '%zz', '%ff', '%7e', '~']) {
      expect(
        reasonOf(() => queryParameter('?b+c=1&%7E=2', name)),
        name,
      ).to.be.oneOf(['component_invalid', 'component_missing']);
    }
    expect(queryParameter('?b+c=1', 'b%20c')).to.equal('1');
  });

  it('denies bytes that are not UTF-8, which would all be the same value', () => {
    for (const query of ['?a=%FF', '?a=%FE', '?a=x%C3', '?a=%EF%BF%BD']) {
      expect(
        reasonOf(() => queryParameter(query, 'a')),
        query,
      ).to.equal('component_invalid');
    }
  });

  it('tells values apart that differ in what they decode to', () => {
    expect(queryParameter('?a=%EF%BB%BFx', 'a')).not.to.equal(queryParameter('?a=x', 'a'));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
        const [left, right] = [one, other].map((value) =>
          queryParameter(`?a=${encodeURIComponent(value.replaceAll('\ufffd', ''))}`, 'a'),
        );
        expect(left === right).to.equal(one.replaceAll('\ufffd', '') === other.replaceAll('\ufffd', ''));
      }),
    );
  });
});
