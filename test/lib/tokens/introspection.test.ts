import { generateKeyPairSync, sign } from 'node:crypto';
import { expect } from 'chai';
import { compactVerify, decodeJwt } from 'jose';
import { Unavailable } from '../../../lib/denial.js';
import { oidc } from '../../../lib/providers/index.js';
import { introspect, type IntrospectOptions } from '../../../lib/providers/introspect.js';
import { fakeContext, fakeIssuer, fakeProver, type FakeProver } from '../../../lib/testing.js';
import { authenticate, type AuthenticateOptions } from '../../../middleware/authenticate.js';
import { fakeClock, verdict } from './forge.js';

const ISSUER = 'https://as.example';
const ENDPOINT = `${ISSUER}/introspect`;
const RESOURCE = 'https://mcp.example/mcp';
const THUMBPRINT = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0';

type Answer = Readonly<Record<string, unknown>> | (() => Response | Promise<Response>);

interface Asked {
  readonly url: string;
  readonly init: RequestInit;
  readonly form: URLSearchParams;
}

/** An authorization server without a socket, its clock, and what it was asked. */
function setUp(options: Partial<IntrospectOptions> = {}, more: Partial<AuthenticateOptions> = {}) {
  const { now, pass } = fakeClock();
  const asked: Asked[] = [];
  const state: { answer: Answer; metadata: unknown } = { answer: { active: false }, metadata: undefined };
  const reply = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = String(input instanceof Request ? input.url : input);
    if (init.method !== 'POST')
      return Response.json(state.metadata ?? {}, { status: state.metadata === undefined ? 404 : 200 });
    asked.push({ url, init, form: new URLSearchParams(init.body as string) });
    return typeof state.answer === 'function' ? state.answer() : Response.json(state.answer);
  };
  const issuer = introspect({
    issuer: ISSUER,
    endpoint: ENDPOINT,
    clientId: 'mcp',
    clientSecret: 's3cret',
    ...options,
  });
  const middleware = authenticate({ issuers: [issuer], resource: RESOURCE, fetch: reply, now, ...more });
  const seconds = (): number => Math.floor(now().getTime() / 1000);
  const active = (members: object = {}) => ({
    active: true,
    aud: RESOURCE,
    sub: 'jane',
    client_id: 'app',
    scope: 'file:read mcp',
    exp: seconds() + 600,
    ...members,
  });
  return {
    middleware,
    asked,
    state,
    pass,
    active,
    seconds,
    ask: (token = 'opaque') => verdict(middleware, `Bearer ${token}`),
  };
}

describe('introspection (RFC 7662)', () => {
  it('proves who calls by what the issuer answers', async () => {
    const { state, active, middleware, asked } = setUp();
    state.answer = active({ roles: ['admin'], jti: 'x' });
    const { auth } = await middleware.run(fakeContext({ headers: { authorization: 'Bearer opaque' } }));
    expect(auth).to.deep.include({
      issuer: ISSUER,
      subject: 'jane',
      clientId: 'app',
      scopes: ['file:read', 'mcp'],
      roles: ['admin'],
    });
    expect(Object.isFrozen(auth.claims)).to.equal(true);
    expect(asked).to.have.lengthOf(1);
    expect(asked[0]?.url).to.equal(ENDPOINT);
    expect([...(asked[0]?.form ?? [])]).to.deep.equal([
      ['token', 'opaque'],
      ['token_type_hint', 'access_token'],
    ]);
    expect(asked[0]?.init).to.include({ redirect: 'error', credentials: 'omit' });
  });

  it('takes the client for the subject of a token that no user stands behind', async () => {
    const { state, active, middleware } = setUp();
    const { sub: _sub, ...answer } = active();
    state.answer = answer;
    const { auth } = await middleware.run(fakeContext({ headers: { authorization: 'Bearer opaque' } }));
    expect(auth).to.include({ subject: 'app', clientId: 'app' });
  });

  const BAD: readonly (readonly [name: string, members: object, result: string])[] = [
    ['that is not active', { active: false }, 'token_invalid inactive'],
    ['for another resource', { aud: 'https://other.example/mcp' }, 'token_invalid audience'],
    ['for a list that lacks this resource', { aud: ['https://other.example/mcp'] }, 'token_invalid audience'],
    ['for nobody in particular', { aud: undefined }, 'token_invalid audience'],
    ['of another issuer', { iss: `${ISSUER}/` }, 'token_invalid issuer'],
    ['that expired, whatever the issuer says', { exp: 1_000_000 }, 'token_invalid expired'],
    ['without an end', { exp: undefined }, 'token_invalid claim exp'],
    ['that is not valid yet', { nbf: 4_000_000_000 }, 'token_invalid not_yet_valid'],
    ['without a client', { client_id: undefined }, 'token_invalid claim client_id'],
    ['bound to a certificate, without it', { cnf: { 'x5t#S256': THUMBPRINT } }, 'token_invalid bound'],
    ['bound in an unknown way', { cnf: { kid: 'a' } }, 'token_invalid bound'],
    ['bound to a key, without a proof', { cnf: { jkt: THUMBPRINT }, token_type: 'DPoP' }, 'token_invalid bound'],
    ['said to be bound, to nothing', { token_type: 'DPoP' }, 'token_invalid bound'],
    ['that is a refresh token', { token_type: 'refresh_token' }, 'token_invalid type'],
    ['that is an ID token', { nonce: 'n' }, 'token_invalid type'],
    ['of a type that is no text', { token_type: 7 }, 'token_invalid type'],
  ];
  for (const [name, members, result] of BAD) {
    it(`denies a token ${name}`, async () => {
      const { state, active, ask } = setUp();
      state.answer = active(members);
      expect(await ask()).to.equal(result);
      state.answer = active();
      expect(await ask('nearest')).to.equal('allowed');
    });
  }

  it('takes a bound token with the proof of its key alone, remembered or not', async () => {
    const { state, active, middleware, asked, seconds } = setUp();
    const [mine, other] = await Promise.all([fakeProver(), fakeProver()]);
    state.answer = active({ cnf: { jkt: mine.jkt }, token_type: 'DPoP' });
    const send = async (prover: FakeProver): Promise<unknown> => {
      const dpop = await prover.proof({ url: RESOURCE, token: 'opaque', iat: seconds() });
      const ctx = fakeContext({ headers: { authorization: 'DPoP opaque', dpop } });
      return Promise.resolve(middleware.run(ctx)).then(
        ({ auth }) => auth.bindings?.[0]?.thumbprint,
        (error: unknown) => (error as { code: string }).code,
      );
    };
    expect([await send(mine), await send(mine)]).to.deep.equal([mine.jkt, mine.jkt]);
    expect(await send(other)).to.equal('proof_invalid');
    expect(asked).to.have.lengthOf(1);
  });

  it('asks once for all who wait, and not again while the answer counts', async () => {
    const { state, active, ask, asked, pass } = setUp({ maxAge: 20 });
    const answer = active();
    let free = (): void => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    state.answer = async () => {
      await held;
      return Response.json(answer);
    };
    const all = Array.from({ length: 50 }, () => ask());
    free();
    expect(new Set(await Promise.all(all))).to.deep.equal(new Set(['allowed']));
    expect(asked).to.have.lengthOf(1);
    pass(19);
    expect(await ask()).to.equal('allowed');
    expect(asked).to.have.lengthOf(1);
    state.answer = { active: false };
    pass(1);
    expect(await ask()).to.equal('token_invalid inactive');
  });

  it('remembers no token past its exp, though clocks may differ', async () => {
    const { state, active, ask, asked, pass, seconds } = setUp({ maxAge: 3600 }, { cache: { seconds: 3600 } });
    state.answer = active({ exp: seconds() + 10 });
    expect(await ask()).to.equal('allowed');
    pass(9);
    expect(await ask()).to.equal('allowed');
    expect(asked).to.have.lengthOf(1);
    pass(1);
    await ask();
    await ask();
    expect(asked).to.have.lengthOf(3);
  });

  it('asks about every request where nothing is remembered', async () => {
    const { state, active, ask, asked } = setUp({}, { cache: false });
    state.answer = active();
    await ask();
    await ask();
    expect(asked).to.have.lengthOf(2);
  });

  it('does not ask about a denied token again for a moment, and then does', async () => {
    const { state, active, ask, asked, pass } = setUp({ negativeMaxAge: 5 });
    expect(await ask()).to.equal('token_invalid inactive');
    state.answer = active();
    pass(4);
    expect(await ask()).to.equal('token_invalid inactive');
    expect(asked).to.have.lengthOf(1);
    pass(1);
    expect(await ask()).to.equal('allowed');
  });

  it('asks about no more tokens at the same time than it may', async () => {
    const { state, ask, asked } = setUp({ maxPending: 2 });
    let free = (): void => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    state.answer = async () => {
      await held;
      return Response.json({ active: false });
    };
    const first = [ask('a'), ask('b')];
    await Promise.resolve();
    expect(await ask('c')).to.equal('unavailable');
    const shared = ask('a');
    free();
    expect(await Promise.all([...first, shared])).to.deep.equal(
      Array.from({ length: 3 }, () => 'token_invalid inactive'),
    );
    expect(asked).to.have.lengthOf(2);
    expect(await ask('c')).to.equal('token_invalid inactive');
  });

  const OUTAGES: readonly (readonly [name: string, answer: () => Response | Promise<Response>])[] = [
    ['nobody listens', () => Promise.reject(new TypeError('fetch failed'))],
    ['the server fails', () => new Response('no', { status: 500 })],
    ['the secret is wrong', () => Response.json({ error: 'invalid_client' }, { status: 401 })],
    ['the answer is no JSON', () => new Response('<html>')],
    ['the answer is a list', () => Response.json([])],
    ['the answer does not say', () => Response.json({ sub: 'jane' })],
    ['active is a text', () => Response.json({ active: 'true' })],
    ['a member appears twice', () => new Response('{"active":false,"active":true}')],
    ['the answer is huge', () => new Response(`{"active":true,"a":"${'x'.repeat(300_000)}"}`)],
    [
      'the answer is a redirect',
      () => Response.json({ active: true }, { status: 302, headers: { location: 'https://evil.example' } }),
    ],
  ];
  for (const [name, answer] of OUTAGES) {
    it(`is 503 and nobody's fault when ${name}, and goes on when that is over`, async () => {
      const { state, active, ask, asked } = setUp();
      state.answer = answer;
      expect(await ask()).to.equal('unavailable');
      state.answer = active();
      expect(await ask()).to.equal('allowed');
      expect(asked).to.have.lengthOf(2);
    });
  }

  it('waits no longer than it may', async () => {
    const { state, ask } = setUp({ timeout: 1 });
    state.answer = () => new Promise(() => undefined);
    expect(await ask()).to.equal('unavailable');
  });

  it('lets a remembered token pass during an outage', async () => {
    const { state, active, ask, pass } = setUp();
    state.answer = active();
    expect(await ask()).to.equal('allowed');
    state.answer = () => Promise.reject(new TypeError('fetch failed'));
    pass(59);
    expect(await ask()).to.equal('allowed');
    expect(await ask('other')).to.equal('unavailable');
    pass(1);
    expect(await ask()).to.equal('unavailable');
  });

  it('says nothing of the token or the secret in the reply or its cause', async () => {
    const { state, middleware } = setUp();
    state.answer = () => new Response('opaque s3cret', { status: 500 });
    const error: unknown = await Promise.resolve(
      middleware.run(fakeContext({ headers: { authorization: 'Bearer opaque' } })),
    ).catch((one: unknown) => one);
    expect(error).to.be.instanceOf(Unavailable);
    const { message, cause } = error as Error;
    expect(`${message} ${String(cause)}`).not.to.match(/opaque|s3cret/);
  });
});

describe('the authentication of the resource server', () => {
  it('is its secret by HTTP Basic, each half form-encoded (RFC 6749 section 2.3.1)', async () => {
    const { ask, asked } = setUp({ clientId: 'a:b c', clientSecret: 'p%+/=\u00e9' });
    await ask();
    const headers = new Headers(asked[0]?.init.headers);
    const [scheme, text = ''] = (headers.get('authorization') ?? '').split(' ');
    expect([scheme, Buffer.from(text, 'base64').toString()]).to.deep.equal(['Basic', 'a%3Ab+c:p%25%2B%2F%3D%C3%A9']);
    expect(asked[0]?.form.has('client_id')).to.equal(false);
  });

  it('is an assertion that it signs, each used once (RFC 7523)', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signer = {
      current: () =>
        Promise.resolve({
          keyId: 'k1',
          algorithm: 'ES256',
          sign: (bytes: Uint8Array) =>
            Promise.resolve(new Uint8Array(sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' }))),
        }),
    };
    const { now } = fakeClock();
    const issuer = introspect({ issuer: ISSUER, endpoint: ENDPOINT, clientId: 'mcp', privateKeyJwt: signer });
    const forms: URLSearchParams[] = [];
    const reply: typeof fetch = (_url, init) => {
      expect(new Headers(init?.headers).has('authorization')).to.equal(false);
      forms.push(new URLSearchParams(init?.body as string));
      return Promise.resolve(Response.json({ active: false }));
    };
    const middleware = authenticate({ issuers: [issuer], resource: RESOURCE, fetch: reply, now });
    await verdict(middleware, 'Bearer a');
    await verdict(middleware, 'Bearer b');
    const assertions = forms.map((form) => form.get('client_assertion') ?? '');
    for (const [index, assertion] of assertions.entries()) {
      const { protectedHeader } = await compactVerify(assertion, publicKey);
      expect(protectedHeader).to.deep.equal({ alg: 'ES256', kid: 'k1', typ: 'JWT' });
      const iat = now().getTime() / 1000;
      expect(decodeJwt(assertion)).to.deep.include({ iss: 'mcp', sub: 'mcp', aud: ISSUER, iat, exp: iat + 60 });
      expect(Object.fromEntries(forms[index] ?? [])).to.deep.include({
        client_id: 'mcp',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
    }
    expect(new Set(assertions.map((one) => decodeJwt(one).jti)).size).to.equal(2);
  });

  it('is 503 while its keys cannot be reached', async () => {
    const { ask, asked } = setUp({
      clientSecret: undefined,
      privateKeyJwt: { current: () => Promise.reject(new Unavailable('no keys')) },
    } as object);
    expect(await ask()).to.equal('unavailable');
    expect(asked).to.have.lengthOf(0);
  });

  it('is one of the two', () => {
    const both = { clientSecret: 'a', privateKeyJwt: { current: () => Promise.reject(new Error()) } };
    for (const given of [{}, both])
      expect(() => introspect({ issuer: ISSUER, clientId: 'a', ...given })).to.throw(TypeError, /one of them/);
    expect(() =>
      introspect({ issuer: ISSUER, clientId: 'a', clientSecret: 'b', endpoint: 'http://as.example' }),
    ).to.throw(TypeError, /'endpoint' must be an https URL/);
  });
});

describe('the introspection endpoint', () => {
  const discovering = { endpoint: undefined } as object;

  it('is found by the metadata of the issuer', async () => {
    const { state, active, ask, asked } = setUp(discovering);
    state.metadata = { issuer: ISSUER, introspection_endpoint: `${ISSUER}/token/introspection` };
    state.answer = active();
    expect(await ask()).to.equal('allowed');
    expect(asked[0]?.url).to.equal(`${ISSUER}/token/introspection`);
  });

  const BAD: readonly (readonly [name: string, metadata: unknown])[] = [
    ['of another issuer', { issuer: 'https://other.example', introspection_endpoint: ENDPOINT }],
    ['without one', { issuer: ISSUER }],
    ['that leads inside', { issuer: ISSUER, introspection_endpoint: 'https://169.254.169.254/latest' }],
    ['that leads to plain http', { issuer: ISSUER, introspection_endpoint: 'http://as.example/introspect' }],
    ['that is not there', undefined],
  ];
  for (const [name, metadata] of BAD) {
    it(`gets no token from metadata ${name}`, async () => {
      const { state, active, ask, asked } = setUp(discovering);
      state.metadata = metadata;
      state.answer = active();
      expect(await ask()).to.equal('unavailable');
      expect(asked).to.deep.equal([]);
    });
  }
});

describe('JWT issuers beside an introspecting one', () => {
  const { now } = fakeClock();
  const as = fakeIssuer({ resource: RESOURCE, now });
  const asked: string[] = [];
  const reply: typeof fetch = (input, init) => {
    if (init?.method !== 'POST') return as.fetch(input, init);
    asked.push(new URLSearchParams(init.body as string).get('token') ?? '');
    return Promise.resolve(Response.json({ active: false }));
  };
  const opaque = introspect({ issuer: ISSUER, endpoint: ENDPOINT, clientId: 'mcp', clientSecret: 's' });
  const both = authenticate({ issuers: [oidc({ issuer: as.issuer }), opaque], resource: RESOURCE, fetch: reply, now });
  beforeEach(() => asked.splice(0));

  it('keep their JWTs, good and bad, from the endpoint', async () => {
    const good = await as.token();
    expect(await verdict(both, `Bearer ${good}`)).to.equal('allowed');
    const [head = '', body = '', signature = ''] = good.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const bad = [
      await as.token({ exp: 1 }),
      await as.token({ aud: 'https://other.example' }),
      await as.token({ iss: 'https://stranger.example' }),
      await as.token({ iss: undefined }),
      `${head}.${body}.${signature.slice(0, -2)}AA`,
      `${none}.${body}.x`,
      `${head}.e30.x`,
      `${head}.!.x`.replace('!', '_'),
      `${Buffer.from('\r\n\t {"alg":"ES256"}').toString('base64url')}.${body}.x`,
      `${Buffer.from('\ufeff{"alg":"ES256"}').toString('base64url')}.${body}.x`,
    ];
    for (const token of bad) expect(await verdict(both, `Bearer ${token}`), token).to.match(/^token_invalid/);
    expect(asked).to.deep.equal([]);
  });

  it('leave to the endpoint what is opaque, and JWTs that name its issuer', async () => {
    const own = await as.token({ iss: ISSUER });
    const tokens = ['opaque', 'a.b', 'a.b.c', 'a.b.c.d.e', own];
    for (const token of tokens) expect(await verdict(both, `Bearer ${token}`)).to.equal('token_invalid inactive');
    expect(asked).to.deep.equal(tokens);
  });

  it('may be the same server, whose JWTs are then verified by its keys', async () => {
    const same = introspect({ issuer: as.issuer, endpoint: ENDPOINT, clientId: 'mcp', clientSecret: 's' });
    const one = authenticate({ issuers: [same, oidc({ issuer: as.issuer })], resource: RESOURCE, fetch: reply, now });
    expect(await verdict(one, `Bearer ${await as.token()}`)).to.equal('allowed');
    expect(asked).to.deep.equal([]);
    expect(await verdict(one, 'Bearer opaque')).to.equal('token_invalid inactive');
  });

  it('are verified by keys alone where there is no introspecting issuer', async () => {
    const alone = authenticate({ issuers: [oidc({ issuer: as.issuer })], resource: RESOURCE, fetch: reply, now });
    expect(await verdict(alone, 'Bearer opaque')).to.equal('token_invalid format');
    expect(asked).to.deep.equal([]);
  });

  it('stand beside one introspecting issuer at most', () => {
    const second = introspect({ issuer: 'https://b.example', clientId: 'mcp', clientSecret: 's' });
    expect(() => authenticate({ issuers: [opaque, second], resource: RESOURCE })).to.throw(
      TypeError,
      /several made by introspect/,
    );
  });
});
