import { expect } from 'chai';
import { acceptSignature, coverageFor, isNonce, requiredComponents } from '../../../lib/signatures/profile.js';

describe('the signature profile', () => {
  it('covers the fields that speak for the caller where they are there, and no others', () => {
    expect(requiredComponents('GET', {})).to.deep.equal(['@method', '@target-uri']);
    expect(requiredComponents('POST', {})).to.deep.equal(['@method', '@target-uri', 'content-type', 'content-digest']);
    const headers = {
      'mcp-param-b': ['2'],
      'mcp-param-a': ['1'],
      'mcp-param-c': undefined,
      'x-mcp-param-d': ['4'],
      'last-event-id': ['7'],
      'mcp-session-id': ['s'],
      'mcp-name': ['n'],
      'mcp-method': ['m'],
      'mcp-protocol-version': ['v'],
      dpop: ['p'],
      authorization: ['Bearer t'],
      accept: ['*/*'],
      cookie: ['c'],
    };
    expect(requiredComponents('GET', headers)).to.deep.equal([
      ...['@method', '@target-uri', 'authorization', 'dpop', 'mcp-protocol-version', 'mcp-method', 'mcp-name'],
      ...['mcp-session-id', 'last-event-id', 'mcp-param-a', 'mcp-param-b'],
    ]);
    expect(requiredComponents('GET', { ...headers, dpop: undefined })).to.not.include('dpop');
  });

  it('asks for a signature over a request like that', () => {
    expect(acceptSignature('POST', { authorization: ['Bearer t'] })).to.equal(
      'sig1=("@method" "@target-uri" "content-type" "content-digest" "authorization");created;expires;tag="mcp-etdi"',
    );
  });

  it('asks for no more components than a signature can cover', () => {
    const headers = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`mcp-param-${n + 10}`, ['x']]));
    const asked = acceptSignature('GET', headers);
    expect(asked.match(/"mcp-param-\d\d"/g)).to.have.lengthOf(30);
    expect(asked).to.include('"mcp-param-39")');
  });

  it('prepares coverage once, for so many sets of fields', () => {
    const of = (name: string) => coverageFor('GET', { [`mcp-param-${name}`]: ['x'], authorization: ['Bearer t'] });
    expect(of('first').text).to.equal('("@method" "@target-uri" "authorization" "mcp-param-first")');
    expect(of('first')).to.equal(of('first'));
    for (let n = 0; n < 64; n += 1) of(`other-${n}`);
    expect(of('last').text).to.equal('("@method" "@target-uri" "authorization" "mcp-param-last")');
    expect(of('last')).to.not.equal(of('last'));
  });

  it('takes a nonce of 22 to 256 characters that a structured string can hold as they are', () => {
    for (const nonce of ['a'.repeat(22), 'a'.repeat(256), `!#[]~${'a'.repeat(17)}`])
      expect(isNonce(nonce)).to.equal(true);
    for (const odd of [' ', '"', '\\', '\n', '\u007f', '\u00e9']) {
      expect(isNonce(`${odd}${'a'.repeat(22)}`), odd).to.equal(false);
      expect(isNonce(`${'a'.repeat(22)}${odd}`), odd).to.equal(false);
    }
    for (const nonce of ['', 'a'.repeat(21), 'a'.repeat(257)]) expect(isNonce(nonce)).to.equal(false);
  });
});
