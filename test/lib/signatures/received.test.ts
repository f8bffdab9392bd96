import { expect } from 'chai';
import fc from 'fast-check';
import { SignatureError } from '../../../lib/signatures/error.js';
import { findSignatures, MAX_SIGNATURES, parametersText, readSignature } from '../../../lib/signatures/received.js';
import { reasonOf } from './thrown.js';

const fields = (input: string | string[], signature: string | string[]) => ({
  'signature-input': [input].flat(),
  signature: [signature].flat(),
});

const find = (input: string | string[], signature: string | string[]) => findSignatures(fields(input, signature));
const read = (input: string) => readSignature(find(`a=${input}`, 'a=:YQ==:')[0]!);

describe('received signatures', () => {
  it('are none without the two fields', () => {
    expect(findSignatures({})).to.deep.equal([]);
    expect(findSignatures({ signature: undefined, 'signature-input': [] })).to.deep.equal([]);
    expect(findSignatures(Object.create(fields('a=()', 'a=:YQ==:')) as Record<string, string[]>)).to.deep.equal([]);
  });

  it('are found in several members and lines, in the order of their inputs', () => {
    const found = find(['b=("x");tag="one", a=()', 'c=()'], ['a=:YQ==:', 'c=:Yw==:,b=:Yg==:']);
    expect(found.map(({ label, tag, bytes }) => [label, tag, Buffer.from(bytes).toString()])).to.deep.equal([
      ['b', 'one', 'b'],
      ['a', undefined, 'a'],
      ['c', undefined, 'c'],
    ]);
  });

  it('say what they are for only where that is a string', () => {
    for (const tag of ['tag=mcp', 'tag', 'tag=1', 'tag=:YQ==:'])
      expect(find(`a=();${tag}`, 'a=:YQ==:')[0]?.tag).to.equal(undefined);
  });

  it('have their parameters', () => {
    const signature = read('("@method");created=1;expires=2;nonce="n";alg="x";keyid="k";tag="t";other=yes');
    expect(signature).to.include({ label: 'a', created: 1, expires: 2, nonce: 'n', alg: 'x', keyid: 'k', tag: 't' });
    expect(signature.parameters.get('other')).to.deep.equal({ type: 'token', value: 'yes' });
    expect(signature.coverage.names.has('@method')).to.equal(true);
    expect(read('()')).to.include({ created: undefined, nonce: undefined, alg: undefined, keyid: undefined });
  });

  it('have their parameters in canonical text and in the order received', () => {
    expect(parametersText(read('( );  tag="t"; created=0001;b=?1;keyid="a\\"b"'))).to.equal(
      ';tag="t";created=1;b;keyid="a\\"b"',
    );
  });

  it('are malformed when the two fields do not belong together', () => {
    const bad: readonly (readonly [string | string[], string | string[]])[] = [
      [[], 'a=:YQ==:'],
      ['a=()', []],
      ['', ''],
      ['a=()', ''],
      ['a=()', 'b=:YQ==:'],
      ['a=()', 'a=:YQ==:, b=:YQ==:'],
      ['a=(), b=()', 'a=:YQ==:'],
      ['a=(), a=()', 'a=:YQ==:'],
      [['a=()', 'a=()'], 'a=:YQ==:'],
      ['a=()', ['a=:YQ==:', 'a=:YQ==:']],
      ['a=(), b=()', 'a=:YQ==:, a=:YQ==:'],
      ['a=1', 'a=:YQ==:'],
      ['a', 'a=:YQ==:'],
      ['a=()', 'a="YQ=="'],
      ['a=()', 'a=YQ=='],
      ['a=()', 'a'],
      ['a=()', 'a=(:YQ==:)'],
      ['a=()', 'a=:YQ==:;x'],
      ['a=()', 'a=:YQ:'],
      ['a=(', 'a=:YQ==:'],
      ['a=();created', 'a=:Y Q==:'],
      ['A=()', 'A=:YQ==:'],
      [`${'a'.repeat(65)}=()`, `${'a'.repeat(65)}=:YQ==:`],
      [`a=("${'x'.repeat(8200)}")`, 'a=:YQ==:'],
      ['a=()', `a=:${'YWFh'.repeat(2100)}:`],
      [['a=()', ''], 'a=:YQ==:'],
    ];
    for (const [input, signature] of bad) {
      expect(
        reasonOf(() => find(input, signature)),
        `${input.toString()} ${signature.toString()}`,
      ).to.equal('malformed');
    }
  });

  it('have labels of up to 64 characters, in fields of up to 8192', () => {
    const label = 'a'.repeat(64);
    expect(find(`${label}=()`, `${label}=:YQ==:`)[0]?.label).to.equal(label);
    const input = (length: number): string => `a=();nonce="${'x'.repeat(length - 'a=();nonce=""'.length)}"`;
    expect(find(input(8192), 'a=:YQ==:')).to.have.length(1);
    expect(reasonOf(() => find(input(8193), 'a=:YQ==:'))).to.equal('malformed');
  });

  it('are too many beyond four', () => {
    const labels = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);
    const many = (count: number) =>
      find(
        labels(count).map((label) => `${label}=()`),
        labels(count).map((label) => `${label}=:YQ==:`),
      );
    expect(many(MAX_SIGNATURES)).to.have.length(4);
    expect(reasonOf(() => many(MAX_SIGNATURES + 1))).to.equal('too_many');
  });

  it('are found beside one that cannot be read', () => {
    const found = find('bad=("@nothing" 1);created="x", good=("@method");created=1', 'bad=:YQ==:, good=:YQ==:');
    expect(found.map(({ label }) => label)).to.deep.equal(['bad', 'good']);
    expect(reasonOf(() => readSignature(found[0]!))).to.equal('component_invalid');
    expect(readSignature(found[1]!).created).to.equal(1);
  });

  it('have parameters of their types only', () => {
    for (const parameter of ['created', 'expires']) {
      for (const value of ['', '="1"', '=1.0', '=a', '=@1', '=:YQ==:', '=?0']) {
        expect(
          reasonOf(() => read(`();${parameter}${value}`)),
          parameter + value,
        ).to.equal('parameter_invalid');
      }
    }
    for (const parameter of ['nonce', 'alg', 'keyid', 'tag']) {
      for (const value of ['', '=1', '=a', '=:YQ==:', '=?0']) {
        expect(
          reasonOf(() => read(`();${parameter}${value}`)),
          parameter + value,
        ).to.equal('parameter_invalid');
      }
    }
  });

  it('never throw anything but their own error', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '=',
      '(',
      ')',
      '"@method"',
      '"x"',
      ' ',
      ';',
      'created',
      'tag',
      '1',
      ', ',
      ':YQ==:',
      '"',
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 14 }).map((list) => list.join('')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), fc.array(text, { maxLength: 3 }), (input, signature) => {
        try {
          for (const found of find(input, signature)) parametersText(readSignature(found));
        } catch (error) {
          expect(error).to.be.instanceOf(SignatureError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
