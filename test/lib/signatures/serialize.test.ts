import { expect } from 'chai';
import { serializeBytes, serializeDictionary, serializeItem, serializeKey } from '../../../lib/signatures/serialize.js';
import { NO_PARAMETERS, type BareItem, type Member } from '../../../lib/signatures/structured.js';
import { reasonOf } from './thrown.js';

const text = (item: BareItem): string => serializeItem({ item, parameters: NO_PARAMETERS });

describe('serialize', () => {
  it('writes each type in its canonical form (RFC 9651 section 4.1)', () => {
    expect(text({ type: 'integer', value: -7 })).to.equal('-7');
    expect(text({ type: 'integer', value: -0 })).to.equal('0');
    expect(text({ type: 'decimal', value: 2 })).to.equal('2.0');
    expect(text({ type: 'decimal', value: 2.25 })).to.equal('2.25');
    expect(text({ type: 'decimal', value: -0.0001 })).to.equal('0.0');
    expect(text({ type: 'decimal', value: 100.5 })).to.equal('100.5');
    expect(text({ type: 'string', value: 'a "b" \\' })).to.equal(String.raw`"a \"b\" \\"`);
    expect(text({ type: 'token', value: 'a/b' })).to.equal('a/b');
    expect(text({ type: 'bytes', value: Uint8Array.of(255, 254) })).to.equal('://4=:');
    expect(text({ type: 'boolean', value: true })).to.equal('?1');
    expect(text({ type: 'boolean', value: false })).to.equal('?0');
    expect(text({ type: 'date', value: 5 })).to.equal('@5');
  });

  it('writes numbers up to the largest that there is', () => {
    for (const sign of [1, -1]) {
      expect(text({ type: 'integer', value: sign * 999_999_999_999_999 })).to.match(/^-?9{15}$/);
      expect(text({ type: 'decimal', value: sign * 999_999_999_999.999 })).to.match(/^-?9{12}\.999$/);
    }
    expect(text({ type: 'decimal', value: 1.5 })).to.equal('1.5');
    expect(text({ type: 'decimal', value: 1.001 })).to.equal('1.001');
  });

  it('writes bytes of a view, not of the buffer beneath', () => {
    expect(serializeBytes(Uint8Array.of(1, 2, 3).subarray(1, 2))).to.equal(':Ag==:');
  });

  it('writes true as nothing where it is a member or a parameter', () => {
    const yes: Member = {
      item: { type: 'boolean', value: true },
      parameters: new Map([['x', { type: 'boolean', value: true }]]),
    };
    const no: Member = {
      item: { type: 'boolean', value: false },
      parameters: new Map([['x', { type: 'boolean', value: false }]]),
    };
    expect(
      serializeDictionary(
        new Map([
          ['a', yes],
          ['b', no],
        ]),
      ),
    ).to.equal('a;x, b=?0;x=?0');
  });

  it('writes nothing that could not be read back', () => {
    const bad: readonly BareItem[] = [
      { type: 'integer', value: 1.5 },
      { type: 'integer', value: Number.NaN },
      { type: 'integer', value: 1_000_000_000_000_000 },
      { type: 'integer', value: -1_000_000_000_000_000 },
      { type: 'date', value: 0.5 },
      { type: 'decimal', value: -1e12 },
      { type: 'decimal', value: 1e12 },
      { type: 'decimal', value: Number.POSITIVE_INFINITY },
      { type: 'decimal', value: Number.NaN },
      { type: 'string', value: 'a\nb' },
      { type: 'string', value: '\na' },
      { type: 'string', value: '\u00e9' },
      { type: 'token', value: ' a' },
      { type: 'string', value: 'a"\u007f' },
      { type: 'token', value: '' },
      { type: 'token', value: '1a' },
      { type: 'token', value: 'a b' },
      { type: 'token', value: 'a\n' },
    ];
    for (const one of bad)
      expect(
        reasonOf(() => text(one)),
        JSON.stringify(one),
      ).to.equal('malformed');
    for (const key of ['', 'A', '1', ' a', 'Aa', 'a=', 'a b', 'a\n', '\u00e9']) {
      expect(
        reasonOf(() => serializeKey(key)),
        JSON.stringify(key),
      ).to.equal('malformed');
    }
  });
});
