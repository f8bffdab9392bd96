import type { Server } from 'node:http';
import { expect } from 'chai';
import request from 'supertest';
import { isDenial, type Denial } from '../../lib/denial.js';
import type { Signature } from '../../lib/signatures/signature.js';
import type { Auth } from '../../lib/tokens/auth.js';
import { defineTools } from '../../lib/tools/defineTools.js';
import { fakeContext, fakeIssuer } from '../../lib/testing.js';
import { oidc } from '../../lib/providers/index.js';
import { authenticate } from '../../middleware/authenticate.js';
import { authorizeScopes } from '../../middleware/authorizeScopes.js';
import { fakeClock } from '../lib/tokens/forge.js';
import { MCP_SERVERS } from '../support/mcpServers.js';

const MFA = 'urn:example:mfa';
const HARDWARE = 'urn:example:hardware';
const tools = defineTools({
  whoami: { permissions: [] },
  pay: { permissions: ['pay'], acr: [MFA, HARDWARE], maxAge: 300 },
  sign: { permissions: [], acr: [HARDWARE] },
  stamp: { permissions: [], acr: ['urn:example:stamp'] },
  recent: { permissions: [], maxAge: 60 },
});
const { now } = fakeClock();
const NOW = now().getTime() / 1000;
const check = (): ReturnType<typeof authorizeScopes> =>
  authorizeScopes({
    tools,
    now,
    resources: { 'test://vault/{id}': { permissions: [], acr: [HARDWARE] }, 'test://open': [] },
    prompts: { transfer: { permissions: [], maxAge: 10 } },
    methods: { 'tasks/get': { permissions: [], acr: [MFA] } },
  });

function authOf(claims: object, more: Partial<Auth> = {}): Auth {
  return {
    issuer: 'https://issuer.example',
    subject: 'jane',
    clientId: 'app',
    scopes: ['pay', 'mcp'],
    roles: [],
    resource: 'https://mcp.example/mcp',
    expiresAt: NOW + 600,
    token: 'token',
    claims: { ...claims },
    ...more,
  };
}

const call = (name: string, id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } });

async function denial(body: unknown, auth: Auth, method = 'POST'): Promise<Denial | undefined> {
  try {
    await check().run(fakeContext<'auth'>({ method, body, state: { auth } }));
    return undefined;
  } catch (error) {
    if (isDenial(error)) return error;
    throw error;
  }
}

describe('step-up authentication (RFC 9470)', () => {
  const GOOD = { acr: MFA, auth_time: NOW - 300 };
  const CASES: readonly (readonly [name: string, claims: object, reason: string | undefined])[] = [
    ['in one of the ways, in time', GOOD, undefined],
    ['in another of the ways', { ...GOOD, acr: HARDWARE }, undefined],
    ['a moment ago', { ...GOOD, auth_time: NOW }, undefined],
    ['by a clock that is ahead', { ...GOOD, auth_time: NOW + 60 }, undefined],
    ['a second too long ago', { ...GOOD, auth_time: NOW - 301 }, 'auth_time'],
    ['in the future', { ...GOOD, auth_time: NOW + 61 }, 'auth_time'],
    ['nobody knows when', { acr: MFA }, 'auth_time'],
    ['at a time that is a text', { ...GOOD, auth_time: String(NOW) }, 'auth_time'],
    ['at no time', { ...GOOD, auth_time: NaN }, 'auth_time'],
    ['in another way', { ...GOOD, acr: 'urn:example:pwd' }, 'acr'],
    ['in a way that begins like it', { ...GOOD, acr: `${MFA}2` }, 'acr'],
    ['in a list of ways', { ...GOOD, acr: [MFA] }, 'acr'],
    ['nobody knows how', { auth_time: NOW }, 'acr'],
  ];
  for (const [name, claims, reason] of CASES) {
    it(`${reason === undefined ? 'lets in' : 'denies'} a user who signed in ${name}`, async () => {
      const denied = await denial(call('pay'), authOf(claims));
      expect(denied?.detail?.['reason']).to.equal(reason);
      expect(denied?.code).to.equal(reason === undefined ? undefined : 'authentication_insufficient');
    });
  }

  it('does not take a claim from a polluted prototype', async () => {
    const claims = Object.create(GOOD) as object;
    expect((await denial(call('pay'), authOf({}, { claims: claims as never })))?.code).to.equal(
      'authentication_insufficient',
    );
  });

  it('says in a challenge what the sign-in must be like, and loses no scope', async () => {
    const denied = await denial(call('pay'), authOf({}));
    expect(denied?.status).to.equal(401);
    expect(denied?.headers['WWW-Authenticate']).to.equal(
      'Bearer error="insufficient_user_authentication", error_description="This needs another sign-in of the user", ' +
        'acr_values="urn:example:mfa urn:example:hardware", max_age="300", scope="pay mcp", ' +
        'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"',
    );
    const recent = await denial(call('recent'), authOf({}, { scopes: [] }));
    expect(recent?.headers['WWW-Authenticate'])
      .to.match(/max_age="60", resource_metadata/)
      .and.not.to.match(/acr_values|scope=/);
  });

  it('sends nobody to sign in who may not do it anyway', async () => {
    const denied = await denial(call('pay'), authOf({}, { scopes: ['mcp'] }));
    expect(denied).to.include({ status: 403, code: 'scope_insufficient' });
  });

  it('asks of a batch what all of its messages need', async () => {
    const auth = authOf({ acr: MFA, auth_time: NOW - 30 });
    expect(await denial([call('pay', 1), call('recent', 2), call('whoami', 3)], auth)).to.equal(undefined);
    const tooOld = authOf({ acr: MFA, auth_time: NOW - 100 });
    const denied = await denial([call('pay', 1), call('recent', 2)], tooOld);
    expect(denied?.headers['WWW-Authenticate'])
      .to.include('max_age="60"')
      .and.to.include('acr_values="urn:example:mfa urn:example:hardware"');
    const both = await denial([call('pay', 1), call('sign', 2)], auth);
    expect(both?.headers['WWW-Authenticate']).to.include(`acr_values="${HARDWARE}"`);
    const notification = { jsonrpc: '2.0', method: 'tools/call', params: { name: 'sign', arguments: {} } };
    expect((await denial([call('whoami'), notification], auth))?.code).to.equal('authentication_insufficient');
  });

  it('denies a batch for good that no single sign-in could do', async () => {
    const denied = await denial([call('sign', 1), call('stamp', 2)], authOf({ acr: HARDWARE }));
    expect(denied).to.include({ status: 403, code: 'authentication_impossible', policy: true });
    expect(denied?.headers).to.deep.equal({});
  });

  it('holds for resources, prompts and methods as well', async () => {
    const auth = authOf({ acr: MFA, auth_time: NOW - 5 });
    const message = (method: string, params: object) => ({ jsonrpc: '2.0', id: 1, method, params });
    expect(await denial(message('prompts/get', { name: 'transfer' }), auth)).to.equal(undefined);
    expect(await denial(message('tasks/get', { taskId: 'a' }), auth)).to.equal(undefined);
    expect(await denial(message('resources/read', { uri: 'test://open' }), auth)).to.equal(undefined);
    for (const method of ['resources/read', 'resources/subscribe'])
      expect((await denial(message(method, { uri: 'test://vault/1' }), auth))?.code).to.equal(
        'authentication_insufficient',
      );
    const late = authOf({ acr: MFA, auth_time: NOW - 11 });
    expect((await denial(message('prompts/get', { name: 'transfer' }), late))?.code).to.equal(
      'authentication_insufficient',
    );
    expect((await denial(message('tasks/get', { taskId: 'a' }), authOf({})))?.code).to.equal(
      'authentication_insufficient',
    );
  });

  it('denies who calls without a token for good: no user stands behind a certificate or a signature', async () => {
    const certificate = authOf(GOOD, { token: '' });
    const clients = authorizeScopes({ tools, now, clients: { app: ['pay'] } });
    const run = (state: object): Promise<unknown> =>
      Promise.resolve(clients.run(fakeContext({ body: call('pay'), state }))).catch((one: unknown) => one);
    expect(await run({ auth: certificate })).to.include({ status: 403, code: 'authentication_impossible' });
    const signature = { clientId: 'app', owner: 'https://peer.example' } as Signature;
    expect(await run({ signature })).to.include({ status: 403, code: 'authentication_impossible' });
    expect(await run({ auth: { ...certificate, redacted: true, scopes: ['pay'] } })).to.have.property('access');
  });

  it('does not hide a tool from who would have to sign in again', async () => {
    const auth = authOf({});
    const { access } = await check().run(fakeContext<'auth'>({ body: call('whoami'), state: { auth } }));
    expect(['whoami', 'pay', 'sign', 'recent'].map((name) => access.may('tool', name))).to.deep.equal([
      'yes',
      'depends',
      'depends',
      'depends',
    ]);
  });

  it('is defined in terms that a client can be told', () => {
    const bad: readonly (readonly [object, RegExp])[] = [
      [{ acr: [] }, /'acr' must have at least 1 element/],
      [{ acr: ['a b'] }, /'acr' \[0\] must be an acr value, without blanks/],
      [{ acr: ['a"b'] }, /must be an acr value/],
      [{ acr: 'urn:a' }, /'acr' must be an array/],
      [{ maxAge: 0 }, /'maxAge' must be a whole number from 1/],
      [{ maxAge: 1.5 }, /'maxAge' must be a whole number/],
      [{ maxage: 5 }, /unknown option 'maxage'; did you mean 'maxAge'/],
    ];
    for (const [policy, message] of bad)
      expect(() => defineTools({ a: { permissions: [], ...policy } })).to.throw(TypeError, message);
  });

  for (const [name, mount] of MCP_SERVERS) {
    it(`is asked for over HTTP with a 401 that clients read, on ${name}`, async () => {
      const resource = 'https://mcp.example/mcp';
      const as = fakeIssuer({ resource });
      const issuers = [oidc({ issuer: as.issuer })];
      const app = mount({ checks: [authenticate({ issuers, resource, fetch: as.fetch }), authorizeScopes({ tools })] });
      const send = async (claims: object) =>
        request(app as unknown as Server)
          .post('/mcp')
          .set('authorization', `Bearer ${await as.token({ scope: 'pay', ...claims })}`)
          .set('accept', 'application/json, text/event-stream')
          .send(call('pay'));
      const denied = await send({});
      expect(denied.status).to.equal(401);
      expect(denied.headers['www-authenticate']).to.match(/^Bearer error="insufficient_user_authentication"/);
      expect(denied.body).to.deep.include({ jsonrpc: '2.0', id: 1 });
      const allowed = await send({ acr: MFA, auth_time: Math.floor(Date.now() / 1000) });
      expect(allowed.status).to.equal(200);
      expect(allowed.text).to.include('paid');
    });
  }
});
