import { hash } from 'node:crypto';
import { expect } from 'chai';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, importJWK, jwtVerify, type JWK } from 'jose';
import { dpopFetch, signingFetch, type DPoPFetchOptions } from '../../client/index.js';
import { thumbprint } from '../../lib/keys/thumbprint.js';
import { fakeProver, fakeSigner } from '../../lib/testing.js';

const resource = 'https://mcp.example.com/mcp';
const tokenEndpoint = 'https://issuer.example/token';
const time = 1_800_000_000;
const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

interface Sent {
  readonly input: string | URL | Request;
  readonly init: RequestInit | undefined;
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  return error as Error;
}

describe('dpopFetch', () => {
  const sent: Sent[] = [];
  let answers: Response[] = [];
  const answering: typeof fetch = (input, init) => {
    sent.push({ input, init });
    return Promise.resolve(answers.shift() ?? new Response('{}'));
  };

  beforeEach(() => {
    sent.length = 0;
    answers = [];
  });

  const open = (more: Partial<DPoPFetchOptions> = {}): typeof fetch =>
    dpopFetch({ resource, tokenEndpoint, fetch: answering, now: () => new Date(time * 1000), ...more });
  const post = (authorization = 'Bearer abc'): RequestInit => ({
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body,
  });
  const headersAt = (index: number): Headers => new Headers(sent.at(index)?.init?.headers);
  const proofAt = (index: number): string => headersAt(index).get('dpop') ?? '';
  const asksForNonce = (nonce: string): Response =>
    new Response('{}', {
      status: 401,
      headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"', 'dpop-nonce': nonce },
    });

  describe('a request with a token, to the endpoint', () => {
    it('goes out under the scheme DPoP with a proof that is valid for it', async () => {
      await open()(resource, post());
      const headers = headersAt(0);
      expect(headers.get('authorization')).to.equal('DPoP abc');
      expect(headers.get('content-type')).to.equal('application/json');
      expect(sent[0]?.init).to.include({ method: 'POST', body, redirect: 'manual' });
      const { jwk, ...header } = decodeProtectedHeader(proofAt(0));
      expect(header).to.deep.equal({ typ: 'dpop+jwt', alg: 'ES256' });
      expect(Object.keys(jwk!).sort()).to.deep.equal(['crv', 'kty', 'x', 'y']);
      const key = await importJWK(jwk!, 'ES256');
      const { payload } = await jwtVerify(proofAt(0), key, { currentDate: new Date(time * 1000) });
      const { jti, ...claims } = payload;
      expect(claims).to.deep.equal({ htm: 'POST', htu: resource, iat: time, ath: hash('sha256', 'abc', 'base64url') });
      expect(jti).to.match(/^[0-9a-f-]{36}$/);
    });

    it('has a proof of its own each time, all of one key', async () => {
      const fetching = open();
      await Promise.all(Array.from({ length: 10 }, () => fetching(resource, post())));
      const jtis = sent.map((_, index) => decodeJwt(proofAt(index)).jti);
      const keys = sent.map((_, index) => thumbprint(decodeProtectedHeader(proofAt(index)).jwk!));
      expect(new Set(jtis)).to.have.property('size', 10);
      expect(new Set(keys)).to.have.property('size', 1);
    });

    it('is told by URL, method and token, however fetch is called', async () => {
      const token = { authorization: 'dpop abc' };
      const calls: readonly (readonly [string | URL | Request, RequestInit?])[] = [
        [`${resource}?a=1#b`, { headers: token }],
        [new URL('HTTPS://MCP.example.com:443/mcp'), { headers: new Headers(token) }],
        [new Request(resource, { headers: token })],
        [new Request(resource), { headers: [['Authorization', 'DPoP abc']] }],
      ];
      for (const [input, init] of calls) await open()(input, init);
      for (const [index] of calls.entries()) {
        expect(decodeJwt(proofAt(index))).to.include({ htm: 'GET', htu: resource });
        expect(headersAt(index).get('authorization')).to.equal('DPoP abc');
      }
      await open()(resource, { ...post(), method: 'DELETE' });
      expect(decodeJwt(proofAt(-1))).to.include({ htm: 'DELETE' });
    });

    it('replaces a proof that is there', async () => {
      await open()(resource, { headers: { authorization: 'Bearer abc', dpop: 'stale' } });
      expect(decodeJwt(proofAt(0))).to.include({ htu: resource });
    });
  });

  describe('any other request', () => {
    const untouched: Readonly<Record<string, readonly [string, RequestInit]>> = {
      'without a token': [resource, { method: 'POST', body }],
      'with other credentials': [resource, post('Basic dTpw')],
      'with a malformed token': [resource, post('Bearer a b')],
      'to another path': ['https://mcp.example.com/mcp2', post()],
      'to a path below': ['https://mcp.example.com/mcp/x', post()],
      'to the metadata': ['https://mcp.example.com/.well-known/oauth-protected-resource/mcp', post()],
      'to another origin': ['https://evil.example/mcp', post()],
      'to another port': ['https://mcp.example.com:8443/mcp', post()],
      'to another scheme': ['http://mcp.example.com/mcp', post()],
      'to a host that begins alike': ['https://mcp.example.com.evil.example/mcp', post()],
      'to a host behind user information': ['https://mcp.example.com@evil.example/mcp', post()],
      'to the authorization endpoint': ['https://issuer.example/authorize', post()],
    };
    for (const [what, [url, init]] of Object.entries(untouched)) {
      it(`passes as it is: ${what}`, async () => {
        await open()(url, init);
        expect(sent[0]?.input).to.equal(url);
        expect(sent[0]?.init).to.equal(init);
      });
    }

    it('gets no nonce of another server, and no second attempt', async () => {
      const fetching = open();
      answers = [new Response('{}', { headers: { 'dpop-nonce': 'of-the-resource' } }), asksForNonce('evil')];
      await fetching(resource, post());
      expect((await fetching('https://evil.example/mcp', post())).status).to.equal(401);
      expect(sent).to.have.length(2);
      await fetching(tokenEndpoint, { method: 'POST', body: new URLSearchParams({ grant_type: 'x' }) });
      expect(decodeJwt(proofAt(-1))).to.not.have.property('nonce');
    });
  });

  describe('a request to the token endpoint', () => {
    const grant: RequestInit = { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token' }) };

    it('has a proof that is about no token', async () => {
      await open()(tokenEndpoint, { ...grant, headers: { authorization: 'Basic dTpw' } });
      const { jti: _jti, ...claims } = decodeJwt(proofAt(0));
      expect(claims).to.deep.equal({ htm: 'POST', htu: tokenEndpoint, iat: time });
      expect(headersAt(0).get('authorization')).to.equal('Basic dTpw');
      expect(headersAt(0).get('content-type')).to.match(/^application\/x-www-form-urlencoded/);
      expect(Buffer.from(sent[0]?.init?.body as Uint8Array).toString()).to.equal('grant_type=refresh_token');
    });

    it('is sent once more with a nonce that the server asks for (RFC 9449 section 8)', async () => {
      const asks = Response.json({ error: 'use_dpop_nonce' }, { status: 400, headers: { 'dpop-nonce': 'n-1' } });
      answers = [asks, Response.json({ token_type: 'DPoP' })];
      expect((await open()(tokenEndpoint, grant)).status).to.equal(200);
      expect(sent).to.have.length(2);
      expect(decodeJwt(proofAt(1))).to.include({ nonce: 'n-1' });
      expect(decodeJwt(proofAt(1)).jti).to.not.equal(decodeJwt(proofAt(0)).jti);
    });

    it('is not sent again for any other error, whose answer stays readable', async () => {
      const wrong = Response.json({ error: 'invalid_grant' }, { status: 400, headers: { 'dpop-nonce': 'n-1' } });
      answers = [wrong];
      const answer = await open()(tokenEndpoint, grant);
      expect(await answer.json()).to.deep.equal({ error: 'invalid_grant' });
      expect(sent).to.have.length(1);
    });

    it('has none where no such endpoint is named', async () => {
      const fetching = dpopFetch({ resource, fetch: answering });
      await fetching(tokenEndpoint, grant);
      expect(sent[0]?.init).to.equal(grant);
    });
  });

  describe('a nonce', () => {
    it('is asked for once, and then sent along', async () => {
      const fetching = open();
      answers = [asksForNonce('n-1'), new Response('{}'), new Response('{}', { headers: { 'dpop-nonce': 'n-2' } })];
      expect((await fetching(resource, post())).status).to.equal(200);
      await fetching(resource, post());
      await fetching(resource, post());
      expect(sent.map((_, index) => decodeJwt(proofAt(index))['nonce'])).to.deep.equal([
        undefined,
        'n-1',
        'n-1',
        'n-2',
      ]);
      expect(sent.map(({ init }) => init?.body)).to.deep.equal([body, body, body, body]);
    });

    it('is tried once more, and not again and again', async () => {
      answers = [asksForNonce('n-1'), asksForNonce('n-2'), asksForNonce('n-3')];
      const fetching = open();
      expect((await fetching(resource, post())).status).to.equal(401);
      expect(sent).to.have.length(2);
    });

    it('that is asked for again, the same, is tried no more', async () => {
      const fetching = open();
      answers = [new Response('{}', { headers: { 'dpop-nonce': 'n-1' } }), asksForNonce('n-1')];
      await fetching(resource, post());
      expect((await fetching(resource, post())).status).to.equal(401);
      expect(sent).to.have.length(2);
    });

    it('comes with no other 401 than one that asks for it', async () => {
      for (const challenge of ['DPoP error="invalid_token"', 'Bearer error="use_dpop_nonce"', 'DPoP realm="x"']) {
        sent.length = 0;
        answers = [new Response('', { status: 401, headers: { 'www-authenticate': challenge, 'dpop-nonce': 'n' } })];
        expect((await open()(resource, post())).status).to.equal(401);
        expect(sent, challenge).to.have.length(1);
      }
      answers = [new Response('', { status: 401, headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"' } })];
      sent.length = 0;
      await open()(resource, post());
      expect(sent, 'without a nonce').to.have.length(1);
    });
  });

  describe('the key', () => {
    it('is the one that is given, as a private JWK or as what signs', async () => {
      const { privateKey } = await generateKeyPair('Ed25519', { extractable: true });
      const jwk: JWK = { ...(await exportJWK(privateKey)), alg: 'Ed25519', kid: 'mine', use: 'sig' };
      await open({ key: jwk })(resource, post());
      const { alg, jwk: published } = decodeProtectedHeader(proofAt(0));
      expect(alg).to.equal('Ed25519');
      expect(published).to.deep.equal({ kty: 'OKP', crv: 'Ed25519', x: jwk.x });
      const prover = await fakeProver();
      await open({ key: prover.key })(resource, post());
      expect(thumbprint(decodeProtectedHeader(proofAt(1)).jwk!)).to.equal(prover.jkt);
    });

    it('that cannot sign is a TypeError, and nothing is sent', async () => {
      const { publicKey } = await generateKeyPair('ES256');
      const key = { ...(await exportJWK(publicKey)), alg: 'ES256' };
      expect(() => open({ key })).to.throw(TypeError, /dpopFetch: 'key' must be a private JWK with its alg.*'d'/);
      expect(sent).to.have.length(0);
    });

    it('is refused when it is built, where it has no algorithm, is symmetric, or signs without saying how', () => {
      const sign = (): Promise<Uint8Array> => Promise.resolve(new Uint8Array());
      const wrong = [{ kty: 'oct', k: 'AAAA', alg: 'HS256' }, {}, { sign }] as unknown as DPoPFetchOptions['key'][];
      for (const key of wrong) expect(() => open({ key: key! })).to.throw(TypeError, /dpopFetch: 'key' must/);
    });

    it('may be the private JWK of a prover', async () => {
      const { privateJwk, jkt } = await fakeProver();
      await open({ key: privateJwk })(resource, post());
      expect(thumbprint(decodeProtectedHeader(proofAt(0)).jwk!)).to.equal(jkt);
    });
  });

  describe('with signingFetch', () => {
    it('is covered by the signature, when the signature is made after it', async () => {
      const signer = await fakeSigner();
      const signing = signingFetch({ signer, resource, fetch: answering });
      await open({ fetch: signing })(resource, post());
      const headers = headersAt(0);
      expect(headers.get('signature-input'))
        .to.match(/"dpop"/)
        .and.match(/"authorization"/);
      expect(headers.get('authorization')).to.equal('DPoP abc');
      expect(proofAt(0)).to.not.equal('');
    });

    it('signs a second attempt anew', async () => {
      const signer = await fakeSigner();
      const signing = signingFetch({ signer, resource, fetch: answering });
      answers = [asksForNonce('n-1')];
      await open({ fetch: signing })(resource, post());
      expect(sent).to.have.length(2);
      expect(headersAt(0).get('signature-input')).to.not.equal(headersAt(1).get('signature-input'));
    });

    it('the other way round is a TypeError that says how', async () => {
      const signer = await fakeSigner();
      const wrong = signingFetch({ signer, resource, fetch: open() });
      const error = await failureOf(wrong(resource, post()));
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.include('dpopFetch({ fetch: signingFetch({ ... }) })');
      expect(sent).to.have.length(0);
    });
  });

  it('throws for a body that is a stream, which could not be sent twice', async () => {
    const init = { ...post(), body: new ReadableStream(), duplex: 'half' } as RequestInit;
    expect((await failureOf(open()(resource, init))).message).to.include('must not be a stream');
  });

  const bad: readonly (readonly [options: object, text: string])[] = [
    [{}, "'resource' must be an absolute URL"],
    [{ resource: 'http://mcp.example.com/mcp' }, "'resource' must be an https URL"],
    [{ resource, tokenEndpoint: 'token' }, "'tokenEndpoint' must be an absolute URL"],
    [{ resource, key: 'x' }, "'key' must be an object"],
    [{ resource, tokenUrl: tokenEndpoint }, "unknown option 'tokenUrl'"],
  ];
  for (const [options, text] of bad) {
    it(`throws a TypeError for ${JSON.stringify(options)}`, () => {
      expect(() => dpopFetch(options as DPoPFetchOptions)).to.throw(TypeError, text);
    });
  }
});
