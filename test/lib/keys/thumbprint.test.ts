import { expect } from 'chai';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { thumbprint } from '../../../lib/keys/thumbprint.js';

/** RFC 7638 section 3.1. */
const RSA: JWK = {
  kty: 'RSA',
  n:
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn' +
    'jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q' +
    'MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awap' +
    'JzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
};

/** RFC 8037 appendix A.2. */
const OKP: JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };

/** RFC 9449 section 4.1: the key of the example proof. */
const EC: JWK = {
  kty: 'EC',
  x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
  y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
  crv: 'P-256',
};

describe('thumbprint', () => {
  it('is that of RFC 7638 section 3.1', () => {
    expect(thumbprint(RSA)).to.equal('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it('is that of RFC 8037 appendix A.3', () => {
    expect(thumbprint(OKP)).to.equal('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  it('is that of RFC 9449 section 6.1', () => {
    expect(thumbprint(EC)).to.equal('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I');
  });

  it('is that of another implementation', async () => {
    for (const jwk of [RSA, OKP, EC]) expect(thumbprint(jwk)).to.equal(await calculateJwkThumbprint(jwk));
  });

  it('does not depend on other members, on their order, or on a private half', () => {
    const { kty, crv, x, y } = EC as Required<JWK>;
    expect(thumbprint({ y, d: 'AAAA', crv, use: 'sig', x, kty, kid: 'other', alg: 'ES256' })).to.equal(thumbprint(EC));
  });

  it('throws for what has none', () => {
    const bad: readonly (readonly [unknown, RegExp])[] = [
      [{}, /'kty'/],
      [{ kty: 'oct', k: 'AAAA' }, /'kty'/],
      [{ kty: 'toString' }, /'kty'/],
      [{ kty: ['EC'] }, /'kty'/],
      [{ ...EC, y: undefined }, /'y'/],
      [{ ...EC, x: 1 }, /'x'/],
      [{ ...EC, x: '' }, /'x'/],
      [{ ...OKP, crv: 'Ed"25519' }, /'crv'/],
      [{ ...RSA, e: 'AQAB=' }, /'e'/],
      [{ ...RSA, n: `${RSA.n ?? ''}\n` }, /'n'/],
    ];
    for (const [jwk, message] of bad) expect(() => thumbprint(jwk as JWK)).to.throw(TypeError, message);
  });
});
