// What oauth4webapi accepts or refuses, we accept or refuse: the same requests to both, and the exceptions by name.
import { hash } from 'node:crypto';
import { expect } from 'chai';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { customFetch, validateJwtAccessToken, type AuthorizationServer } from 'oauth4webapi';
import { isDenial } from '../../lib/denial.js';
import { thumbprint } from '../../lib/keys/thumbprint.js';
import { oidc } from '../../lib/providers/index.js';
import { fakeContext } from '../../lib/testing.js';
import { authenticate } from '../../middleware/authenticate.js';
import { forger, type Forger } from '../lib/tokens/forge.js';
import { prover, RESOURCE, type Prover } from '../lib/dpop/proofs.js';

const ISSUER = 'https://issuer.example';
const JWKS = `${ISSUER}/jwks`;

interface Members {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A request, as far as the oracle can see one: with one `Authorization` line and at most one proof. */
interface Case {
  readonly what: string;
  readonly scheme: string;
  readonly token: Members & { readonly signer?: 'issuer' | 'stranger'; readonly bound?: boolean };
  readonly proof?: Members & { readonly signer?: Prover; readonly about?: string };
  readonly method?: string;
  readonly url?: string;
}

const now = (): number => Math.floor(Date.now() / 1000);
const issuer = forger('ES256');
const stranger = forger('ES256');
const [mine, other] = [prover('ES256'), prover('ES256')];
const provers: Readonly<Record<string, Prover>> = { ES256: mine, Ed25519: prover('Ed25519'), RS256: prover('RS256') };

function tokenOf({ token }: Case, who: Prover): string {
  const claims = {
    iss: ISSUER,
    sub: 'user',
    client_id: 'client',
    aud: RESOURCE,
    jti: 'token',
    iat: now(),
    exp: now() + 300,
    ...(token.bound === false ? {} : { cnf: { jkt: who.jkt } }),
    ...token.claims,
  };
  const by: Forger = token.signer === 'stranger' ? stranger : issuer;
  return by.token({ alg: 'ES256', typ: 'at+jwt', kid: 'k1', ...token.header }, claims);
}

let count = 0;

function proofOf({ proof }: Case, token: string, who: Prover): string | undefined {
  if (proof === undefined) return undefined;
  count += 1;
  const { signer = who, about = token, header, claims } = proof;
  return signer.proof(about, now(), { header: { ...header }, claims: { jti: `oracle-${count}`, ...claims } });
}

const fetching: typeof fetch = (input) =>
  Promise.resolve(input === JWKS ? Response.json({ keys: [issuer.jwk] }) : new Response('', { status: 404 }));

async function theirs({ method = 'POST', url = RESOURCE }: Case, headers: Record<string, string>): Promise<boolean> {
  const as: AuthorizationServer = { issuer: ISSUER, jwks_uri: JWKS };
  try {
    await validateJwtAccessToken(as, new Request(url, { method, headers }), RESOURCE, {
      [customFetch]: (target: string) => fetching(target),
    });
    return true;
  } catch {
    return false;
  }
}

async function ours({ method = 'POST', url = RESOURCE }: Case, headers: Record<string, string>): Promise<boolean> {
  const check = authenticate({
    issuers: [oidc({ issuer: ISSUER, jwksUri: JWKS })],
    resource: RESOURCE,
    fetch: fetching,
    dpop: { path: '/mcp' },
  });
  const { pathname, search } = new URL(url);
  try {
    await check.run(fakeContext({ method, target: `${pathname}${search}`, headers }));
    return true;
  } catch (error) {
    if (isDenial(error)) return false;
    throw error;
  }
}

async function verdicts(one: Case, who: Prover = mine): Promise<readonly [theirs: boolean, ours: boolean]> {
  const token = tokenOf(one, who);
  const proof = proofOf(one, token, who);
  const headers = { authorization: `${one.scheme} ${token}`, ...(proof === undefined ? {} : { dpop: proof }) };
  return [await theirs(one, headers), await ours(one, headers)];
}

const bound = (what: string, proof: Case['proof'], more: Partial<Case> = {}): Case => ({
  what,
  scheme: 'DPoP',
  token: {},
  ...(proof === undefined ? {} : { proof }),
  ...more,
});

/** What may be wrong with the claims and the header of a proof, with the nearest that is right. */
function* proofs(): Generator<Case> {
  for (const iat of [-290, -60, 0, 60, 290, -310, 310, -3600, 3600])
    yield bound(`iat ${iat}`, { claims: { iat: now() + iat } });
  for (const name of ['jti', 'htm', 'htu', 'iat', 'ath']) yield bound(`no ${name}`, { claims: { [name]: undefined } });
  for (const name of ['jti', 'htm', 'htu', 'iat', 'ath']) {
    for (const value of [null, true, [], {}, 'x', name === 'iat' ? '1' : 1]) {
      const right = name === 'jti' && value === 'x';
      yield bound(`${right ? 'any' : 'wrong'} ${name} ${JSON.stringify(value)}`, { claims: { [name]: value } });
    }
  }
  for (const typ of ['dpop+jwt', 'DPoP+JWT', 'application/dpop+jwt', 'JWT', 'at+jwt', 'dpop', '', 1, null, undefined]) {
    yield bound(`proof typ ${String(typ)}`, { header: { typ } });
  }
  for (const alg of ['none', 'HS256', 'RS256', 'ES384', 'es256', '', 1, undefined]) {
    yield bound(`proof alg ${String(alg)}`, { header: { alg } });
  }
  for (const htm of ['GET', 'post', 'DELETE', 'POST ', 'PUT']) yield bound(`htm ${htm}`, { claims: { htm } });
  for (const method of ['GET', 'DELETE', 'PUT']) {
    yield bound(`${method} with its htm`, { claims: { htm: method } }, { method });
    yield bound(`${method} with another htm`, {}, { method });
  }
}

/** What a proof may be for, and whose key it may bring. */
function* targetsAndKeys(): Generator<Case> {
  for (const htu of [
    `${RESOURCE}?a=1`,
    `${RESOURCE}#a`,
    'https://mcp.example:443/mcp',
    'HTTPS://MCP.example/mcp',
    'https://mcp.example/a/../mcp',
    `${RESOURCE}/`,
    `${RESOURCE}2`,
    'https://mcp.example/MCP',
    'https://mcp.example/',
    'http://mcp.example/mcp',
    'https://mcp.example:8443/mcp',
    'https://mcp.example.evil.example/mcp',
    'https://evil.example/mcp',
    'https://mcp.example/mcp%2F',
    '/mcp',
    'mcp.example/mcp',
  ]) {
    yield bound(`htu ${htu}`, { claims: { htu } });
  }
  yield bound('a request with a query', {}, { url: `${RESOURCE}?a=1` });
  yield bound('another token', { about: 'another' });
  yield bound('another key', { signer: other });
  yield bound('another key, which says it is ours', { signer: other, header: { jwk: mine.jwk } });
  yield bound('our key, which says it is another', { header: { jwk: other.jwk } });
  yield bound('a private jwk', { header: { jwk: mine.forge.privateJwk } });
  for (const jwk of [
    undefined,
    null,
    'x',
    {},
    [],
    { kty: 'EC' },
    { kty: 'oct', k: 'AA' },
    { ...mine.jwk, y: undefined },
  ]) {
    yield bound(`jwk ${JSON.stringify(jwk)}`, { header: { jwk } });
  }
  yield bound('a jwk with a kid', { header: { jwk: { ...mine.jwk, kid: 'k' } } });
  yield bound('a critical extension', { header: { crit: ['b64'], b64: false } });
  for (const exp of [-60, 60]) yield bound(`proof exp ${exp}`, { claims: { exp: now() + exp } });
  for (const nbf of [-60, 900]) yield bound(`proof nbf ${nbf}`, { claims: { nbf: now() + nbf } });
  yield bound('a nonce that nobody asked for', { claims: { nonce: 'n' } });
  yield bound('no proof', undefined);
}

/** What may be wrong with a token, with a proof that is right. */
function* tokens(): Generator<Case> {
  const token = (what: string, members: Case['token']): Case => bound(what, {}, { token: members });
  for (const name of ['iss', 'sub', 'client_id', 'aud', 'jti', 'exp', 'iat', 'cnf']) {
    yield token(`a token without ${name}`, { claims: { [name]: undefined } });
  }
  for (const name of ['iss', 'sub', 'client_id', 'aud', 'jti', 'exp', 'iat']) {
    for (const value of [null, true, {}]) {
      if (name === 'jti') continue;
      yield token(`a token with ${name} ${JSON.stringify(value)}`, { claims: { [name]: value } });
    }
  }
  for (const iss of [`${ISSUER}/`, 'https://evil.example', 'ISSUER']) yield token(`iss ${iss}`, { claims: { iss } });
  for (const aud of [
    [RESOURCE],
    ['https://other.example', RESOURCE],
    'https://other.example',
    ['https://other.example'],
    [],
    'https://mcp.example',
    `${RESOURCE}2`,
  ]) {
    yield token(`aud ${JSON.stringify(aud)}`, { claims: { aud } });
  }
  for (const exp of [-3600, -60, 60, 3600]) yield token(`exp ${exp}`, { claims: { exp: now() + exp } });
  for (const nbf of [-3600, 0, 900, 3600]) yield token(`nbf ${nbf}`, { claims: { nbf: now() + nbf } });
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', 'dpop+jwt', 'id+jwt', '', undefined, 1]) {
    yield token(`typ ${String(typ)}`, { header: { typ } });
  }
  for (const alg of ['none', 'HS256', 'RS256', 'ES384', undefined])
    yield token(`alg ${String(alg)}`, { header: { alg } });
  for (const kid of ['k2', '../k1', '__proto__']) yield token(`kid ${kid}`, { header: { kid } });
  yield token('a critical extension of the token', { header: { crit: ['exp'] } });
  yield token('a token that somebody else signed', { signer: 'stranger' });
  for (const jkt of [mine.jkt.slice(1), `${mine.jkt}A`, mine.jkt.toLowerCase(), other.jkt, '', 1, null]) {
    yield token(`jkt ${String(jkt)}`, { claims: { cnf: { jkt } } });
  }
  for (const cnf of [null, 'x', {}, { kid: 'k1' }, { jkt: mine.jkt, kid: 'k1' }, { 'x5t#S256': mine.jkt }]) {
    yield token(`cnf ${JSON.stringify(cnf)}`, { claims: { cnf } });
  }
}

/** What is done with the scheme. */
function* schemes(): Generator<Case> {
  for (const scheme of ['DPoP', 'dpop', 'DPOP', 'Bearer', 'bearer', 'Basic', 'DPoPx', 'Token']) {
    yield { what: `${scheme}, bound, with a proof`, scheme, token: {}, proof: {} };
    yield { what: `${scheme}, bound, without a proof`, scheme, token: {} };
    yield { what: `${scheme}, not bound, without a proof`, scheme, token: { bound: false } };
    if (scheme.toLowerCase() === 'bearer') continue;
    yield { what: `${scheme}, not bound, with a proof`, scheme, token: { bound: false }, proof: {} };
  }
}

describe('the verdict of oauth4webapi', () => {
  const cases = [...proofs(), ...targetsAndKeys(), ...tokens(), ...schemes()];

  it('is asked for in over 200 cases, of both kinds', async () => {
    expect(new Set(cases.map(({ what }) => what)).size)
      .to.equal(cases.length)
      .and.to.be.above(200);
    const accepted = await Promise.all(cases.map((one) => verdicts(one)));
    expect(accepted.filter(([verdict]) => verdict)).to.have.length.above(20);
    expect(accepted.filter(([verdict]) => !verdict)).to.have.length.above(150);
  });

  for (const one of cases) {
    it(`is ours: ${one.what}`, async () => {
      const [expected, actual] = await verdicts(one);
      expect(actual ? 'accepted' : 'refused').to.equal(expected ? 'accepted' : 'refused');
    });
  }

  for (const [algorithm, who] of Object.entries(provers)) {
    it(`is ours for a key of ${algorithm}, right and wrong`, async () => {
      const right = bound(algorithm, { signer: who });
      expect(await verdicts(right, who)).to.deep.equal([true, true]);
      expect(await verdicts(bound(algorithm, { signer: who }), other)).to.deep.equal([false, false]);
      expect(await verdicts(bound(algorithm, { signer: other, header: { jwk: who.jwk } }), who)).to.deep.equal([
        false,
        false,
      ]);
    });
  }

  describe('is not ours', () => {
    const exceptions: readonly (readonly [one: Case, theirs: boolean, reason: string])[] = [
      [
        { what: 'Bearer, not bound, with a proof', scheme: 'Bearer', token: { bound: false }, proof: {} },
        false,
        'the token needs no proof, so one that nobody asked for changes nothing (RFC 9449 section 7.2)',
      ],
      [
        bound(
          'cnf with a remark of Keycloak',
          {},
          { token: { claims: { cnf: { jkt: mine.jkt, 'kc-jkt-type': 'dpop' } } } },
        ),
        false,
        'it does not read a cnf with two members; the one beside jkt binds to nothing',
      ],
      [
        bound('aud with a trailing slash', {}, { token: { claims: { aud: `${RESOURCE}/` } } }),
        false,
        'the same resource, however its URL is spelled (RFC 3986 section 6.2.3, which MCP asks servers to bear with)',
      ],
      [
        bound('htu with an escaped letter', { claims: { htu: 'https://mcp.example/%6Dcp' } }),
        false,
        'section 4.3 asks for syntax-based normalization, which resolves escapes of unreserved characters',
      ],
      [
        bound('Bearer, with an empty cnf', undefined, { scheme: 'Bearer', token: { claims: { cnf: {} } } }),
        true,
        'bound, and nobody knows to what: not a bearer token',
      ],
      [bound('an empty jti', { claims: { jti: '' } }), true, 'it tells no proof from another'],
      [bound('htu with white space', { claims: { htu: ` ${RESOURCE}` } }), true, 'what a parser repairs is refused'],
      [
        bound('iat of the token ahead of its time', {}, { token: { claims: { iat: now() + 3600 } } }),
        true,
        'a token that was issued in the future was not issued',
      ],
    ];
    for (const [one, verdict, reason] of exceptions) {
      it(`for ${one.what}: ${reason}`, async () => {
        expect(await verdicts(one)).to.deep.equal([verdict, !verdict]);
      });
    }

    it('for a key of PS256: proofs are verified with the algorithms of request signatures, and RSA-PSS is not one', async () => {
      const { privateKey, publicKey } = await generateKeyPair('PS256');
      const jwk = await exportJWK(publicKey);
      const signed = bound('PS256', undefined, { token: { claims: { cnf: { jkt: thumbprint(jwk) } } } });
      const token = tokenOf(signed, mine);
      const claims = { jti: 'pss', htm: 'POST', htu: RESOURCE, iat: now(), ath: hash('sha256', token, 'base64url') };
      const dpop = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'PS256', typ: 'dpop+jwt', jwk })
        .sign(privateKey);
      const headers = { authorization: `DPoP ${token}`, dpop };
      expect([await theirs(signed, headers), await ours(signed, headers)]).to.deep.equal([true, false]);
    });
  });
});
