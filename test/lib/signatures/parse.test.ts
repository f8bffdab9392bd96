import { expect } from 'chai';
import fc from 'fast-check';
import { SignatureError } from '../../../lib/signatures/error.js';
import { parseDictionary, parseItem, parseList } from '../../../lib/signatures/parse.js';
import { serializeDictionary, serializeItem, serializeList } from '../../../lib/signatures/serialize.js';
import type { InnerList } from '../../../lib/signatures/structured.js';
import { item, structured } from './arbitraries.js';
import { reasonOf } from './thrown.js';

const key = (letter: string, times: number): string => letter.repeat(times);

describe('parse', () => {
  describe('items (RFC 9651 section 3.3)', () => {
    const good: readonly (readonly [string, unknown])[] = [
      ['1', { type: 'integer', value: 1 }],
      ['-0', { type: 'integer', value: 0 }],
      ['0042', { type: 'integer', value: 42 }],
      ['999999999999999', { type: 'integer', value: 999_999_999_999_999 }],
      ['-999999999999999', { type: 'integer', value: -999_999_999_999_999 }],
      ['4.5', { type: 'decimal', value: 4.5 }],
      ['-0.0', { type: 'decimal', value: 0 }],
      ['999999999999.999', { type: 'decimal', value: 999_999_999_999.999 }],
      ['""', { type: 'string', value: '' }],
      ['"hello world"', { type: 'string', value: 'hello world' }],
      [String.raw`"a \"quote\" and \\"`, { type: 'string', value: 'a "quote" and \\' }],
      ['")"', { type: 'string', value: ')' }],
      ['foo123/456', { type: 'token', value: 'foo123/456' }],
      ['*a:b', { type: 'token', value: '*a:b' }],
      ['?1', { type: 'boolean', value: true }],
      ['?0', { type: 'boolean', value: false }],
      ['@1659578233', { type: 'date', value: 1_659_578_233 }],
      ['@-62135596800', { type: 'date', value: -62_135_596_800 }],
      ['  1  ', { type: 'integer', value: 1 }],
    ];
    for (const [text, expected] of good) {
      it(`reads ${JSON.stringify(text)}`, () => {
        expect(item(parseItem(text))).to.deep.equal({ item: expected, parameters: [] });
      });
    }

    it('reads bytes', () => {
      expect(Buffer.from(parseItem(':cHJldGVuZCB0aGlz:').item.value as Uint8Array).toString()).to.equal('pretend this');
      expect(parseItem('::').item).to.deep.equal({ type: 'bytes', value: Buffer.alloc(0) });
    });

    it('reads parameters in their order', () => {
      expect(item(parseItem('abc;a=1;  b;c=?0;*d="x"'))).to.deep.equal({
        item: { type: 'token', value: 'abc' },
        parameters: [
          ['a', { type: 'integer', value: 1 }],
          ['b', { type: 'boolean', value: true }],
          ['c', { type: 'boolean', value: false }],
          ['*d', { type: 'string', value: 'x' }],
        ],
      });
    });

    it('denies everything else', () => {
      const bad = [
        ...['', ' ', ',', '1,', '1 2', '\t1', '1\t', '\n1', '1\n', '(1)', '()', '1;', '1;=', '1;A', '1;a=', '1;a = 1'],
        ...['-', '--1', '+1', '- 1', '1e3', '0x1', '1000000000000000', '-1000000000000000', '00000000000000001'],
        ...['.5', '5.', '1.2345', '1..2', '1.2.3', '1234567890123.1', '-.1', '-NaN', '1_000'],
        ...[
          '"',
          '"a',
          'a"',
          '"a\\',
          '"\\a"',
          '"\\',
          '"\n"',
          '"\t"',
          '"\x7f"',
          '"\u00e9"',
          '"\u{1f600}"',
          "'a'",
          '"a"b',
        ],
        ...[
          ':',
          ':YQ=:',
          ':YQ:',
          ':YR==:',
          ':YQ==',
          'YQ==:',
          ':Y Q==:',
          ':YQ==YQ==:',
          ':YQ-_:',
          ':\u00e9:',
          ':YQ==:=',
          ':a:',
        ],
        ...['?', '?2', '?true', '? 1', '??1', '?10', '@', '@1.0', '@a', '@ 1', '@@1', '%"a"', '{}', '1a', 'a b', 'a=1'],
        ...['a;b;b', 'a;b=1;b=2', 'a;b;c;b', 'a ;b', 'a; ;b', '\ufeff1', '\u00001', '1\u0000', '\u0661'],
      ];
      for (const text of bad)
        expect(
          reasonOf(() => parseItem(text)),
          JSON.stringify(text),
        ).to.equal('malformed');
    });
  });

  describe('lists (RFC 9651 section 3.1)', () => {
    it('reads items and inner lists', () => {
      const list = parseList('a, ("b" "c";x);y=1 ,\t(),3');
      expect(serializeList(list)).to.equal('a, ("b" "c";x);y=1, (), 3');
      expect(list).to.have.length(4);
    });

    it('reads nothing as an empty list', () => {
      expect(parseList('')).to.deep.equal([]);
      expect(parseList('   ')).to.deep.equal([]);
    });

    it('denies everything else', () => {
      const bad = [
        ',',
        'a,',
        ',a',
        'a,,b',
        'a, ',
        'a b',
        '(',
        ')',
        '(a',
        'a)',
        '(a,b)',
        '(a(b))',
        '(a)b',
        '(a"b")',
        '(a\tb)',
      ];
      for (const text of [...bad, '(  a', '("a"', '("a)', '(a;)', '(a);', 'a\n,b', 'a,\nb']) {
        expect(
          reasonOf(() => parseList(text)),
          JSON.stringify(text),
        ).to.equal('malformed');
      }
    });
  });

  describe('dictionaries (RFC 9651 section 3.2)', () => {
    it('reads members in their order', () => {
      const dictionary = parseDictionary('en="Applepie", da=:w4ZibGV0w6ZydGU=:,a;x=1\t,\tb=?0, c=( 1  2 );q, d=?1;z');
      expect(serializeDictionary(dictionary)).to.equal(
        'en="Applepie", da=:w4ZibGV0w6ZydGU=:, a;x=1, b=?0, c=(1 2);q, d;z',
      );
      expect([...dictionary.keys()]).to.deep.equal(['en', 'da', 'a', 'b', 'c', 'd']);
    });

    it('reads names of the prototype as names', () => {
      const dictionary = parseDictionary('constructor=1;valueof=2, a.b=3');
      expect([...dictionary.keys()]).to.deep.equal(['constructor', 'a.b']);
      expect(dictionary.get('toString')).to.equal(undefined);
    });

    it('denies a key that comes twice, in which two readers would see two things', () => {
      for (const text of ['a=1, a=1', 'a=1,a=2', 'a, b, a', 'a=(1), a']) {
        expect(reasonOf(() => parseDictionary(text))).to.equal('malformed');
      }
    });

    it('denies everything else', () => {
      const bad = [
        '=',
        'a=',
        'a=,',
        'A=1',
        '1=1',
        '-a=1',
        'a =1',
        'a= 1',
        'a=1,',
        ',a=1',
        'a=1,,b=2',
        'a=1 b=2',
        '"a"=1',
      ];
      for (const text of [
        ...bad,
        'a=1;',
        'a;=1',
        'a=(1',
        '\u00e9=1',
        'a=1\n',
        'a:1',
        'a=1, \u00a0b=2',
        '__proto__=1',
      ]) {
        expect(
          reasonOf(() => parseDictionary(text)),
          JSON.stringify(text),
        ).to.equal('malformed');
      }
    });
  });

  it('reads a list that it has read before as it stands now', () => {
    const before = serializeDictionary(parseDictionary('a=("x" "y");n=1'));
    expect(before).to.equal('a=("x" "y");n=1');
    expect(serializeDictionary(parseDictionary('b=("x" "y");n=2, c=("x" "y")'))).to.equal(
      'b=("x" "y");n=2, c=("x" "y")',
    );
    for (const text of ['a=("x" "y")z', 'a=("x" "y") ;n=1', 'a=("x" "y"', 'a=("x" "y"))', 'a="("x" "y")']) {
      expect(
        reasonOf(() => parseDictionary(text)),
        text,
      ).to.equal('malformed');
    }
    expect(serializeDictionary(parseDictionary('a=("x)" "y")'))).to.equal('a=("x)" "y")');
    expect(serializeDictionary(parseDictionary('a=("x)" "y"), b=("x" "y")'))).to.equal('a=("x)" "y"), b=("x" "y")');
  });

  it('reads the same however many other lists it has read in between', () => {
    for (let index = 0; index < 500; index += 1) {
      const text = `a=("c${index}" "d");k=${index}, b=("same")`;
      expect(serializeDictionary(parseDictionary(text))).to.equal(text);
    }
  });

  it('remembers 64 lists of up to 1024 characters', () => {
    const items = (text: string): unknown => (parseList(text)[0] as InnerList).items;
    const others = (count: number, name: string): void => {
      for (let index = 0; index < count; index += 1) items(`("${name}${index}")`);
    };
    others(64, 'before');
    const kept = items('("kept")');
    others(63, 'after');
    expect(items('("kept")')).to.equal(kept);
    others(1, 'last');
    expect(items('("kept")')).to.not.equal(kept);
    const long = `("${key('x', 1020)}")`;
    expect(items(long)).to.equal(items(long));
    const longer = `("${key('x', 1021)}")`;
    expect(items(longer)).to.not.equal(items(longer));
  });

  it('hands out lists that nobody changes', () => {
    expect((parseList('("a" "b")')[0] as InnerList).items).to.be.frozen;
  });

  it('reads long fields in linear time and depth', () => {
    const long = 100_000;
    expect(parseItem(`"${key('a', long)}"`).item.value).to.have.length(long);
    expect(parseItem(`"${key('\\"', long)}"`).item.value).to.have.length(long);
    for (const text of [
      key('(', long),
      key('"', long),
      key('a;', long),
      key('?', long),
      key(' ', long),
      key('a,', long),
    ]) {
      expect(reasonOf(() => parseItem(text))).to.equal('malformed');
    }
    expect(parseList(`(${key('1 ', long)})`)[0])
      .to.have.property('items')
      .with.length(long);
  });

  it('gives back what was serialized', () => {
    fc.assert(
      fc.property(structured.dictionary, (dictionary) => {
        expect(parseDictionary(serializeDictionary(dictionary))).to.deep.equal(dictionary);
      }),
    );
    fc.assert(
      fc.property(structured.list, (list) => {
        expect(parseList(serializeList(list))).to.deep.equal(list);
      }),
    );
    fc.assert(
      fc.property(structured.item, (one) => {
        expect(parseItem(serializeItem(one))).to.deep.equal(one);
      }),
    );
  });

  it('throws nothing but its own error, and reads its own canonical text as the same', () => {
    const pieces = fc.constantFrom(
      ...['a', 'b', '=', ';', ',', ' ', '(', ')', '"', '\\', '?1', '?0', ':', 'YQ==', '1', '-', '.', '@', '*', '\t'],
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 24 }).map((list) => list.join('')),
      fc.string({ unit: 'binary', maxLength: 40 }),
    );
    const parsers = [
      (one: string) => serializeDictionary(parseDictionary(one)),
      (one: string) => serializeList(parseList(one)),
      (one: string) => serializeItem(parseItem(one)),
    ];
    fc.assert(
      fc.property(text, fc.constantFrom(...parsers), (one, canonical) => {
        try {
          const first = canonical(one);
          expect(canonical(first)).to.equal(first);
        } catch (error) {
          expect(error).to.be.instanceOf(SignatureError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
