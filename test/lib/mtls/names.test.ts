import { expect } from 'chai';
import fc from 'fast-check';
import { readNames } from '../../../lib/mtls/names.js';

describe('subject alternative names', () => {
  it('are read by their kind, host names in lower case', () => {
    expect(
      readNames('URI:spiffe://example.org/a, DNS:A.Example.org, IP Address:127.0.0.1, email:a@example.org'),
    ).to.deep.equal({
      uri: ['spiffe://example.org/a'],
      dns: ['a.example.org'],
    });
    for (const none of [undefined, '', 'othername:<unsupported>', 'DirName:"CN=x\\u002cO=y"'])
      expect(readNames(none)).to.deep.equal({ uri: [], dns: [] });
  });

  it('do not come out of what is within quotes', () => {
    expect(readNames('DNS:"a\\u002c URI:spiffe://example.org/admin"')).to.deep.equal({
      uri: [],
      dns: ['a, uri:spiffe://example.org/admin'],
    });
    expect(readNames('URI:"x\\", DNS:admin"')).to.deep.equal({ uri: ['x", DNS:admin'], dns: [] });
  });

  for (const text of ['DNS', 'DNS:a,DNS:b', 'DNS:"a', 'DNS:a"b', 'DNS:"\\q"', 'DNS:a\\', 'DNS:a, , DNS:b', ':a']) {
    it(`are not guessed: ${JSON.stringify(text)}`, () => {
      expect(() => readNames(text)).to.throw();
    });
  }

  it('come back as they were written, whatever they are', () => {
    const name = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), (names) => {
        const text = names.map((one) => `URI:${JSON.stringify(one)}`).join(', ');
        expect(readNames(text).uri).to.deep.equal(names);
      }),
    );
  });

  it('are read, or not, in linear time', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', '\\', ',', ' ', ':', 'D', 'N', 'S', 'a') }), (text) => {
        try {
          readNames(text);
        } catch (error) {
          expect(error).to.be.instanceOf(Error);
        }
      }),
    );
  });
});
