import { expect } from 'chai';
import fc from 'fast-check';
import { escapeText, showText } from '../../lib/text.js';

/** Everything that ends a line, moves the cursor, turns the reading direction or is not seen. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Reads an escaped text back. Nothing but `\\` and `\uXXXX` may follow a backslash. */
function unescape(text: string): string {
  return text.replace(/\\(\\|u[0-9a-f]{4}|.)/gsu, (_, escape: string) => {
    if (escape === '\\') return '\\';
    if (!escape.startsWith('u') || escape.length !== 5) throw new Error(`no escape: ${escape}`);
    return String.fromCharCode(parseInt(escape.slice(1), 16));
  });
}

describe('escapeText', () => {
  it('leaves what is seen where it stands, in any script', () => {
    for (const text of [
      '',
      'read_file',
      'a b',
      '"quoted"',
      '\u00e9t\u00e9',
      '\u65e5\u672c',
      '\u{1f600}',
      '__proto__',
    ]) {
      expect(escapeText(text)).to.equal(text);
    }
  });

  it('escapes control, separator, bidirectional and invisible characters', () => {
    const table: readonly [string, string][] = [
      ['a\nb', 'a\\u000ab'],
      ['a\r\nb', 'a\\u000d\\u000ab'],
      ['\0', '\\u0000'],
      ['\t', '\\u0009'],
      ['\u001b[2J', '\\u001b[2J'],
      ['\u007f', '\\u007f'],
      ['\u0085', '\\u0085'],
      ['\u009b31m', '\\u009b31m'],
      ['\u2028\u2029', '\\u2028\\u2029'],
      ['\u202e\u2066\u061c\u200f', '\\u202e\\u2066\\u061c\\u200f'],
      ['\u200b\ufeff\u00ad\u2060', '\\u200b\\ufeff\\u00ad\\u2060'],
      ['\u{e0041}', '\\udb40\\udc41'],
      ['\ufe0f', '\\ufe0f'],
      ['\ud83d', '\\ud83d'],
      ['\ude00x', '\\ude00x'],
      ['\uffff', '\\uffff'],
    ];
    for (const [text, escaped] of table) expect(escapeText(text), escaped).to.equal(escaped);
  });

  it('escapes the backslash, so that a client cannot write an escape itself', () => {
    expect(escapeText('a\\u000ab')).to.equal('a\\\\u000ab');
    expect(escapeText('a\\u000ab')).to.not.equal(escapeText('a\nb'));
  });

  it('cuts what is longer than it may be, and marks it as nothing else can be marked', () => {
    expect(escapeText('x'.repeat(256))).to.equal('x'.repeat(256));
    expect(escapeText('x'.repeat(257))).to.equal(`${'x'.repeat(256)}\\...`);
    expect(escapeText('abcd', 3)).to.equal('abc\\...');
    expect(escapeText('abc\\...', 7)).to.equal('abc\\\\...');
  });

  it('cuts a character in two rather than to let it through', () => {
    expect(escapeText('a\u{1f600}', 2)).to.equal('a\\ud83d\\...');
  });

  it('is bounded for a megabyte of anything', () => {
    for (const unit of ['x', '\n', '\\', '\ud800', '\u202e']) {
      expect(escapeText(unit.repeat(1_000_000))).to.have.lengthOf.at.most(256 * 6 + 4);
    }
  });

  it('gives every text one safe form from which it can be read back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string(), badStrings), (text) => {
        const escaped = escapeText(text, Infinity);
        expect(escaped).to.not.match(UNSAFE);
        expect(unescape(escaped)).to.equal(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe('showText', () => {
  it('shows an escaped text as it is, and hides nothing of one that is not', () => {
    expect(showText('a\\u000ab \\\\')).to.equal('a\\u000ab \\\\');
    expect(showText('a\nb\u202e\\')).to.equal('a\\u000ab\\u202e\\');
    expect(showText('gr\u00fcn')).to.equal('gr\u00fcn');
  });

  it('changes nothing that it showed before, and leaves nothing unsafe', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), badStrings), (text) => {
        const shown = showText(text, Infinity);
        expect(showText(shown, Infinity)).to.equal(shown);
        expect(shown).to.not.match(UNSAFE);
      }),
    );
  });

  it('cuts what is too long', () => {
    expect(showText('abcd', 3)).to.equal('abc\\...');
  });
});

const badStrings = fc
  .array(fc.constantFrom('\\', 'u', '0', '\n', '\ud800', '\udc00', '\u2028', '\u202e', '\0', '\u001b', 'a'))
  .map((units) => units.join(''));
