import { expect } from 'chai';
import { TokenFault } from '../../../lib/tokens/fault.js';
import { decodeJwt, MAX_TOKEN_LENGTH } from '../../../lib/tokens/jwt.js';
import { encode } from './forge.js';

function reason(token: string): string {
  try {
    decodeJwt(token);
    return 'decoded';
  } catch (error) {
    if (error instanceof TokenFault) return error.message;
    throw error;
  }
}

const H = encode({ alg: 'ES256' });
const C = encode({ iss: 'https://issuer.example' });
const S = Buffer.alloc(64, 7).toString('base64url');

describe('lib/tokens/jwt', () => {
  it('takes the three segments of the compact form apart', () => {
    expect(decodeJwt(`${H}.${C}.${S}`)).to.deep.equal({
      header: { alg: 'ES256' },
      claims: { iss: 'https://issuer.example' },
    });
  });

  it('reads the example of RFC 7519 section 3.1', () => {
    const token =
      'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    expect(decodeJwt(token)).to.deep.equal({
      header: { typ: 'JWT', alg: 'HS256' },
      claims: { iss: 'joe', exp: 1300819380, 'http://example.com/is_root': true },
    });
  });

  it('denies any other number of segments, the five of an encrypted token included', () => {
    for (const token of [
      '',
      H,
      `${H}.${C}`,
      `${H}.${C}.${S}.${S}`,
      `${H}.${C}.${S}.${S}.${S}`,
      `${H}..${S}`,
      `.${C}.${S}`,
      `${H}.${C}.`,
      '..',
      '{}',
    ]) {
      expect(reason(token), token).to.equal('format');
    }
  });

  it('denies the JSON form of a signed token', () => {
    expect(reason(JSON.stringify({ protected: H, payload: C, signature: S }))).to.equal('format');
  });

  it('denies padding, the other alphabet, spaces, and a second spelling of the same bytes', () => {
    const respelled = S.slice(0, -1) + String.fromCharCode(S.charCodeAt(S.length - 1) + 1);
    expect(Buffer.from(respelled, 'base64url')).to.deep.equal(Buffer.from(S, 'base64url'));
    for (const bad of [`${S}==`, `${S} `, ` ${S}`, `${S.slice(0, -2)}+/`, `${S}\n`, 'A', respelled]) {
      expect(reason(`${H}.${C}.${bad}`), bad).to.equal('format');
      expect(reason(`${H}.${bad}.${S}`), bad).to.equal('format');
      expect(reason(`${bad}.${C}.${S}`), bad).to.equal('format');
    }
  });

  it('denies a header or claims that are not a JSON object with distinct names', () => {
    const texts = [
      '[]',
      '1',
      'null',
      '"x"',
      '',
      '{',
      '{"a":1,"a":1}',
      '\ufeff{}',
      '{"a":\u0001}',
      '{"a":9007199254740993}',
    ];
    for (const text of texts) {
      expect(reason(`${encode(text)}.${C}.${S}`), text).to.equal(text === '' ? 'format' : 'header');
      expect(reason(`${H}.${encode(text)}.${S}`), text).to.equal('format');
    }
    const notUtf8 = Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url');
    expect(reason(`${notUtf8}.${C}.${S}`)).to.equal('header');
  });

  it('does not look at a token above 16 KiB', () => {
    const filler = (length: number): string => 'A'.repeat(length);
    const rest = MAX_TOKEN_LENGTH - H.length - C.length - 2;
    expect(reason(`${H}.${C}.${filler(rest - (rest % 4))}`)).to.equal('decoded');
    expect(reason(`${H}.${C}.${filler(rest + 1)}`)).to.equal('size');
  });

  it('keeps no part of the token in the error', () => {
    try {
      decodeJwt(`${encode('{"secret')}.${C}.${S}`);
      expect.fail('decoded');
    } catch (error) {
      expect(error).to.be.instanceOf(TokenFault);
      expect((error as TokenFault).cause).to.equal(undefined);
      expect((error as TokenFault).message).to.equal('header');
    }
  });
});
