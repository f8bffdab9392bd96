import { expect } from 'chai';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { fakeIssuer } from '../../../lib/testing.js';

describe('lib/testing/fakeIssuer', () => {
  it('signs tokens that its key set verifies, with every algorithm', async () => {
    for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']) {
      const as = fakeIssuer({ algorithm });
      const { payload, protectedHeader } = await jwtVerify(await as.token(), createLocalJWKSet(await as.jwks()), {
        issuer: 'https://issuer.example',
        audience: 'https://mcp.example/mcp',
        typ: 'at+jwt',
      });
      expect(protectedHeader.alg).to.equal(algorithm);
      expect(payload).to.include.keys('iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti', 'scope');
      expect(payload.exp! - payload.iat!).to.equal(300);
    }
  });

  it('replaces and leaves out claims and header members', async () => {
    const as = fakeIssuer();
    const [header, claims] = (await as.token({ sub: 'jane', jti: undefined }, { typ: undefined, extra: 1 }))
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
    expect(claims).to.include({ sub: 'jane' }).and.not.have.property('jti');
    expect(header).to.include({ extra: 1 }).and.not.have.property('typ');
  });

  it('has keys of its own, even under the name of another', async () => {
    const [one, other] = [fakeIssuer(), fakeIssuer()];
    const error: unknown = await jwtVerify(await one.token(), createLocalJWKSet(await other.jwks())).catch(
      (e: unknown) => e,
    );
    expect(error).to.be.instanceOf(Error);
  });

  it('serves metadata where clients look for it, and counts', async () => {
    const as = fakeIssuer({ issuer: 'https://as.example/tenant/', metadataUrl: 'https://elsewhere.example/meta' });
    const urls = [
      'https://as.example/.well-known/oauth-authorization-server/tenant',
      'https://as.example/.well-known/openid-configuration/tenant',
      'https://as.example/tenant/.well-known/openid-configuration',
      'https://elsewhere.example/meta',
    ];
    for (const url of urls) {
      expect(await (await as.fetch(url)).json()).to.include({
        issuer: 'https://as.example/tenant/',
        jwks_uri: 'https://as.example/tenant/jwks',
      });
    }
    expect(await (await as.fetch(new URL(as.jwksUri))).json()).to.deep.equal(await as.jwks());
    expect((await as.fetch(new Request('https://as.example/other'))).status).to.equal(404);
    expect([...as.requests.values()]).to.deep.equal([1, 1, 1, 1, 1, 1]);
  });

  it('keeps earlier keys published through a rotation, unless they are revoked', async () => {
    const as = fakeIssuer();
    const before = await as.token();
    const verifies = async (token: string): Promise<boolean> =>
      jwtVerify(token, createLocalJWKSet(await as.jwks())).then(
        () => true,
        () => false,
      );
    as.rotate();
    expect((await as.jwks()).keys).to.have.length(2);
    expect([await verifies(before), await verifies(await as.token())]).to.deep.equal([true, true]);
    as.rotate({ revoke: true });
    expect((await as.jwks()).keys).to.have.length(1);
    expect([await verifies(before), await verifies(await as.token())]).to.deep.equal([false, true]);
  });

  it('does not answer during an outage', async () => {
    const as = fakeIssuer();
    as.outage(true);
    const error: unknown = await as.fetch(as.jwksUri).catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(TypeError);
    as.outage(false);
    expect((await as.fetch(as.jwksUri)).status).to.equal(200);
  });

  it('goes by the clock it is given', async () => {
    const as = fakeIssuer({ now: () => new Date('2030-01-01T00:00:00Z') });
    const claims = JSON.parse(Buffer.from((await as.token()).split('.')[1]!, 'base64url').toString()) as {
      iat: number;
    };
    expect(claims.iat).to.equal(Date.parse('2030-01-01T00:00:00Z') / 1000);
  });
});
