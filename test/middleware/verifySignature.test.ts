import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import request from 'supertest';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { Unavailable } from '../../lib/denial.js';
import type { AnyMiddleware } from '../../lib/middleware.js';
import type { Auth } from '../../lib/tokens/auth.js';
import { defineTools } from '../../lib/tools/defineTools.js';
import {
  fakeContext,
  fakeIssuer,
  fakeSigner,
  signRequest,
  type FakeRequest,
  type FakeSigner,
} from '../../lib/testing.js';
import { authenticate } from '../../middleware/authenticate.js';
import { verifySignature, type VerifySignatureOptions } from '../../middleware/verifySignature.js';
import { KEY_PURPOSES } from '../../lib/keys/keyRecord.js';
import { contextOf, memoryReplay, oidc, openKeyStore, type Signer } from '../../lib/index.js';

const resource = 'https://mcp.example.com/mcp';
const owner = 'https://agent.example.com';
const call = (name = 'read', id = 1): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: {} },
});
const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
const as = fakeIssuer({ resource });

const authOf = (clientId: string): Auth => ({
  issuer: 'https://issuer.example',
  subject: 'jane',
  clientId,
  scopes: [],
  roles: [],
  resource,
  expiresAt: 2e9,
  token: 'token',
  claims: {},
});

type App = Parameters<typeof request>[0];
type Headers = Record<string, string>;

const frameworks: Record<string, (...list: AnyMiddleware[]) => App> = {
  Express: (...chain) =>
    express()
      .use('/mcp', toExpress(...(chain as [])))
      .use((req, res) => {
        res.json({ signature: contextOf(req).state.signature ?? null, auth: (req as { auth?: object }).auth ?? null });
      }),
  Koa: (...chain) =>
    new Koa()
      .use(toKoa(...(chain as [])))
      .use((ctx) => {
        ctx.body = { signature: contextOf(ctx).state.signature ?? null };
      })
      .callback(),
};

describe('verifySignature', () => {
  let signer: FakeSigner;
  let options: VerifySignatureOptions;
  const time = Math.floor(Date.now() / 1000);
  const now = (): Date => new Date(time * 1000);

  before(async () => {
    signer = await fakeSigner('ES256');
    options = { keys: [{ owner, jwks: signer.jwks }], resource, now };
  });

  const sign = (
    body: unknown,
    more: Parameters<typeof signRequest>[1] | object = {},
    headers: Headers = {},
  ): Promise<Headers> => signRequest({ url: resource, body, headers }, { signer, created: time, ...more });
  const post = (app: App, headers: Headers, body: unknown) =>
    request(app)
      .post('/mcp')
      .set(headers)
      .send(typeof body === 'string' ? body : JSON.stringify(body));
  const appWith = (more: Partial<VerifySignatureOptions> = {}, ...before: AnyMiddleware[]): App =>
    (frameworks['Express'] as (...chain: AnyMiddleware[]) => App)(...before, verifySignature({ ...options, ...more }));

  for (const [framework, make] of Object.entries(frameworks)) {
    describe(`on ${framework}`, () => {
      it('proves who signed, and what', async () => {
        const app = make(verifySignature(options));
        const { status, body } = await post(app, await sign(call()), call());
        expect(status).to.equal(200);
        expect((body as { signature: object }).signature).to.deep.include({
          keyId: signer.keyId,
          owner,
          clientId: owner,
          algorithm: 'ES256',
          created: time,
          expires: time + 60,
          components: ['@method', '@target-uri', 'content-type', 'content-digest'],
        });
      });

      it('proves GET and DELETE, which have no content', async () => {
        const app = make(verifySignature({ ...options, mode: 'all' }));
        for (const method of ['get', 'delete'] as const) {
          const headers = await signRequest({ method: method.toUpperCase(), url: resource }, { signer, created: time });
          expect((await request(app)[method]('/mcp').set(headers)).status).to.equal(200);
          expect((await request(app)[method]('/mcp')).status).to.equal(401);
        }
      });

      it('denies a replay, even of 50 at once', async () => {
        const app = make(verifySignature(options));
        const headers = await sign(call());
        const answers = await Promise.all(Array.from({ length: 50 }, () => post(app, headers, call())));
        expect(answers.filter(({ status }) => status === 200)).to.have.lengthOf(1);
        expect(answers.filter(({ status }) => status === 401)).to.have.lengthOf(49);
      });
    });
  }

  it('reads who calls, and may add who signed', () => {
    expect(verifySignature(options)).to.deep.include({
      name: 'verifySignature',
      needs: [],
      reads: ['auth'],
      adds: [],
      mayAdd: ['signature', 'observed'],
    });
  });

  it('says to a stranger what is missing, and how to sign', async () => {
    const accept = 'sig1=("@method" "@target-uri" "content-type" "content-digest");created;expires;tag="mcp-etdi"';
    const table: readonly (readonly [Headers, string, number, string, string | undefined])[] = [
      [{}, '/mcp', 401, 'A signature is required', 'Signature tag="mcp-etdi"'],
      [await sign(list), '/mcp', 401, 'The signature is not valid', 'Signature tag="mcp-etdi"'],
      [{ signature: 'sig1=:AA==:' }, '/mcp', 400, 'The signature is malformed', undefined],
      [await sign(call()), '/mcp/other', 400, 'The request target is not that of the resource', undefined],
    ];
    for (const [headers, target, expected, message, challenge] of table) {
      const answer = await request(appWith())
        .post(target)
        .set({ 'content-type': 'application/json', ...headers })
        .send(JSON.stringify(call()));
      expect(answer.status, message).to.equal(expected);
      expect(answer.body as Answer).to.have.nested.property('error.message', message);
      expect(answer.headers['accept-signature'], message).to.equal(accept);
      expect(answer.headers['www-authenticate'], message).to.equal(challenge);
    }
  });

  /** What is recorded of a request that is denied, `undefined` of one that is not. */
  const recorded = async (
    headers: Headers,
    { more = {}, ...given }: { more?: Partial<VerifySignatureOptions> } & FakeRequest = {},
  ): Promise<unknown> => {
    const ctx = fakeContext({ target: '/mcp', headers, body: JSON.stringify(call()), ...given });
    const run = async (): Promise<unknown> => verifySignature({ ...options, ...more }).run(ctx);
    try {
      await run();
      return undefined;
    } catch (error) {
      const { code, status, detail } = error as { code: string; status: number; detail: { reason: string } };
      return `${status} ${code} ${detail.reason}`;
    }
  };
  const changed = (headers: Headers, from: RegExp | string, to: string): Headers => ({
    ...headers,
    'signature-input': (headers['signature-input'] ?? '').replace(from, to),
  });

  it('records why', async () => {
    const good = await sign(call());
    expect(await recorded(good)).to.equal(undefined);
    expect(await recorded({})).to.equal('401 signature_required missing');
    expect(await recorded({}, { more: { mode: 'all' } })).to.equal('401 signature_required missing');
    expect(await recorded({ signature: 'sig1=:AA==:' })).to.equal('400 signature_malformed malformed');
    expect(await recorded(good, { target: '/other' })).to.equal('400 signature_target target_mismatch');
    expect(await recorded(good, { target: '/mcp#x' })).to.equal('400 signature_target target_invalid');
    expect(await recorded(await sign(call(), { nonce: 'n' }))).to.equal('401 signature_invalid parameters');
    for (const parameter of [/;created=\d+/, /;expires=\d+/, /;nonce="[^"]*"/, /;keyid="[^"]*"/]) {
      const without = changed(good, parameter, '');
      expect(await recorded(without), String(parameter)).to.equal('401 signature_invalid parameters');
    }
    const uncovered = changed(good, ' "content-digest"', '');
    expect(await recorded(uncovered)).to.equal('401 signature_invalid coverage');
    const auth = authOf('somebody');
    expect(await recorded(good, { state: { auth } })).to.equal('403 signature_invalid signer_mismatch');
    expect(await recorded(good, { state: { auth: authOf(owner) } })).to.equal(undefined);
  });

  it('records in which way a signature is not of its time', async () => {
    const table: readonly (readonly [number, number, string | undefined])[] = [
      [31, 60, 'future'],
      [30, 60, undefined],
      [-60, 0, 'stale'],
      [-299, 1, undefined],
      [-300, 1, 'stale'],
      [-301, -1, 'stale'],
      [0, 300, undefined],
      [0, 301, 'lifetime'],
      [10, 10, 'lifetime'],
      [10, 9, 'lifetime'],
      [10, 11, undefined],
    ];
    for (const [created, expires, reason] of table) {
      const headers = await sign(call(), { created: time + created, expires: time + expires });
      expect(await recorded(headers), `${created} ${expires}`).to.equal(reason && `401 signature_invalid ${reason}`);
    }
  });

  it('takes the query as it arrives, where a proxy rewrites the path', async () => {
    const more = { resource: 'https://mcp.example.com/api/mcp', path: '/mcp' };
    for (const query of ['', '?', '?a=1', '?a?']) {
      const url = `https://mcp.example.com/api/mcp${query}`;
      const headers = await signRequest({ url, body: call() }, { signer, created: time });
      for (const other of ['', '?', '?a=1', '?a?']) {
        // What a client sends as an empty query is none in the URL that it signed.
        const same = other === (query === '?' ? '' : query);
        const expected = same ? undefined : '401 signature_invalid signature_mismatch';
        expect(await recorded(headers, { target: `/mcp${other}`, more }), `${query} as ${other}`).to.equal(expected);
      }
    }
  });

  it('denies content that is not covered, though no header tells of it', async () => {
    const headers = await signRequest({ method: 'GET', url: resource }, { signer, created: time });
    const get = { method: 'GET' };
    const again = (): Promise<Headers> => signRequest({ method: 'GET', url: resource }, { signer, created: time });
    const hidden = { ...headers, ':method': 'GET' };
    expect(await recorded(hidden, { ...get, body: 'x' })).to.equal('401 signature_invalid coverage');
    expect(await recorded({ ...(await again()), ':method': 'GET' }, { ...get, body: '' })).to.equal(undefined);
    const ctx = fakeContext({ ...get, target: '/mcp', headers: await again() });
    const body = (): Promise<never> => Promise.reject(new Error('read'));
    await verifySignature(options).run({ ...ctx, request: { ...ctx.request, body } });
  });

  it('tells the time by the clock of the system, where no other is given', async () => {
    const app = (frameworks['Express'] as (...chain: AnyMiddleware[]) => App)(
      verifySignature({ keys: options.keys, resource }),
    );
    const at = (seconds: number) => sign(call(), { created: Math.floor(Date.now() / 1000) + seconds });
    expect((await post(app, await at(0), call())).status).to.equal(200);
    expect((await post(app, await at(-120), call())).status).to.equal(401);
  });

  it('denies what was changed after it was signed', async () => {
    const app = appWith();
    const body = JSON.stringify(call());
    const signed = await sign(body, {}, { 'mcp-session-id': 's1' });
    const changes: [string, Headers, string, string][] = [
      ['the body', signed, JSON.stringify(call('purge')), '/mcp'],
      ['one byte of white space', signed, `${body} `, '/mcp'],
      ['the query', signed, body, '/mcp?admin=1'],
      ['the content type', { ...signed, 'content-type': 'application/json; charset=utf-8' }, body, '/mcp'],
      [
        'the digest',
        { ...signed, 'content-digest': (signed['content-digest'] ?? '').replace(/=:./, '=:A') },
        body,
        '/mcp',
      ],
      ['the session', { ...signed, 'mcp-session-id': 's2' }, body, '/mcp'],
      ['a token that was added', { ...signed, authorization: 'Bearer stolen' }, body, '/mcp'],
      ['a mirrored parameter that was added', { ...signed, 'mcp-param-region': 'eu' }, body, '/mcp'],
      [
        'the lifetime',
        {
          ...signed,
          'signature-input': (signed['signature-input'] ?? '').replace(`expires=${time + 60}`, `expires=${time + 61}`),
        },
        body,
        '/mcp',
      ],
      ['the signature', { ...signed, signature: (signed['signature'] ?? '').replace(/=:../, '=:AA') }, body, '/mcp'],
    ];
    for (const [what, headers, sent, target] of changes) {
      const { status, body: answer } = await request(app).post(target).set(headers).send(sent);
      expect({ what, status, code: (answer as Answer).error?.data.code }).to.deep.equal({
        what,
        status: 401,
        code: 'signature_invalid',
      });
    }
    expect((await post(app, signed, body)).status, 'none of them has used up the nonce').to.equal(200);
  });

  it('denies a signature over another path, method or origin', async () => {
    const app = appWith();
    for (const url of [
      'https://mcp.example.com/other',
      'http://mcp.example.com/mcp',
      'https://mcp.example.com:8443/mcp',
      'https://evil.example/mcp',
    ]) {
      const headers = await signRequest({ url, body: call() }, { signer, created: time });
      expect((await post(app, headers, call())).status, url).to.equal(401);
    }
    const put = await signRequest({ method: 'PUT', url: resource, body: call() }, { signer, created: time });
    expect((await post(app, put, call())).status).to.equal(401);
  });

  it('denies with 400 a signed request that arrives at another path', async () => {
    const app = appWith();
    const { status, body } = await request(app)
      .post('/mcp/other')
      .set(await sign(call()))
      .send(JSON.stringify(call()));
    expect({ status, code: (body as Answer).error?.data.code }).to.deep.equal({
      status: 400,
      code: 'signature_target',
    });
  });

  it('knows the path behind a proxy that rewrites it, and ignores Host', async () => {
    const rewritten = appWith({ resource: 'https://mcp.example.com/api/mcp', path: '/mcp' });
    const headers = await signRequest(
      { url: 'https://mcp.example.com/api/mcp', body: call() },
      { signer, created: time },
    );
    const spoofed = {
      ...headers,
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
    };
    expect((await post(rewritten, spoofed, call())).status).to.equal(200);
  });

  it('denies a signature from another time', async () => {
    const app = appWith();
    const cases: [string, number, number, number][] = [
      ['a second too far in the future', 31, 91, 401],
      ['the last second of the allowed tolerance', 30, 90, 200],
      ['just expired', -60, 0, 401],
      ['the last second of its life', -60, 1, 200],
      ['older than the longest lifetime', -301, 1, 401],
      ['longer than the longest lifetime', 0, 301, 401],
      ['expiring before it was made', 10, 5, 401],
    ];
    for (const [what, created, expires, status] of cases) {
      const headers = await sign(call(), { created: time + created, expires: time + expires });
      expect((await post(app, headers, call())).status, what).to.equal(status);
    }
  });

  it('denies an unknown key, a foreign key under a known name, and a key id that is a path', async () => {
    const app = appWith();
    const other = await fakeSigner('ES256');
    const key = await other.current();
    const ids = [other.keyId, signer.keyId, '../../etc/passwd', '__proto__', "' OR 1=1 --", 'a'.repeat(43)];
    for (const keyId of ids) {
      const forged = { current: () => Promise.resolve({ ...key, keyId }) };
      const { status, body } = await post(app, await sign(call(), { signer: forged }), call());
      expect({ keyId, status, code: (body as Answer).error?.data.code }).to.deep.equal({
        keyId,
        status: 401,
        code: 'signature_invalid',
      });
    }
  });

  it('denies a request signed with a published key that is for something else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mcp-etdi-purpose-'));
    const store = await openKeyStore({ directory: join(directory, 'keys'), secret: randomBytes(32) });
    try {
      const by: Record<string, Signer> = {};
      for (const purpose of KEY_PURPOSES) {
        by[purpose] = store.signer(purpose);
        await by[purpose].current();
      }
      const published = () => store.jwks().then((set) => Response.json(set));
      const app = appWith({ keys: [{ owner, jwksUri: 'https://agent.example.com/jwks' }], fetch: published });
      const statuses: Record<string, number> = {};
      for (const [purpose, one] of Object.entries(by)) {
        statuses[purpose] = (await post(app, await sign(call(), { signer: one }), call())).status;
      }
      expect(statuses).to.deep.equal({ request: 200, definition: 401, 'call-chain': 401, audit: 401, approval: 401 });
    } finally {
      await store.close();
      await rm(directory, { recursive: true });
    }
  });

  it('is unavailable to a signer that floods the replay store, and to nobody else', async () => {
    const other = await fakeSigner('Ed25519');
    const app = appWith({
      keys: [
        { owner, jwks: signer.jwks },
        { owner: 'https://other.example.com', jwks: other.jwks },
      ],
      replay: memoryReplay({ now, maxPerHolder: 3 }),
    });
    const statuses: number[] = [];
    for (let sent = 0; sent < 4; sent += 1) statuses.push((await post(app, await sign(call()), call())).status);
    expect(statuses).to.deep.equal([200, 200, 200, 503]);
    expect((await post(app, await sign(call(), { signer: other }), call())).status).to.equal(200);
  });

  it('denies a nonce that could be guessed', async () => {
    const app = appWith();
    for (const nonce of ['1', 'a'.repeat(21), 'a'.repeat(257)]) {
      expect((await post(app, await sign(call(), { nonce }), call())).status, nonce).to.equal(401);
    }
    expect((await post(app, await sign(call(), { nonce: 'a'.repeat(22) }), call())).status).to.equal(200);
  });

  it('gives one answer to every invalid signature, and a record that tells them apart', async () => {
    const reasons: unknown[] = [];
    const watch: AnyMiddleware = {
      name: 'watch',
      needs: [],
      adds: [],
      run: () => ({}),
      hooks: {
        decided: (_ctx, decision) => {
          if (decision.effect === 'deny') reasons.push(decision.detail?.['reason']);
        },
      },
    };
    const app = appWith({}, watch);
    const used = await sign(call());
    await post(app, used, call());
    const other = await fakeSigner();
    const answers = [
      await post(app, used, call()),
      await post(app, await sign(call(), { created: time - 400 }), call()),
      await post(app, await sign(call(), { signer: other }), call()),
      await post(app, await sign(call()), call('purge')),
    ];
    expect(new Set(answers.map(({ text, status }) => `${status} ${text.replace(/"id":(null|1)/, '')}`)).size).to.equal(
      1,
    );
    expect(reasons).to.deep.equal(['replayed', 'stale', 'key_unknown', 'digest_mismatch']);
  });

  it('denies malformed signature fields with 400', async () => {
    const app = appWith();
    const good = await sign(call());
    const cases: [string, Headers][] = [
      ['Signature alone', { signature: good['signature'] ?? '' }],
      ['Signature-Input alone', { 'signature-input': good['signature-input'] ?? '' }],
      ['not a structured field', { 'signature-input': 'sig1=(', signature: 'sig1=:AA==:' }],
      [
        'another label',
        {
          'signature-input': good['signature-input'] ?? '',
          signature: (good['signature'] ?? '').replace('sig1', 'sig2'),
        },
      ],
      [
        'a string as created',
        { ...good, 'signature-input': (good['signature-input'] ?? '').replace(/created=\d+/, 'created="1"') },
      ],
      [
        'a component twice',
        { ...good, 'signature-input': (good['signature-input'] ?? '').replace('"@method"', '"@method" "@method"') },
      ],
      [
        'an unknown component',
        { ...good, 'signature-input': (good['signature-input'] ?? '').replace('"@method"', '"@nothing"') },
      ],
    ];
    for (const [what, fields] of cases) {
      const headers = { 'content-type': 'application/json', ...fields };
      const { status, body } = await post(app, headers, call());
      expect({ what, status, code: (body as Answer).error?.data.code }).to.deep.equal({
        what,
        status: 400,
        code: 'signature_malformed',
      });
    }
  });

  it('denies a signature that does not cover all it must', async () => {
    const app = appWith();
    const input = (await sign(call()))['signature-input'] ?? '';
    for (const component of ['"@method" ', ' "@target-uri"', ' "content-type"', ' "content-digest"']) {
      const headers = { ...(await sign(call())), 'signature-input': input.replace(component, '') };
      expect((await post(app, headers, call())).status, component).to.equal(401);
    }
    const nothing = { ...(await sign(call())), 'signature-input': input.replace(/\(.*\)/, '()') };
    expect((await post(app, nothing, call())).status, 'a signature over nothing').to.equal(401);
  });

  it('selects by tag: another label is fine, another tag is no signature, a foreign signature changes nothing', async () => {
    const app = appWith();
    const relabel = (headers: Headers, from: string, to: string): Headers => ({
      ...headers,
      'signature-input': (headers['signature-input'] ?? '').replace(from, to),
      signature: (headers['signature'] ?? '').replace(from, to),
    });
    expect((await post(app, relabel(await sign(call()), 'sig1', 'proxy-7'), call())).status).to.equal(200);
    const tagged = await sign(call());
    const retagged = {
      ...tagged,
      'signature-input': (tagged['signature-input'] ?? '').replace('tag="mcp-etdi"', 'tag="other"'),
    };
    const { body } = await post(app, retagged, call());
    expect((body as Answer).error?.data.code).to.equal('signature_required');
    const mine = await sign(call());
    const attacker = await fakeSigner();
    const theirs = relabel(await sign(call(), { signer: attacker }), 'sig1', 'a');
    const both = (first: Headers, second: Headers): Headers => ({
      ...mine,
      'signature-input': `${first['signature-input'] ?? ''}, ${second['signature-input'] ?? ''}`,
      signature: `${first['signature'] ?? ''}, ${second['signature'] ?? ''}`,
    });
    const { status, body: proven } = await post(app, both(theirs, mine), call());
    expect(status).to.equal(200);
    expect((proven as { signature: { keyId: string } }).signature.keyId).to.equal(signer.keyId);
    const two = relabel(await sign(call(), { signer: attacker }), 'sig1', 'b');
    expect((await post(app, both(theirs, two), call())).status).to.equal(401);
  });

  describe('modes', () => {
    const tools = (): VerifySignatureOptions['tools'] =>
      defineTools({ read: { permissions: [] }, purge: { permissions: [], requireSignature: true } });
    const unsigned = { 'content-type': 'application/json' };
    const table: [VerifySignatureOptions['mode'], Record<'list' | 'read' | 'purge' | 'batch' | 'GET', number>][] = [
      ['off', { list: 200, read: 200, purge: 401, batch: 401, GET: 200 }],
      ['observe', { list: 200, read: 200, purge: 401, batch: 401, GET: 200 }],
      ['calls', { list: 200, read: 401, purge: 401, batch: 401, GET: 200 }],
      ['all', { list: 401, read: 401, purge: 401, batch: 401, GET: 401 }],
    ];
    for (const [mode, expected] of table) {
      it(`denies unsigned requests in mode ${String(mode)} as its row says`, async () => {
        const app = appWith({ ...(mode === undefined ? {} : { mode }), tools: tools() as never });
        expect({
          list: (await post(app, unsigned, list)).status,
          read: (await post(app, unsigned, call('read'))).status,
          purge: (await post(app, unsigned, call('purge'))).status,
          batch: (await post(app, unsigned, [list, call('purge')])).status,
          GET: (await request(app).get('/mcp')).status,
        }).to.deep.equal(expected);
      });

      it(`denies an invalid signature in mode ${String(mode)}`, async () => {
        const app = appWith({ ...(mode === undefined ? {} : { mode }) });
        expect((await post(app, await sign(list), call())).status).to.equal(401);
        expect((await post(app, await sign(list), list)).status).to.equal(200);
      });
    }

    it('is calls when nothing is said', async () => {
      expect((await post(appWith(), unsigned, call())).status).to.equal(401);
      expect((await post(appWith(), unsigned, list)).status).to.equal(200);
    });

    const verdict = async (mode: VerifySignatureOptions['mode'], body: object, given = tools()): Promise<unknown> => {
      const check = verifySignature({ ...options, mode: mode ?? 'calls', ...(given && { tools: given }) });
      const run = async (): Promise<unknown> => check.run(fakeContext({ body }));
      return run().catch((error: unknown) => (error as { code?: string }).code);
    };

    it('is about calls of tools alone', async () => {
      const prompt = { jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: 'purge' } };
      const answer = { jsonrpc: '2.0', id: 1, result: { name: 'purge' } };
      for (const body of [prompt, answer, [prompt, answer]]) {
        for (const mode of ['off', 'observe', 'calls'] as const) expect(await verdict(mode, body)).to.deep.equal({});
      }
      const silent = { jsonrpc: '2.0', method: 'tools/call', params: { name: 'read' } };
      expect(await verdict('calls', silent)).to.equal('signature_required');
      expect(await verdict('off', silent)).to.deep.equal({});
      expect(await verdict('off', call('unknown'))).to.deep.equal({});
    });

    it('off does not read the body, where no tool asks for a signature', async () => {
      const rpc = (): Promise<never> => Promise.reject(new Error('read'));
      const ctx = fakeContext({});
      const unread = { ...ctx, request: { ...ctx.request, rpc } };
      const run = async (given: VerifySignatureOptions['tools']): Promise<unknown> =>
        verifySignature({ ...options, mode: 'off', ...(given && { tools: given }) }).run(unread);
      expect(await run(undefined)).to.deep.equal({});
      expect(await run(defineTools({ read: { permissions: [] } }))).to.deep.equal({});
      const asked: unknown = await run(tools()).catch((error: unknown) => error);
      expect(asked).to.have.property('message', 'read');
    });

    it('records in mode observe what calls would deny', async () => {
      let observed: unknown;
      const look: AnyMiddleware = {
        name: 'look',
        needs: [],
        adds: [],
        run: ({ state }: { state: { observed?: unknown } }) => {
          observed = state.observed;
          return {};
        },
      };
      const app = (frameworks['Express'] as (...chain: AnyMiddleware[]) => App)(
        verifySignature({ ...options, mode: 'observe' }),
        look,
      );
      await post(app, unsigned, call());
      expect(observed).to.deep.equal({ middleware: 'verifySignature', code: 'signature_required' });
      await post(app, unsigned, list);
      expect(observed).to.equal(undefined);
    });

    it('answers an unsigned stranger in mode all before the body is read', async () => {
      let read = false;
      const spy = verifySignature({ ...options, mode: 'all' });
      const ctx = {
        request: {
          method: 'POST',
          target: '/mcp',
          headers: {},
          body: () => ((read = true), Promise.resolve(new Uint8Array())),
        },
        state: {},
      };
      const error = await Promise.resolve(spy.run(ctx as never)).catch((cause: unknown) => cause);
      expect(error).to.have.property('code', 'signature_required');
      expect(read).to.equal(false);
    });
  });

  describe('beside authenticate', () => {
    let authed: AnyMiddleware;

    before(() => {
      authed = authenticate({ issuers: [oidc({ issuer: as.issuer })], resource, fetch: as.fetch });
    });

    it('denies with 403 and without a challenge that would cost a refresh token', async () => {
      const app = appWith({}, authed);
      const authorization = `Bearer ${await as.token()}`;
      for (const headers of [
        { authorization, 'content-type': 'application/json' },
        { authorization, ...(await sign(list, {}, { authorization })) },
      ]) {
        const answer = await post(app, headers, call());
        expect(answer.status).to.equal(403);
        expect(answer.headers).not.to.have.property('www-authenticate');
        expect(answer.headers['accept-signature']).to.match(
          /^sig1=\("@method" "@target-uri" "content-type" "content-digest" "authorization"\)/,
        );
      }
    });

    it('requires that the signer is the client of the token', async () => {
      const authorization = `Bearer ${await as.token({ client_id: 'agent-7' })}`;
      const signed = (): Promise<Headers> => sign(call(), {}, { authorization });
      const bound = appWith({ keys: [{ owner, clientId: 'agent-7', jwks: signer.jwks }] }, authed);
      expect((await post(bound, await signed(), call())).status).to.equal(200);
      const foreign = appWith({ keys: [{ owner, clientId: 'agent-8', jwks: signer.jwks }] }, authed);
      expect((await post(foreign, await signed(), call())).status).to.equal(403);
      expect((await post(appWith({}, authed), await signed(), call())).status).to.equal(403);
    });

    it('denies a token that was swapped under a valid signature', async () => {
      const mine = `Bearer ${await as.token({ client_id: owner })}`;
      const stolen = `Bearer ${await as.token({ client_id: owner, sub: 'victim' })}`;
      const app = appWith({}, authed);
      const headers = await sign(call(), {}, { authorization: mine });
      expect((await post(app, { ...headers, authorization: stolen }, call())).status).to.equal(403);
      expect((await post(app, headers, call())).status).to.equal(200);
    });

    it('does not build after it, when it would be proven too late', () => {
      expect(() => toExpress(...([verifySignature(options), authed] as unknown as []))).to.throw(
        TypeError,
        /authenticate is mounted too late/,
      );
    });
  });

  it('hands a caller that is known by signature alone to tool handlers', async () => {
    const { body } = await post(appWith(), await sign(call()), call());
    expect((body as { auth: object }).auth).to.deep.equal({
      token: '',
      clientId: owner,
      scopes: [],
      extra: { owner, keyId: signer.keyId },
    });
  });

  it('accepts nothing while the replay store is out of reach', async () => {
    const replay = { claim: () => Promise.reject(new Unavailable('down')) };
    const answer = await post(appWith({ replay }), await sign(call()), call());
    expect(answer.status).to.equal(503);
    expect(answer.headers).to.have.property('retry-after');
  });

  it('claims a nonce only after the signature was verified', async () => {
    const claimed: string[] = [];
    const replay = { claim: (key: string) => Promise.resolve(claimed.push(key) > 0) };
    const app = appWith({ replay });
    const nonce = 'n'.repeat(22);
    await post(app, await sign(call(), { nonce }), call('purge'));
    await post(app, await sign(call(), { nonce, created: time - 400 }), call());
    expect(claimed).to.deep.equal([]);
    await post(app, await sign(call(), { nonce }), call());
    expect(claimed).to.deep.equal([`${signer.keyId}:${nonce}`]);
  });

  it('does not build with options that protect nothing', async () => {
    const other = await fakeSigner();
    const wrong: [object, RegExp][] = [
      [{ keys: [] }, /'keys' must have at least 1 element/],
      [{ keys: undefined }, /'keys' must be an array/],
      [{ keys: [{ owner }] }, /needs either 'jwks' or 'jwksUri'/],
      [
        {
          keys: [
            { owner, jwks: signer.jwks },
            { owner: 'https://b.example', jwks: signer.jwks },
          ],
        },
        /keep one/,
      ],
      [{ keys: [{ owner, jwksUri: 'http://peer.example/jwks' }] }, /https/],
      [{ keys: [{ owner, jwksUri: 'https://peer.example/jwks', thumbprints: [] }] }, /thumbprints/],
      [{ keys: [{ owner, jwks: { keys: [{ ...other.jwks.keys[0], alg: undefined }] } }] }, /alg/],
      [{ keys: [{ owner, jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' }] } }] }, /alg/],
      [{ maxAge: 301 }, /'maxAge'/],
      [{ maxAge: 0 }, /'maxAge'/],
      [{ clockTolerance: 61 }, /'clockTolerance'/],
      [{ clockTolerance: -1 }, /'clockTolerance'/],
      [{ clockSkew: 30 }, /unknown option 'clockSkew'/],
      [{ path: 'mcp' }, /'path' must be a path such as '\/mcp'/],
      [{ path: 'x/mcp' }, /'path' must be a path/],
      [{ path: '/mcp?a' }, /'path' must be a path/],
      [{ path: '/m cp' }, /'path' must be a path/],
      [{ path: ['/mcp'] }, /'path' must be a path/],
      [{ replay: true }, /'replay' must be a store with a function 'claim'/],
      [{ now: new Date() }, /'now' must be a function/],
      [{ fetch: {} }, /'fetch' must be a function/],
      [{ mode: 'call' }, /'mode' must be one of/],
      [{ tools: {} }, /'tools' must be what defineTools\({ ... }\) returns/],
      [{ resource: 'mcp.example.com' }, /'resource'/],
      [{ key: [] }, /unknown option 'key'; did you mean 'keys'\?/],
    ];
    for (const [more, message] of wrong) {
      expect(() => verifySignature({ ...options, ...more }), message.source)
        .to.throw(TypeError, message)
        .with.property('message')
        .that.matches(/^(verifySignature\b|a JWK )/);
    }
  });
});

interface Answer {
  readonly error?: { readonly data: { readonly code: string } };
}
