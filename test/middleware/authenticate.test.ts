import { createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { expect } from 'chai';
import { auth0, oidc } from '../../lib/providers/index.js';
import { fakeContext, fakeIssuer, type FakeIssuer, type FakeIssuerOptions } from '../../lib/testing.js';
import type { Auth } from '../../lib/tokens/auth.js';
import { authenticate, type AuthenticateOptions } from '../../middleware/authenticate.js';
import { encode, fakeClock, forger, verdict } from '../lib/tokens/forge.js';

const RESOURCE = 'https://mcp.example/mcp';
const ISSUER = 'https://issuer.example';
const AT = { alg: 'ES256', typ: 'at+jwt', kid: 'k1' };

interface Setup {
  readonly as: FakeIssuer;
  readonly auth: ReturnType<typeof authenticate>;
  readonly now: () => Date;
  readonly pass: (seconds: number) => void;
  /** What is said to a token of the issuer with these claims and header members. */
  readonly says: (
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ) => Promise<string>;
  /** The same of a token as it is. */
  readonly saysTo: (token: string) => Promise<string>;
  readonly seconds: () => number;
}

function setUp(options: Partial<AuthenticateOptions> = {}, server: FakeIssuerOptions = {}): Setup {
  const { now, pass } = fakeClock();
  const as = fakeIssuer({ issuer: ISSUER, resource: RESOURCE, now, ...server });
  const auth = authenticate({
    issuers: [oidc({ issuer: as.issuer })],
    resource: RESOURCE,
    fetch: as.fetch,
    now,
    ...options,
  });
  const saysTo = (token: string): Promise<string> => verdict(auth, `Bearer ${token}`);
  return {
    as,
    auth,
    now,
    pass,
    saysTo,
    says: async (claims, header) => saysTo(await as.token(claims, header)),
    seconds: () => now().getTime() / 1000,
  };
}

/** A server that knows the keys of a forger, who signs whatever is wanted. */
function setUpForged(algorithm: 'ES256' | 'RS256' | 'Ed25519' = 'ES256', jwks?: { keys: object[] }) {
  const forge = forger(algorithm);
  const fetcher: typeof fetch = (input) =>
    Promise.resolve(
      input === `${ISSUER}/jwks` ? Response.json(jwks ?? { keys: [forge.jwk] }) : new Response('', { status: 404 }),
    );
  const issuers = [oidc({ issuer: ISSUER, jwksUri: `${ISSUER}/jwks` })];
  const { auth, seconds } = setUp({ issuers, fetch: fetcher });
  const claims = {
    iss: ISSUER,
    sub: 'user',
    client_id: 'client',
    aud: RESOURCE,
    jti: '1',
    iat: seconds(),
    exp: seconds() + 300,
  };
  const saysTo = (token: string): Promise<string> => verdict(auth, `Bearer ${token}`);
  return { forge, claims, saysTo, header: { ...AT, alg: algorithm } };
}

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (body) => {
      body.enqueue(new Uint8Array(65_536));
    },
  });
}

async function proven(auth: Setup['auth'], token: string): Promise<Auth> {
  return (await auth.run(fakeContext({ headers: { authorization: `Bearer ${token}` } }))).auth;
}

describe('middleware/authenticate', () => {
  it('adds who calls, and needs no proof before', () => {
    expect(setUp().auth).to.deep.include({ name: 'authenticate', needs: [], adds: ['auth'] });
  });

  describe('a valid token', () => {
    it('proves who calls, frozen throughout', async () => {
      const { as, auth, seconds } = setUp();
      const token = await as.token({
        sub: 'jane',
        client_id: 'desktop',
        scope: 'mcp file:read',
        roles: ['analyst'],
        deep: { list: [{}] },
      });
      const proof = await proven(auth, token);
      expect(proof).to.deep.include({
        issuer: ISSUER,
        subject: 'jane',
        clientId: 'desktop',
        scopes: ['mcp', 'file:read'],
        roles: ['analyst'],
        resource: RESOURCE,
        expiresAt: seconds() + 300,
        token,
      });
      expect(proof.claims).to.include({ iss: ISSUER, aud: RESOURCE });
      const { list } = proof.claims['deep'] as { list: unknown[] };
      for (const part of [proof, proof.scopes, proof.roles, proof.claims, list, list[0]]) expect(part).to.be.frozen;
    });

    it('is accepted with every allowed algorithm', async () => {
      for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] as const) {
        expect(await setUp({}, { algorithm }).says(), algorithm).to.equal('allowed');
      }
    });

    it('is accepted with another algorithm only where a developer says so', async () => {
      for (const algorithm of ['RS512', 'PS384', 'ES384', 'ES512'] as const) {
        const { as, now, says } = setUp({}, { algorithm });
        expect(await says(), algorithm).to.equal('token_invalid algorithm');
        const issuers = [oidc({ issuer: ISSUER, algorithms: [algorithm] })];
        const told = authenticate({ issuers, resource: RESOURCE, fetch: as.fetch, now });
        expect(await verdict(told, `Bearer ${await as.token()}`), algorithm).to.equal('allowed');
      }
    });

    it('is accepted for this resource however its URL is spelled, and for no other', async () => {
      const { says } = setUp();
      for (const aud of [
        RESOURCE,
        `${RESOURCE}/`,
        'HTTPS://MCP.example:443/mcp',
        [RESOURCE],
        ['https://other.example', `${RESOURCE}/`],
      ]) {
        expect(await says({ aud }), String(aud)).to.equal('allowed');
      }
      for (const aud of [
        'https://mcp.example',
        'https://mcp.example/mcp2',
        'https://mcp.example/MCP',
        'http://mcp.example/mcp',
        'https://mcp.example.evil.example/mcp',
        `${RESOURCE} https://other.example`,
      ]) {
        expect(await says({ aud }), aud).to.equal('token_invalid audience');
      }
      const slashed = setUp({ resource: `${RESOURCE}/` });
      expect(await slashed.says({ aud: RESOURCE })).to.equal('allowed');
      expect((await proven(slashed.auth, await slashed.as.token())).resource).to.equal(RESOURCE);
    });

    it('is accepted for further identifiers of this resource, which are not its URL', async () => {
      const { says, as, auth } = setUp({ audience: ['api://mcp', 'https://old.example/mcp/'] });
      for (const aud of ['api://mcp', 'https://old.example/mcp', RESOURCE])
        expect(await says({ aud })).to.equal('allowed');
      for (const aud of ['api://MCP', 'api://mcp/', 'api:'])
        expect(await says({ aud })).to.equal('token_invalid audience');
      expect((await proven(auth, await as.token({ aud: 'api://mcp' }))).resource).to.equal(RESOURCE);
      expect(await setUp({ audience: 'api://mcp' }).says({ aud: 'api://mcp' })).to.equal('allowed');
    });

    it('is accepted from each of several issuers, by its own keys and rules', async () => {
      const { now } = fakeClock();
      const one = fakeIssuer({ issuer: ISSUER, now });
      const two = fakeIssuer({ issuer: 'https://tenant.auth0.com/', now });
      const both: typeof fetch = async (input, init) => {
        const answer = await one.fetch(input, init);
        return answer.ok ? answer : two.fetch(input, init);
      };
      const issuers = [oidc({ issuer: ISSUER }), auth0({ domain: 'tenant.auth0.com' })];
      const auth = authenticate({ issuers, resource: RESOURCE, fetch: both, now });
      const loose = { typ: 'JWT' };
      expect(await verdict(auth, `Bearer ${await one.token()}`)).to.equal('allowed');
      expect(await verdict(auth, `Bearer ${await two.token({}, loose)}`)).to.equal('allowed');
      expect(await verdict(auth, `Bearer ${await one.token({}, loose)}`)).to.equal('token_invalid type');
    });
  });

  describe('the Authorization header', () => {
    it('must be there once: two lines are denied, the same token twice included', async () => {
      const { as, auth } = setUp();
      const line = `Bearer ${await as.token()}`;
      expect(await verdict(auth, [line, line])).to.equal('header_duplicate');
      expect(await verdict(auth, [line, 'Basic dTpw'])).to.equal('header_duplicate');
      expect(await verdict(auth, `${line}, ${line}`)).to.equal('token_malformed');
      expect(await verdict(auth, [line])).to.equal('allowed');
    });

    it('is asked for when it is absent, or has another scheme', async () => {
      const { auth } = setUp({ dpop: { mode: 'off' } });
      for (const line of [undefined, '', 'Basic dTpw', 'DPoP abc', 'Digest username="x"', 'token abc']) {
        expect(await verdict(auth, line), line).to.equal('token_missing');
      }
    });

    it('is malformed when it says Bearer and has no token', async () => {
      const { auth } = setUp();
      for (const line of ['Bearer', 'Bearer ', 'Bearer a b', 'bearer {"a":1}', 'Bearer a,b', 'Bearer \u0000']) {
        expect(await verdict(auth, line), line).to.equal('token_malformed');
      }
    });

    it('is the only place where a token is looked for', async () => {
      const { as, auth } = setUp();
      const token = await as.token();
      const run = async (): Promise<unknown> =>
        auth.run(
          fakeContext({
            target: `/mcp?access_token=${token}`,
            headers: {
              cookie: `access_token=${token}`,
              'x-authorization': `Bearer ${token}`,
              'proxy-authorization': `Bearer ${token}`,
            },
            body: { access_token: token },
          }),
        );
      const error: unknown = await run().catch((failure: unknown) => failure);
      expect(error).to.include({ code: 'token_missing' });
    });
  });

  describe('the form of a token', () => {
    it('is not that of whatever has ten characters', async () => {
      const { saysTo } = setUp();
      for (const token of [
        'abcdefghij',
        'valid-token-for-tool',
        'a.b.c',
        '...',
        'AAAA.AAAA.AAAA',
        'x'.repeat(20_000),
      ]) {
        expect(await saysTo(token), token.slice(0, 20)).to.match(/^token_invalid (format|header|size)$/);
      }
    });

    it('has three segments, not two or five', async () => {
      const { as, saysTo } = setUp();
      const [header, claims, signature] = (await as.token()).split('.') as [string, string, string];
      for (const token of [
        `${header}.${claims}`,
        `${header}.${claims}.`,
        `${header}.${claims}.${signature}.`,
        `${header}.${claims}.${signature}.${header}.${claims}`,
      ]) {
        expect(await saysTo(token)).to.equal('token_invalid format');
      }
    });

    it('has no name twice, in header or claims, although it is well signed', async () => {
      const { forge, claims, saysTo, header } = setUpForged();
      const text = JSON.stringify(claims);
      expect(await saysTo(forge.token(header, text))).to.equal('allowed');
      expect(await saysTo(forge.token(header, text.replace('{', '{"sub":"admin",')))).to.equal('token_invalid format');
      expect(await saysTo(forge.token(header, text.replace('}', ',"\\u0073ub":"admin"}')))).to.equal(
        'token_invalid format',
      );
      expect(await saysTo(forge.token(JSON.stringify(header).replace('{', '{"alg":"none",'), text))).to.equal(
        'token_invalid header',
      );
    });

    it('is not what a polluted name could make of it', async () => {
      const { forge, claims, saysTo, header } = setUpForged();
      const { aud, ...rest } = claims;
      expect(
        await saysTo(forge.token(header, JSON.stringify(rest).replace('{', `{"__proto__":{"aud":"${aud}"},`))),
      ).to.equal('token_invalid audience');
      expect(await saysTo(forge.token(header, { ...claims, iss: '__proto__' }))).to.equal('token_invalid issuer');
      expect(await saysTo(forge.token(header, { ...claims, iss: 'constructor' }))).to.equal('token_invalid issuer');
    });

    it('is not completed by a prototype that other code has polluted', async () => {
      const { forge, claims, saysTo, header } = setUpForged();
      const polluted = Object.prototype as Record<string, unknown>;
      polluted['jti'] = 'inherited';
      try {
        expect(await saysTo(forge.token(header, { ...claims, jti: undefined }))).to.equal('token_invalid claim jti');
      } finally {
        delete polluted['jti'];
      }
    });
  });

  describe('the header of a token', () => {
    it('is denied without a signature algorithm', async () => {
      const { forge, claims, saysTo } = setUpForged();
      for (const alg of ['none', 'None', 'NONE', 'nOnE', '', undefined, null, 7, ['ES256'], { a: 1 }]) {
        expect(await saysTo(forge.token({ ...AT, alg }, claims)), JSON.stringify(alg)).to.equal(
          'token_invalid algorithm',
        );
      }
      expect(await saysTo(`${encode({ ...AT, alg: 'none' })}.${encode(claims)}.`)).to.equal('token_invalid format');
    });

    it('is denied with a symmetric algorithm, the public key as secret included', async () => {
      const { forge, claims, saysTo } = setUpForged('RS256');
      const pem = createPublicKey({ key: forge.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
      for (const secret of [pem, JSON.stringify(forge.jwk), '']) {
        const input = `${encode({ ...AT, alg: 'HS256' })}.${encode(claims)}`;
        const mac = createHmac('sha256', secret).update(input).digest('base64url');
        expect(await saysTo(`${input}.${mac}`)).to.equal('token_invalid algorithm');
      }
      for (const alg of ['HS384', 'HS512', 'RSA-OAEP', 'dir', 'ES256K', 'rs256', 'RS256 ']) {
        expect(await saysTo(forge.token({ ...AT, alg }, claims)), alg).to.equal('token_invalid algorithm');
      }
    });

    it('is denied with a secret that the key set publishes', async () => {
      const secret = { kty: 'oct', k: encode('a secret of enough length to be one'), kid: 'k1', alg: 'HS256' };
      const { claims, saysTo } = setUpForged('ES256', { keys: [secret] });
      const input = `${encode({ ...AT, alg: 'HS256' })}.${encode(claims)}`;
      const mac = createHmac('sha256', Buffer.from(secret.k, 'base64url')).update(input).digest('base64url');
      expect(await saysTo(`${input}.${mac}`)).to.equal('token_invalid algorithm');
    });

    it('does not choose the algorithm of a key', async () => {
      const { forge, claims, saysTo } = setUpForged('RS256');
      expect(await saysTo(forge.token({ ...AT, alg: 'RS256' }, claims))).to.equal('allowed');
      for (const alg of ['PS256', 'ES256', 'EdDSA']) {
        expect(await saysTo(forge.token({ ...AT, alg }, claims)), alg).to.equal('token_invalid key');
      }
      const {
        forge: other,
        claims: same,
        saysTo: saysToOther,
      } = setUpForged('RS256', { keys: [{ ...forge.jwk, alg: 'RS512' }] });
      expect(await saysToOther(other.token({ ...AT, alg: 'RS256' }, same))).to.equal('token_invalid key');
    });

    it('names a key by a string that is compared and nothing else', async () => {
      const { forge, claims, saysTo } = setUpForged();
      for (const kid of [
        '../../../../dev/null',
        "k1' OR '1'='1",
        '__proto__',
        'constructor',
        'k1\u0000',
        'K1',
        '',
        'http://169.254.169.254/k1',
      ]) {
        expect(await saysTo(forge.token({ ...AT, kid }, claims)), kid).to.equal('token_invalid key');
      }
      for (const kid of [1, null, ['k1'], { toString: 'k1' }, true]) {
        expect(await saysTo(forge.token({ ...AT, kid }, claims)), JSON.stringify(kid)).to.equal(
          'token_invalid header kid',
        );
      }
      expect(await saysTo(forge.token({ ...AT, kid: undefined }, claims))).to.equal('allowed');
    });

    it('brings no key of its own', async () => {
      const { forge, claims, saysTo } = setUpForged();
      const attacker = forger('ES256');
      const jwk = { ...attacker.jwk, kid: 'mine' };
      const urls = { jku: 'https://evil.example/jwks', x5u: 'https://evil.example/cert' };
      const extras = [{ jwk }, { ...urls }, { x5c: ['MIIB'] }, { jwk, ...urls, kid: 'mine' }];
      for (const extra of extras) {
        expect(await saysTo(attacker.token({ ...AT, ...extra }, claims))).to.match(/^token_invalid (signature|key)$/);
        expect(await saysTo(forge.token({ ...AT, ...extra, kid: 'k1' }, claims))).to.equal('allowed');
      }
    });

    it('is denied with an extension that it calls critical', async () => {
      const { forge, claims, saysTo } = setUpForged();
      for (const crit of [['b64'], ['exp'], ['http://example.invalid/UNDEFINED'], [], 'b64', null]) {
        const header = { ...AT, crit, b64: true, 'http://example.invalid/UNDEFINED': true };
        expect(await saysTo(forge.token(header, claims)), JSON.stringify(crit)).to.equal('token_invalid critical');
      }
    });
  });

  describe('the signature', () => {
    it('must be there and right', async () => {
      const { forge, claims, saysTo, header } = setUpForged();
      const good = forge.token(header, claims);
      expect(await saysTo(good)).to.equal('allowed');
      const wrong = [Buffer.alloc(64), Buffer.alloc(1), Buffer.alloc(63, 1), Buffer.alloc(65, 1), Buffer.alloc(512, 1)];
      for (const signature of wrong)
        expect(await saysTo(forge.token(header, claims, signature))).to.equal('token_invalid signature');
      const [, , signature] = good.split('.');
      const other = `${encode(header)}.${encode({ ...claims, sub: 'admin' })}.${signature ?? ''}`;
      expect(await saysTo(other)).to.equal('token_invalid signature');
    });

    it('is denied in DER, which is not the form of a JWS (RFC 7518 section 3.4)', async () => {
      const { forge, claims, saysTo } = setUpForged();
      const input = `${encode(AT)}.${encode(claims)}`;
      const der = sign('sha256', Buffer.from(input), createPrivateKey({ key: forge.privateJwk, format: 'jwk' }));
      expect(der[0]).to.equal(0x30);
      expect(await saysTo(`${input}.${der.toString('base64url')}`)).to.equal('token_invalid signature');
    });

    it('is denied by an RSA key of 1024 bits', async () => {
      const weak = forger('RS256', 1024);
      const { claims, saysTo } = setUpForged('RS256', { keys: [weak.jwk] });
      expect(await saysTo(weak.token({ ...AT, alg: 'RS256' }, claims))).to.equal('token_invalid key');
    });

    it('is denied by a key whose private half is published', async () => {
      const leaked = forger('ES256');
      const { claims, saysTo } = setUpForged('ES256', { keys: [leaked.privateJwk] });
      expect(await saysTo(leaked.token(AT, claims))).to.equal('token_invalid key');
    });

    it('is denied by the key of another issuer that is trusted too', async () => {
      const one = forger('ES256');
      const two = forger('ES256');
      const issuers = [
        oidc({ issuer: ISSUER, jwks: { keys: [one.jwk] } }),
        oidc({ issuer: 'https://two.example', jwks: { keys: [two.jwk] } }),
      ];
      const { auth, seconds } = setUp({ issuers });
      const claims = {
        iss: ISSUER,
        sub: 'user',
        client_id: 'c',
        aud: RESOURCE,
        jti: '1',
        iat: seconds(),
        exp: seconds() + 60,
      };
      expect(await verdict(auth, `Bearer ${one.token(AT, claims)}`)).to.equal('allowed');
      expect(await verdict(auth, `Bearer ${two.token(AT, claims)}`)).to.equal('token_invalid signature');
      expect(await verdict(auth, `Bearer ${one.token(AT, { ...claims, iss: 'https://two.example' })}`)).to.equal(
        'token_invalid signature',
      );
    });
  });

  describe('the claims', () => {
    it('name a known issuer exactly', async () => {
      const { says } = setUp();
      for (const iss of [
        `${ISSUER}/`,
        'https://Issuer.example',
        'https://issuer.example:443',
        'http://issuer.example',
        'https://issuer.example/x',
        ` ${ISSUER}`,
        '',
        undefined,
        null,
        [ISSUER],
        { a: ISSUER },
      ]) {
        expect(await says({ iss }), JSON.stringify(iss)).to.equal('token_invalid issuer');
      }
      const slash = setUp({}, { issuer: `${ISSUER}/` });
      expect(await slash.says()).to.equal('allowed');
      expect(await slash.says({ iss: ISSUER })).to.equal('token_invalid issuer');
    });

    it('name an audience', async () => {
      const { says } = setUp();
      for (const aud of [undefined, null, '', [], {}, 7, true, [RESOURCE, 7], [[RESOURCE]], [null], { 0: RESOURCE }]) {
        expect(await says({ aud }), JSON.stringify(aud)).to.equal('token_invalid audience');
      }
    });

    it('name an end, which is a number', async () => {
      const { says, seconds } = setUp();
      for (const exp of [undefined, null, `${seconds() + 300}`, [seconds() + 300], {}, -1, 1e15, true]) {
        expect(await says({ exp }), JSON.stringify(exp)).to.equal('token_invalid claim exp');
      }
      expect(await says({ exp: seconds() + 0.5 })).to.equal('allowed');
    });

    it('are what RFC 9068 section 2.2 requires', async () => {
      const { says } = setUp();
      for (const name of ['sub', 'client_id', 'iat', 'jti']) {
        expect(await says({ [name]: undefined })).to.equal(`token_invalid claim ${name}`);
      }
      for (const name of ['sub', 'client_id']) {
        for (const value of ['', 7, null, ['user'], {}]) {
          expect(await says({ [name]: value }), name + JSON.stringify(value)).to.equal(`token_invalid claim ${name}`);
        }
      }
      for (const name of ['iat', 'nbf']) {
        for (const value of ['1', null, {}, -1]) {
          expect(await says({ [name]: value }), name + JSON.stringify(value)).to.equal(`token_invalid claim ${name}`);
        }
      }
    });

    it('hold within thirty seconds, as clocks differ', async () => {
      const { says, seconds } = setUp();
      expect(await says({ exp: seconds() - 29 })).to.equal('allowed');
      expect(await says({ exp: seconds() - 30 })).to.equal('token_invalid expired');
      for (const name of ['iat', 'nbf']) {
        expect(await says({ [name]: seconds() + 30 })).to.equal('allowed');
        expect(await says({ [name]: seconds() + 31 })).to.equal('token_invalid not_yet_valid');
      }
    });

    it('hold within the tolerance that a developer chose', async () => {
      const exact = setUp({ clockTolerance: 0 });
      expect(await exact.says({ exp: exact.seconds() + 1 })).to.equal('allowed');
      expect(await exact.says({ exp: exact.seconds() })).to.equal('token_invalid expired');
      expect(await exact.says({ nbf: exact.seconds() })).to.equal('allowed');
      expect(await exact.says({ nbf: exact.seconds() + 1 })).to.equal('token_invalid not_yet_valid');
      const loose = setUp({ clockTolerance: 300 });
      expect(await loose.says({ exp: loose.seconds() - 299 })).to.equal('allowed');
    });

    it('are not those of an ID token', async () => {
      const { says } = setUp();
      expect(await says({ aud: 'client', nonce: 'n' }, { typ: 'JWT' })).to.equal('token_invalid type');
      expect(await says({}, { typ: 'JWT' })).to.equal('token_invalid type');
      expect(await says({}, { typ: undefined })).to.equal('token_invalid type');
      for (const typ of ['dpop+jwt', 'logout+jwt', 'token-introspection+jwt', 'etdi-call+jwt', 'etdi-tool+jws']) {
        expect(await says({}, { typ }), typ).to.equal('token_invalid type');
      }
    });

    it('bind no key, for a bound token is no Bearer token (RFC 9449 section 7.2)', async () => {
      const { says } = setUp();
      for (const cnf of [
        { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' },
        { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' },
        {},
        null,
        'x',
        [],
      ]) {
        expect(await says({ cnf }), JSON.stringify(cnf)).to.equal('token_invalid bound');
      }
    });

    it('are judged before any key is fetched', async () => {
      const { as, says, saysTo, seconds } = setUp();
      await says({ iss: 'https://evil.example' });
      await says({ aud: 'https://other.example' });
      await says({ exp: seconds() - 60 });
      await says({ cnf: {} });
      await says({}, { typ: 'JWT' });
      await saysTo('not.a.token');
      expect(as.requests.size).to.equal(0);
      await says();
      expect(as.requests.size).to.equal(2);
    });
  });

  describe('trouble with an issuer', () => {
    it('is 503 and not 401, also for a token that would be denied', async () => {
      const { as, says, pass } = setUp();
      as.outage(true);
      expect(await says()).to.equal('unavailable');
      expect(await says({}, { kid: 'unknown' })).to.equal('unavailable');
      as.outage(false);
      pass(5);
      expect(await says()).to.equal('allowed');
    });

    it('does not matter while its keys are known', async () => {
      const { as, says, pass } = setUp();
      expect(await says()).to.equal('allowed');
      as.outage(true);
      pass(3600);
      expect(await says()).to.equal('allowed');
      expect(await says({}, { kid: 'unknown' })).to.equal('unavailable');
    });

    it('is 503 when its key set hangs, redirects, is huge or is not JSON', async () => {
      const answers: (() => Promise<Response>)[] = [
        () => new Promise(() => undefined),
        () => Promise.resolve(new Response('', { status: 302, headers: { location: 'http://169.254.169.254/' } })),
        () => Promise.resolve(new Response('x'.repeat(300_000))),
        () => Promise.resolve(new Response(endless())),
        () => Promise.resolve(new Response('<html>')),
        () => Promise.resolve(Response.json({ keys: Array.from({ length: 101 }, () => ({})) })),
        () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 10.0.0.5:443') })),
      ];
      for (const answer of answers) {
        const issuers = [oidc({ issuer: ISSUER, jwksUri: 'https://10.0.0.5/jwks' })];
        const { says } = setUp({ issuers, fetch: answer, keySets: { timeout: 1 } });
        expect(await says()).to.equal('unavailable');
      }
    });

    it('is not met with a fetch for each request', async () => {
      const { as, says } = setUp();
      as.outage(true);
      for (let index = 0; index < 20; index += 1) await says();
      expect([...as.requests.values()]).to.deep.equal([2]);
    });

    it('with one issuer leaves the others alone', async () => {
      const down = fakeIssuer({ issuer: 'https://down.example' });
      down.outage(true);
      const { jwk, token } = forger('ES256');
      const issuers = [oidc({ issuer: 'https://down.example' }), oidc({ issuer: ISSUER, jwks: { keys: [jwk] } })];
      const { auth, seconds } = setUp({ issuers, fetch: down.fetch });
      const claims = {
        iss: ISSUER,
        sub: 'user',
        client_id: 'c',
        aud: RESOURCE,
        jti: '1',
        iat: seconds(),
        exp: seconds() + 60,
      };
      expect(await verdict(auth, `Bearer ${token(AT, { ...claims, iss: 'https://down.example' })}`)).to.equal(
        'unavailable',
      );
      expect(await verdict(auth, `Bearer ${token(AT, claims)}`)).to.equal('allowed');
    });

    it('does not come from ids that callers make up', async () => {
      const { as, says, pass } = setUp();
      await says();
      pass(30);
      for (let index = 0; index < 100; index += 1)
        expect(await says({}, { kid: `made-up-${index}` })).to.equal('token_invalid key');
      expect(as.requests.get(as.jwksUri)).to.equal(2);
    });

    it('does not follow a rotation, which takes a new key into use', async () => {
      const { as, says, pass } = setUp();
      await says();
      as.rotate();
      pass(30);
      expect(await says()).to.equal('allowed');
    });
  });

  describe('the memory of verified tokens', () => {
    const run = ({ auth }: Setup, token: string): unknown =>
      auth.run(fakeContext({ headers: { authorization: `Bearer ${token}` } }));

    it('answers at once, with the same proof', async () => {
      const server = setUp();
      const token = await server.as.token();
      const first = (await run(server, token)) as { auth: Auth };
      const second = run(server, token);
      expect(second).not.to.be.instanceOf(Promise);
      expect((second as { auth: Auth }).auth).to.equal(first.auth);
    });

    it('holds for a minute at most, so that a withdrawn key acts soon', async () => {
      const server = setUp({ keySets: { maxAge: 1 } });
      const token = await server.as.token();
      expect(await server.saysTo(token)).to.equal('allowed');
      server.as.rotate({ revoke: true });
      server.pass(59);
      expect(await server.saysTo(token)).to.equal('allowed');
      server.pass(1);
      expect(await server.saysTo(token)).to.equal('token_invalid key');
    });

    it('never outlives the token', async () => {
      const { as, saysTo, pass, seconds } = setUp({ clockTolerance: 0 });
      const token = await as.token({ exp: seconds() + 10 });
      expect(await saysTo(token)).to.equal('allowed');
      pass(9);
      expect(await saysTo(token)).to.equal('allowed');
      pass(1);
      expect(await saysTo(token)).to.equal('token_invalid expired');
    });

    it('lasts through the tolerance, like the token', async () => {
      const server = setUp();
      const token = await server.as.token({ nbf: server.seconds(), exp: server.seconds() + 10 });
      expect(await server.saysTo(token)).to.equal('allowed');
      for (const seconds of [-30, 69]) {
        server.pass(seconds);
        expect(run(server, token), `after ${seconds}`).not.to.be.instanceOf(Promise);
      }
      server.pass(1);
      expect(await server.saysTo(token)).to.equal('token_invalid expired');
    });

    it('does not hold before the token does, when the clock was set back', async () => {
      const { as, saysTo, pass, seconds } = setUp({ clockTolerance: 0 });
      const token = await as.token({ nbf: seconds() });
      expect(await saysTo(token)).to.equal('allowed');
      pass(-10);
      expect(await saysTo(token)).to.equal('token_invalid not_yet_valid');
    });

    it('keeps nothing of a token that was denied', async () => {
      const { as, saysTo, pass, seconds } = setUp({ clockTolerance: 0 });
      const token = await as.token({ nbf: seconds() + 10 });
      expect(await saysTo(token)).to.equal('token_invalid not_yet_valid');
      pass(10);
      expect(await saysTo(token)).to.equal('allowed');
    });

    it('belongs to one verifier: another resource has its own', async () => {
      const server = setUp();
      const token = await server.as.token();
      expect(await server.saysTo(token)).to.equal('allowed');
      const issuers = [oidc({ issuer: ISSUER })];
      const other = authenticate({
        issuers,
        resource: 'https://other.example/mcp',
        fetch: server.as.fetch,
        now: server.now,
      });
      expect(await verdict(other, `Bearer ${token}`)).to.equal('token_invalid audience');
    });

    it('is bounded, and forgets the oldest', async () => {
      const server = setUp({ cache: { max: 2 } });
      const tokens = await Promise.all([1, 2, 3].map((n) => server.as.token({ jti: `${n}` })));
      for (const token of tokens) await run(server, token);
      const remembered = tokens.map((token) => !(run(server, token) instanceof Promise));
      expect(remembered).to.deep.equal([false, true, true]);
    });

    it('can be switched off', async () => {
      const server = setUp({ cache: false, keySets: { maxAge: 1 } });
      const token = await server.as.token();
      await run(server, token);
      expect(run(server, token)).to.be.instanceOf(Promise);
      server.as.rotate({ revoke: true });
      server.pass(1);
      expect(await server.saysTo(token)).to.equal('token_invalid key');
    });
  });

  describe('its hooks', () => {
    it('end a stream when the token ends, or with the tolerance it was accepted in', async () => {
      const { as, auth, pass, seconds } = setUp();
      const exp = seconds() + 60;
      const proof = await proven(auth, await as.token({ exp }));
      const ctx = fakeContext({ state: { auth: proof } });
      expect(auth.hooks?.until?.(ctx)).to.deep.equal(new Date(exp * 1000));
      pass(60);
      expect(auth.hooks?.until?.(ctx)).to.deep.equal(new Date((exp + 30) * 1000));
      expect(auth.hooks?.until?.(fakeContext())).to.equal(undefined);
    });

    it('deny a request whose token ended while its body arrived, by the scheme of the token', async () => {
      const { as, auth, pass, seconds } = setUp();
      const bearer = await proven(auth, await as.token({ exp: seconds() + 60 }));
      const thumbprint = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
      const certificate = { method: 'mtls', thumbprint } as const;
      const states: readonly (readonly [string, Auth])[] = [
        ['Bearer', bearer],
        ['Bearer', { ...bearer, bindings: [certificate] }],
        ['DPoP', { ...bearer, bindings: [{ method: 'dpop', thumbprint }] }],
        ['DPoP', { ...bearer, bindings: [certificate, { method: 'dpop', thumbprint }] }],
      ];
      const late = (state: object): unknown => {
        try {
          return auth.hooks?.admitted?.(fakeContext({ state }));
        } catch (error) {
          return error;
        }
      };
      pass(89);
      for (const [, one] of states) expect(late({ auth: one })).to.equal(undefined);
      pass(1);
      for (const [scheme, one] of states) {
        expect(late({ auth: one })).to.deep.include({ code: 'token_invalid', detail: { reason: 'expired' } });
        expect(late({ auth: one }))
          .to.have.nested.property('headers.WWW-Authenticate')
          .that.matches(RegExp(`^${scheme} `));
      }
      expect(late({})).to.equal(undefined);
    });

    it('hand the caller over as MCP SDKs know it, anew each time', async () => {
      const { as, auth, seconds } = setUp();
      const token = await as.token({ scope: 'a b', roles: ['r'] });
      const ctx = fakeContext({ state: { auth: await proven(auth, token) } });
      const info = auth.hooks?.authInfo?.(ctx);
      expect({ ...info }).to.deep.equal({
        token,
        clientId: 'client',
        scopes: ['a', 'b'],
        expiresAt: seconds() + 300,
        resource: new URL(RESOURCE),
        extra: { iss: ISSUER, sub: 'user', roles: ['r'] },
      });
      info?.scopes.push('admin');
      (info?.extra?.['roles'] as string[]).push('admin');
      const again = auth.hooks?.authInfo?.(ctx);
      expect(again?.scopes).to.deep.equal(['a', 'b']);
      expect(again?.extra).to.deep.include({ roles: ['r'] });
      expect(auth.hooks?.authInfo?.(fakeContext())).to.equal(undefined);
    });
  });

  describe('its options', () => {
    const issuers = [oidc({ issuer: ISSUER })];

    it('cannot leave out issuer or resource', () => {
      expect(() => authenticate({ resource: RESOURCE } as never)).to.throw(TypeError, "'issuers' must be an array");
      expect(() => authenticate({ issuers: [], resource: RESOURCE })).to.throw(
        TypeError,
        "'issuers' must have at least 1",
      );
      expect(() => authenticate({ issuers } as never)).to.throw(TypeError, "'resource' must be an absolute URL");
    });

    it('tell a developer what is wrong with them', () => {
      const cases: readonly (readonly [object, RegExp])[] = [
        [{ issuer: ISSUER }, /unknown option 'issuer'; did you mean 'issuers'\?/],
        [
          { issuers: [{ ...issuers[0] }] },
          /'issuers' \[0\] must be what oidc, auth0, okta, entra, keycloak or introspect returns/,
        ],
        [{ issuers: [ISSUER] }, /'issuers' \[0\]/],
        [{ issuers: [oidc] }, /'issuers' \[0\]/],
        [
          { issuers: [...issuers, oidc({ issuer: ISSUER, acceptTyp: ['JWT'] })] },
          /names 'https:\/\/issuer.example' twice/,
        ],
        [{ resource: 'http://mcp.example/mcp' }, /'resource' must be an https URL/],
        [{ resource: 'https://mcp.example/mcp#x' }, /fragment/],
        [{ resource: 'https://u:p@mcp.example/mcp' }, /user information/],
        [{ audience: '' }, /'audience' must be a non-empty string/],
        [{ audience: ['a', ''] }, /'audience' \[1\]/],
        [{ scopes: ['a b'] }, /'scopes' \[0\] must be a scope/],
        [{ scopes: ['a"'] }, /'scopes' \[0\]/],
        [{ scopes: 'mcp' }, /'scopes' must be an array/],
        [{ clockTolerance: 301 }, /from 0 to 300/],
        [{ clockTolerance: -1 }, /from 0 to 300/],
        [{ clockTolerance: '5' }, /whole number/],
        [{ cache: true }, /'cache' must be an object/],
        [{ cache: { size: 5 } }, /'cache': unknown option 'size'/],
        [{ cache: { max: 0 } }, /'max' must be a whole number from 1/],
        [{ cache: { seconds: 3601 } }, /'seconds'/],
        [{ keySets: { maxage: 5 } }, /'keySets': unknown option 'maxage'; did you mean 'maxAge'\?/],
        [{ keySets: { maxAge: 0 } }, /'keySets': 'maxAge'/],
        [{ keySets: 60 }, /'keySets' must be an object/],
        [{ audience: 7 }, /'audience' must be a non-empty string/],
        [{ scopes: [''] }, /'scopes' \[0\] must be a scope \(RFC 6749 section 3.3\)/],
        [{ scopes: [['mcp']] }, /'scopes' \[0\] must be a scope/],
        [{ dpop: true }, /'dpop' must be an object/],
        [{ dpop: { modes: 'off' } }, /'dpop': unknown option 'modes'/],
        [{ requireBinding: 'dpop' }, /'requireBinding' must be true or false/],
        [{ mtls: true }, /'mtls' must be an object/],
        [{ revoked: [] }, /'revoked' must be a function, or a store/],
        [{ exposeToken: 0 }, /'exposeToken' must be true or false/],
        [{ now: new Date() }, /'now' must be a function/],
        [{ fetch: {} }, /'fetch' must be a function/],
      ];
      for (const [options, problem] of cases) {
        expect(() => authenticate({ issuers, resource: RESOURCE, ...options }), String(problem))
          .to.throw(TypeError, problem)
          .with.property('message')
          .that.matches(/^authenticate\b/);
      }
    });

    it('allow http on loopback, for development', () => {
      const local = [oidc({ issuer: 'http://localhost:3000' })];
      expect(authenticate({ issuers: local, resource: 'http://127.0.0.1:8080/mcp' })).to.include({
        name: 'authenticate',
      });
    });
  });
});
