import { expect } from 'chai';
import { coverageOf, MAX_COMPONENTS, MAX_SELECTIONS, readCoverage } from '../../../lib/signatures/coverage.js';
import { SignatureError } from '../../../lib/signatures/error.js';
import { parseList } from '../../../lib/signatures/parse.js';
import type { InnerList } from '../../../lib/signatures/structured.js';
import { reasonOf } from './thrown.js';

const read = (text: string) => readCoverage((parseList(text)[0] as InnerList).items);

describe('coverage', () => {
  it('keeps the order and the text of components', () => {
    const coverage = read('(  "@method"   "content-digest";req "example-dict";key="a" )');
    expect(coverage.text).to.equal('("@method" "content-digest";req "example-dict";key="a")');
    expect(coverage.components.map(({ name }) => name)).to.deep.equal(['@method', 'content-digest', 'example-dict']);
  });

  it('keeps the order of the parameters of a component', () => {
    expect(read('("a";tr;key="x";req)').text).to.equal('("a";tr;key="x";req)');
    expect(read('("a";req;key="x";tr)').text).to.equal('("a";req;key="x";tr)');
  });

  it('names only what is covered whole', () => {
    const { names } = read(
      '("@method" "a" "b";req "c";key="x" "d";bs "e";sf "f";tr "@path";req "@query-param";name="p")',
    );
    expect([...names]).to.deep.equal(['@method', 'a']);
  });

  it('reads the same list as the same coverage', () => {
    expect(read('("@method" "same")')).to.equal(read('("@method" "same")'));
  });

  it('denies identifiers that are unknown or out of place', () => {
    const bad = [
      ...['method', '1', '?1', ':YQ==:', '"Content-Type"', '""', '"a b"', '"a:"', '" a"', '"a\\""', '"(a"', '@1'],
      ...['"@"', '"@Method"', '"@method "', '"@unknown"', '"@signature-params"', '"@request-response"', '"@body"'],
      ...['"@method";sf', '"@method";bs', '"@method";tr', '"@method";key="a"', '"@method";name="a"', '"@method";x'],
      ...['"@status";req', '"@status";name="a"', '"@query-param"', '"@query-param";name', '"@query-param";name=a'],
      ...['"@query-param";name=1', '"@query-param";name=:YQ==:', '"@query-param";name="a";sf'],
      ...['"a";unknown', '"a";SF', '"a";name="b"', '"a";sf=?0', '"a";sf=1', '"a";req=?0', '"a";req="yes"', '"a";tr=0'],
      ...[
        '"a";key',
        '"a";key=b',
        '"a";key=1',
        '"a";bs=?0',
        '"a";bs;sf',
        '"a";sf;bs',
        '"a";bs;key="x"',
        '"a";key="x";bs',
      ],
    ];
    for (const text of bad) {
      expect(
        reasonOf(() => read(`("@path" ${text})`)),
        text,
      ).to.be.oneOf(['component_invalid', 'malformed']);
    }
    for (const text of [
      '"a";sf',
      '"a";key="x";sf',
      '"a";bs;req;tr',
      '"!#$%&\'*+-.^_`|~09az"',
      '"__proto__"',
      '"@status"',
    ]) {
      expect(read(`("@path" ${text})`).components, text).to.have.length(2);
    }
  });

  it('denies a component that comes twice, in whatever order its parameters are', () => {
    const twice = [
      '("a" "a")',
      '("@method" "a" "@method")',
      '("a";bs;req "a";req;bs)',
      '("a";key="x";tr "b" "a";tr;key="x")',
      '("@query-param";name="x" "@query-param";name="x")',
      '("@query-param";name="x";req "@query-param";req;name="x")',
      '("a";sf "a";sf=?1)',
    ];
    for (const text of twice)
      expect(
        reasonOf(() => read(text)),
        text,
      ).to.equal('component_duplicate');
    const different =
      '("a" "a";req "a";bs "a";sf "a";key="x" "a";key="y" "a";tr "@query-param";name="a" "@path" "@path";req)';
    expect(read(different).components).to.have.length(10);
  });

  it('denies more components than a signature may have', () => {
    const list = (count: number, suffix = '') =>
      `(${Array.from({ length: count }, (_, n) => `"a${n}"${suffix}`).join(' ')})`;
    expect(read(list(MAX_COMPONENTS)).components).to.have.length(32);
    expect(reasonOf(() => read(list(MAX_COMPONENTS + 1)))).to.equal('too_many');
    expect(read(list(MAX_SELECTIONS, ';key="x"')).components).to.have.length(8);
    expect(reasonOf(() => read(list(MAX_SELECTIONS + 1, ';key="x"')))).to.equal('too_many');
  });

  describe('of a signer', () => {
    it('takes names and identifiers', () => {
      const coverage = coverageOf(['@method', 'content-digest', '"@query-param";name="a b"', '"accept";bs']);
      expect(coverage.text).to.equal('("@method" "content-digest" "@query-param";name="a b" "accept";bs)');
    });

    it('is a TypeError when it is not one', () => {
      for (const identifiers of [
        ['Content-Type'],
        ['a', 'a'],
        ['@body'],
        ['a;req'],
        ['a"'],
        ['"a'],
        [''],
        ['"a" "b"'],
      ]) {
        expect(() => coverageOf(identifiers), identifiers.join())
          .to.throw(TypeError, 'a signature covers up to 32 different components such as "@method"')
          .with.property('cause')
          .that.is.instanceOf(SignatureError);
      }
    });
  });
});
