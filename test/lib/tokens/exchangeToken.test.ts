import { inspect } from 'node:util';
import { expect } from 'chai';
import { isDenial, Unavailable } from '../../../lib/denial.js';
import { MAX_DOCUMENT_BYTES } from '../../../lib/fetch.js';
import { exchangeToken, type ExchangeTokenOptions, type TokenToExchange } from '../../../lib/tokens/exchangeToken.js';
import { fakeClock } from './forge.js';

const ISSUER = 'https://as.example';
const ENDPOINT = `${ISSUER}/token`;
const RESOURCE = 'https://files.example/mcp';
const URN = 'urn:ietf:params:oauth:token-type:';

const ANSWER = {
  access_token: 'exchanged',
  issued_token_type: `${URN}access_token`,
  token_type: 'Bearer',
  expires_in: 120,
};

type Answer = object | (() => Response | Promise<Response>);

/** An authorization server without a socket, its clock, and what it was sent. */
function setUp(options: Partial<ExchangeTokenOptions> = {}) {
  const { now, pass } = fakeClock();
  const sent: { url: string; init: RequestInit; form: Record<string, string> }[] = [];
  const state: { answer: Answer; metadata?: object } = { answer: ANSWER };
  const reply = (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = input instanceof Request ? input.url : String(input);
    if (init.method !== 'POST') {
      return Promise.resolve(Response.json(state.metadata ?? {}, { status: state.metadata ? 200 : 404 }));
    }
    sent.push({ url, init, form: Object.fromEntries(new URLSearchParams(init.body as string)) });
    const { answer } = state;
    return Promise.resolve(typeof answer === 'function' ? (answer as () => Response)() : Response.json(answer));
  };
  const client = { issuer: ISSUER, endpoint: ENDPOINT, clientId: 'reports', clientSecret: 's3cret' };
  const exchange = exchangeToken({ ...client, now, fetch: reply, ...options });
  const ask = (wanted: Partial<TokenToExchange> = {}) =>
    exchange({ subjectToken: 'users', resource: RESOURCE, scopes: ['file:read'], ...wanted });
  return { ask, sent, state, pass, now };
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    return `answered ${JSON.stringify(await work)}`;
  } catch (error) {
    if (isDenial(error)) return `${error.status} ${error.code} ${String(error.detail?.['reason'])}`;
    return error instanceof Unavailable ? 'unavailable' : String(error);
  }
}

describe('exchangeToken (RFC 8693)', () => {
  it('sends what section 2.1 names, as the client, following no redirect', async () => {
    const { ask, sent, now } = setUp();
    const actor = { actorToken: 'agents', actorTokenType: 'jwt', audience: 'files' } as const;
    const exchanged = await ask(actor);
    expect(exchanged).to.deep.equal({
      token: 'exchanged',
      resource: RESOURCE,
      scopes: ['file:read'],
      expiresAt: Math.floor(now().getTime() / 1000) + 120,
    });
    expect(Object.isFrozen(exchanged) && Object.isFrozen(exchanged.scopes)).to.equal(true);
    expect(sent).to.have.lengthOf(1);
    expect(sent[0]?.url).to.equal(ENDPOINT);
    expect(sent[0]?.init).to.include({ redirect: 'error', credentials: 'omit' });
    expect(sent[0]?.init.headers).to.include({ Authorization: `Basic ${btoa('reports:s3cret')}` });
    expect(sent[0]?.form).to.deep.equal({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'users',
      subject_token_type: `${URN}access_token`,
      requested_token_type: `${URN}access_token`,
      resource: RESOURCE,
      audience: 'files',
      scope: 'file:read',
      actor_token: 'agents',
      actor_token_type: `${URN}jwt`,
    });
  });

  it('leaves out what was not asked for', async () => {
    const { ask, sent, state } = setUp({ requestedTokenType: 'jwt' });
    state.answer = { ...ANSWER, issued_token_type: `${URN}jwt`, scope: 'a b' };
    expect((await ask({ scopes: undefined as never })).scopes).to.deep.equal(['a', 'b']);
    expect(Object.keys(sent[0]?.form ?? {})).to.not.include.members(['scope', 'actor_token', 'audience']);
    expect(sent[0]?.form['requested_token_type']).to.equal(`${URN}jwt`);
  });

  it('finds the token endpoint by the metadata of the issuer, and only there', async () => {
    const { ask, sent, state } = setUp({ endpoint: undefined as never });
    state.metadata = { issuer: ISSUER, token_endpoint: `${ISSUER}/oauth/token` };
    expect((await ask()).token).to.equal('exchanged');
    expect(sent[0]?.url).to.equal(`${ISSUER}/oauth/token`);
    for (const metadata of [
      { issuer: 'https://other.example', token_endpoint: ENDPOINT },
      { issuer: ISSUER },
      { issuer: ISSUER, token_endpoint: 'http://as.example/token' },
      { issuer: ISSUER, token_endpoint: 'https://127.0.0.1/token' },
      { issuer: ISSUER, token_endpoint: 'https://10.0.0.1/token' },
    ]) {
      const other = setUp({ endpoint: undefined as never });
      other.state.metadata = metadata;
      expect(await failure(other.ask()), JSON.stringify(metadata)).to.equal('unavailable');
      expect(other.sent).to.deep.equal([]);
    }
  });

  const BAD_ANSWERS: readonly (readonly [string, Answer])[] = [
    ['no object', []],
    ['no token', { ...ANSWER, access_token: undefined }],
    ['a token that no header can carry', { ...ANSWER, access_token: 'a\r\nb' }],
    ['a token of 16 KiB and one more', { ...ANSWER, access_token: 'a'.repeat(16_385) }],
    ['the token that was sent', { ...ANSWER, access_token: 'users' }],
    ['no issued_token_type', { ...ANSWER, issued_token_type: undefined }],
    ['another issued_token_type', { ...ANSWER, issued_token_type: `${URN}refresh_token` }],
    ['no token_type', { ...ANSWER, token_type: undefined }],
    ['a token that is none to access with', { ...ANSWER, token_type: 'N_A' }],
    ['a bound token', { ...ANSWER, token_type: 'DPoP' }],
    ['a wider scope', { ...ANSWER, scope: 'file:read file:delete' }],
    ['a scope that is no text', { ...ANSWER, scope: ['file:read'] }],
    ['an end that is no number', { ...ANSWER, expires_in: '120' }],
    ['an end in the past', { ...ANSWER, expires_in: -1 }],
    ['twice the same member', () => new Response('{"access_token":"a","access_token":"b"}')],
    ['no JSON', () => new Response('<html>')],
    ['too much', () => new Response(`{"access_token":"${'a'.repeat(MAX_DOCUMENT_BYTES)}"}`)],
    ['a redirect', () => Object.defineProperty(Response.json(ANSWER), 'redirected', { value: true })],
    ['status 500', () => Response.json(ANSWER, { status: 500 })],
    ['a token with status 400', () => Response.json(ANSWER, { status: 400 })],
    ['an error that is no text', () => Response.json({ error: {} }, { status: 400 })],
    ['an unknown error', () => Response.json({ error: 'teapot' }, { status: 400 })],
    ['an error without JSON', () => new Response('invalid_grant', { status: 400 })],
    ['that the client is wrong', () => Response.json({ error: 'invalid_client' }, { status: 401 })],
    ['that the client may not', () => Response.json({ error: 'unauthorized_client' }, { status: 400 })],
    ['nothing', () => Promise.reject(new TypeError('fetch failed'))],
  ];
  for (const [name, answer] of BAD_ANSWERS) {
    it(`is unavailable when the answer is ${name}, and tries again`, async () => {
      const { ask, state } = setUp();
      state.answer = answer;
      expect(await failure(ask())).to.equal('unavailable');
      state.answer = { ...ANSWER, token_type: 'bearer', scope: 'file:read' };
      expect((await ask()).token).to.equal('exchanged');
    });
  }

  for (const reason of ['invalid_request', 'invalid_grant', 'invalid_target', 'invalid_scope', 'access_denied']) {
    it(`denies when the authorization server says ${reason}, and quotes nothing else of it`, async () => {
      const { ask, state } = setUp();
      state.answer = () => Response.json({ error: reason, error_description: 'users' }, { status: 400 });
      expect(await failure(ask())).to.equal(`403 exchange_denied ${reason}`);
      const error: unknown = await ask().catch((one: unknown) => one);
      expect(isDenial(error) && JSON.stringify([error.message, error.detail, error.headers])).to.not.contain('users');
    });
  }

  it('tells the operator what is wrong with this client, and nothing that may quote a token', async () => {
    for (const [error, said] of [
      ['invalid_client', 'answered invalid_client'],
      ['users\nusers', 'answered an unknown error'],
    ]) {
      const { ask, state } = setUp();
      state.answer = () => Response.json({ error, error_description: 'users' }, { status: 401 });
      const outage: unknown = await ask().catch((one: unknown) => one);
      expect(outage).to.be.instanceOf(Unavailable);
      const { cause } = outage as Unavailable;
      expect(cause).to.include({ message: said, status: 401 });
      expect(inspect(outage, { depth: 9 }).replace(/^ +at .*$/gm, '')).to.not.contain('users');
    }
  });

  it('takes scopes that always come along for those that are listed', async () => {
    const { ask, state } = setUp({ extraScopes: ['profile'] });
    state.answer = { ...ANSWER, scope: 'file:read profile' };
    expect((await ask()).scopes).to.deep.equal(['file:read', 'profile']);
    state.answer = { ...ANSWER, scope: 'profile' };
    expect((await ask({ subjectToken: 'less' })).scopes).to.deep.equal(['profile']);
  });

  it('uses a token again until shortly before its end, and none whose end is not known', async () => {
    const { ask, sent, state, pass } = setUp();
    await ask();
    pass(89);
    await ask();
    expect(sent).to.have.lengthOf(1);
    pass(1);
    await ask();
    expect(sent).to.have.lengthOf(2);
    const { expires_in: _end, ...endless } = ANSWER;
    state.answer = endless;
    expect(await ask({ subjectToken: 'other' })).to.not.have.property('expiresAt');
    await ask({ subjectToken: 'other' });
    expect(sent).to.have.lengthOf(4);
  });

  it('uses a token again for maxAge at most, and never with 0', async () => {
    const some = setUp({ maxAge: 10 });
    await some.ask();
    some.pass(10);
    await some.ask();
    expect(some.sent).to.have.lengthOf(2);
    const none = setUp({ maxAge: 0 });
    await none.ask();
    await none.ask();
    expect(none.sent).to.have.lengthOf(2);
  });

  it('uses a token for nothing else than it was asked for', async () => {
    const { ask, sent } = setUp();
    const others: readonly Partial<TokenToExchange>[] = [
      {},
      { subjectToken: 'another' },
      { subjectTokenType: 'jwt' },
      { resource: `${RESOURCE}/2` },
      { audience: 'files' },
      { scopes: ['file:read', 'audit:log'] },
      { actorToken: 'agents' },
      { actorToken: 'agents', actorTokenType: 'jwt' },
    ];
    for (const wanted of others) await ask(wanted);
    expect(sent).to.have.lengthOf(others.length);
    for (const wanted of others) await ask(wanted);
    await ask({ scopes: ['audit:log', 'file:read', 'audit:log'] });
    expect(sent).to.have.lengthOf(others.length);
  });

  it('has no more exchanges under way than it may, and one for all who ask the same', async () => {
    const { ask, sent, state } = setUp({ maxPending: 2 });
    let free = (): void => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    state.answer = async () => {
      await held;
      return Response.json(ANSWER);
    };
    const first = [ask({ subjectToken: 'a' }), ask({ subjectToken: 'b' }), ask({ subjectToken: 'a' })];
    expect(await failure(ask({ subjectToken: 'c' }))).to.equal('unavailable');
    free();
    expect((await Promise.all(first)).map(({ token }) => token)).to.deep.equal(Array(3).fill('exchanged'));
    expect(sent).to.have.lengthOf(2);
    expect(await failure(ask({ subjectToken: 'c' }))).to.match(/^answered/);
  });

  it('waits no longer than it may', async () => {
    const { ask, state } = setUp({ timeout: 1 });
    state.answer = () => new Promise<Response>(() => undefined);
    expect(await failure(ask())).to.equal('unavailable');
  });

  const MISTAKES: readonly (readonly [object, RegExp])[] = [
    [{ clientSecret: undefined }, /pass 'clientSecret' or 'privateKeyJwt'/],
    [{ privateKeyJwt: { current: () => undefined } }, /one of them/],
    [{ privateKeyJwt: 'key', clientSecret: undefined }, /'privateKeyJwt' must be a signer/],
    [{ issuer: 'http://as.example' }, /'issuer' must be an https URL/],
    [{ endpoint: 'http://as.example/token' }, /'endpoint' must be an https URL/],
    [{ clientid: 'x' }, /did you mean 'clientId'/],
    [{ requestedTokenType: 'id_token' }, /'requestedTokenType' must be one of/],
    [{ extraScopes: ['a b'] }, /'extraScopes' \[0\] must be a scope/],
    [{ maxAge: 3601 }, /'maxAge'/],
    [{ timeout: 0 }, /'timeout'/],
  ];
  for (const [options, text] of MISTAKES) {
    it(`does not start with ${JSON.stringify(options)}`, () => {
      expect(() => setUp(options)).to.throw(TypeError, text);
    });
  }

  const WRONG: readonly (readonly [object, RegExp])[] = [
    [{ subjectToken: '' }, /'subjectToken' is empty: no token came, or authenticate has 'exposeToken: false'/],
    [{ subjectToken: undefined }, /'subjectToken' must be a non-empty string/],
    [{ resource: 'http://files.example/mcp' }, /'resource' must be an https URL/],
    [{ scopes: [] }, /'scopes' must have at least 1 element/],
    [{ scopes: ['a b'] }, /must be a scope/],
    [{ scope: 'a' }, /did you mean 'scopes'/],
  ];
  for (const [wanted, text] of WRONG) {
    it(`sends nothing for ${JSON.stringify(wanted)}`, async () => {
      const { ask, sent } = setUp();
      expect(await failure(ask(wanted))).to.match(text);
      expect(sent).to.deep.equal([]);
    });
  }
});
