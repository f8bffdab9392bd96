import { expect } from 'chai';
import fc from 'fast-check';
import { credentialReader } from '../../../lib/tokens/credentials.js';

const readBearer = credentialReader(['bearer']);

describe('lib/tokens/credentials', () => {
  it('reads the example of RFC 6750 section 2.1', () => {
    expect(readBearer(['Bearer mF_9.B5f-4.1JqM'])).to.deep.equal({ scheme: 'bearer', token: 'mF_9.B5f-4.1JqM' });
  });

  it('takes the scheme in any case, and several spaces after it', () => {
    for (const line of ['bearer abc', 'BEARER abc', 'bEaReR   abc']) {
      expect(readBearer([line])).to.deep.equal({ scheme: 'bearer', token: 'abc' });
    }
    expect(readBearer(['Bearer abc=='])).to.deep.equal({ scheme: 'bearer', token: 'abc==' });
  });

  it('finds no token without the header, or under another scheme', () => {
    for (const lines of [
      undefined,
      [],
      [''],
      ['Basic dTpw'],
      ['DPoP abc'],
      ['BearerX abc'],
      ['Bearer,abc'],
      ['abc'],
      [' Bearer abc'],
    ]) {
      expect(readBearer(lines)).to.deep.equal({ problem: 'missing' });
    }
  });

  it('finds malformed what names the scheme and is no token', () => {
    const lines = [
      'Bearer',
      'Bearer ',
      'bearer\tabc',
      'Bearer\t abc',
      'Bearer a b',
      'Bearer abc ',
      'Bearer abc, Bearer def',
      'Bearer abc,def',
      'Bearer "abc"',
      'Bearer =abc',
      'Bearer a=b',
      'Bearer token="abc"',
      'Bearer \u00e4bc',
      'Bearer Bearer abc',
    ];
    for (const line of lines) expect(readBearer([line]), line).to.deep.equal({ problem: 'malformed' });
  });

  it('finds two lines one too many, even the same twice', () => {
    for (const lines of [
      ['Bearer a', 'Bearer a'],
      ['Bearer a', 'Basic b'],
      ['', 'Bearer a'],
    ]) {
      expect(readBearer(lines)).to.deep.equal({ problem: 'duplicate' });
    }
  });

  it('reads every token of the b64token syntax, and nothing beside it', () => {
    const character = fc.constantFrom(...Array.from('ABCXYZabcxyz0189-._~+/'));
    const tokens = fc
      .tuple(fc.string({ unit: character, minLength: 1 }), fc.nat(3))
      .map(([text, pad]) => text + '='.repeat(pad));
    fc.assert(
      fc.property(tokens, (token) => {
        expect(readBearer([`Bearer ${token}`])).to.deep.equal({ scheme: 'bearer', token });
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const read = readBearer([`Bearer ${text}`]);
        if ('token' in read) expect(read.token).to.match(/^[\w.~+/-]+=*$/);
      }),
    );
  });

  it('answers a long line in linear time', () => {
    expect(readBearer([`Bearer ${'='.repeat(100_000)}a`])).to.deep.equal({ problem: 'malformed' });
    expect(readBearer([`Bearer ${' '.repeat(100_000)},`])).to.deep.equal({ problem: 'malformed' });
  });
});
