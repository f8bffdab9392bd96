import { expect } from 'chai';
import fc from 'fast-check';
import { validateHeaderValue } from 'node:http';
import { challenge } from '../../lib/challenge.js';

describe('challenge', () => {
  it('writes scheme and parameters (RFC 9110 section 11.6.1)', () => {
    expect(challenge('Bearer')).to.equal('Bearer');
    expect(challenge('Bearer', {})).to.equal('Bearer');
    // The example of RFC 6750 section 3.
    const expired = { realm: 'example', error: 'invalid_token', error_description: 'The access token expired' };
    expect(challenge('Bearer', expired)).to.equal(
      'Bearer realm="example", error="invalid_token", error_description="The access token expired"',
    );
  });

  it('leaves out what is undefined', () => {
    expect(challenge('Bearer', { error: undefined })).to.equal('Bearer');
    expect(challenge('Bearer', { error: undefined, scope: 'a b' })).to.equal('Bearer scope="a b"');
    expect(challenge('Bearer', { scope: '' })).to.equal('Bearer scope=""');
  });

  it('drops what could end a quoted string or a line', () => {
    expect(challenge('Bearer', { scope: 'a" , error="x\\' })).to.equal('Bearer scope="a , error=x"');
    expect(challenge('Bearer', { scope: 'a\r\nSet-Cookie: b\0\u20ac\u{1f600}\x7f' })).to.equal(
      'Bearer scope="aSet-Cookie: b"',
    );
  });

  it('is one well-formed header value, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (scope, error) => {
        const value = challenge('Bearer', { scope, error });
        expect(() => {
          validateHeaderValue('WWW-Authenticate', value);
        }).to.not.throw();
        expect(value).to.match(/^Bearer scope="[^"\\]*", error="[^"\\]*"$/);
      }),
    );
  });
});
