import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import express, { type Express } from 'express';
import type { JWK } from 'jose';
import { serveExpress, toExpress } from '../../adapters/express.js';
import { main } from '../../cli/main.js';
import { listen } from '../../examples/support/loopback.js';
import {
  auditLog,
  authenticate,
  authorizeScopes,
  defineTools,
  oidc,
  openKeyStore,
  protectedResource,
  validateOrigin,
  verifySignature,
  type AnyMiddleware,
  type DPoPOptions,
} from '../../lib/index.js';
import { generateKey } from '../../lib/keys/generateKey.js';
import { thumbprint } from '../../lib/keys/thumbprint.js';
import { fakeIssuer, fakeSigner, type FakeIssuer } from '../../lib/testing.js';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';

interface Finding {
  readonly check: string;
  readonly outcome: string;
  readonly text: string;
  readonly fix?: string;
}

const SECRET = Buffer.alloc(32, 9).toString('base64');
const tools = defineTools({ add: { permissions: ['mcp'] } });

let folder: string;
let close: (() => Promise<void>) | undefined;
let url: string;
let issuer: FakeIssuer;

/** Serves an app, and the metadata of its authorization server, under one address. */
async function serve(build: (app: Express) => unknown): Promise<void> {
  const server = await listen(0);
  close = server.close;
  url = `${server.origin}/mcp`;
  issuer = fakeIssuer({ issuer: server.origin, resource: url });
  const app = express();
  app.get('/.well-known/oauth-authorization-server', (_req, res) => {
    res.json({ issuer: server.origin, code_challenge_methods_supported: ['S256'] });
  });
  await build(app);
  server.serve(app);
}

const mcp = toNodeHandler(
  createMcpHandler(() => {
    const server = new McpServer({ name: 'looked at', version: '1.0.0' });
    server.registerTool('add', { description: 'Adds' }, () => ({ content: [] }));
    return server;
  }),
);
const handler = (req: express.Request, res: express.Response): void => void mcp(req, res, req.body);

function protect(app: Express, more: readonly AnyMiddleware[] = [], dpop: DPoPOptions = {}): void {
  const { issuer: name, fetch } = issuer;
  app.use(serveExpress(protectedResource({ resource: url, authorizationServers: [name] })));
  const list: readonly AnyMiddleware[] = [
    auditLog({ sink: () => undefined }),
    validateOrigin({ resource: url }),
    authenticate({ issuers: [oidc({ issuer: name })], resource: url, fetch, dpop }),
    ...more,
    authorizeScopes({ tools, methods: { initialize: { permissions: [] } } }),
  ];
  app.use('/mcp', toExpress(...list));
  app.all('/mcp', handler);
}

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const result = { code: -1, out: '', err: '' };
  result.code = await main(['doctor', ...args], {
    stdout: (text) => (result.out += text),
    stderr: (text) => (result.err += text),
    env,
  });
  return result;
}

async function look(args: readonly string[] = [], env: Record<string, string> = {}) {
  const { code, out } = await run([url, ...args, '--json'], env);
  const { findings } = JSON.parse(out) as { findings: readonly Finding[] };
  return { code, outcomes: Object.fromEntries(findings.map(({ check, outcome }) => [check, outcome])), findings };
}

const seconds = (): number => Math.floor(Date.now() / 1000);
const LONG_AGO = { iat: seconds() - 7200, exp: seconds() - 3600 };

/** What it says of an expired token. */
async function lookWithExpired(token: string): Promise<Finding> {
  await writeFile(join(folder, 'expired'), token);
  const { findings } = await look(['--expired-token-file', join(folder, 'expired')]);
  const found = findings.find(({ check }) => check === 'expired_token');
  if (found === undefined) throw new Error('nothing was found');
  return found;
}

/** A new key that tokens can be bound to, and the option that passes it. */
async function proofKey(): Promise<readonly [jwk: JWK, args: readonly string[]]> {
  const { privateJwk } = await generateKey('ES256');
  const file = join(folder, 'proof-key.json');
  await writeFile(file, JSON.stringify(privateJwk), { mode: 0o600 });
  return [privateJwk, ['--proof-key-file', file]];
}

describe('mcp-etdi doctor', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'etdi-doctor-'));
  });

  afterEach(async () => {
    await close?.();
    close = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  it('finds nothing wrong with a protected server, whatever it is given', async () => {
    await serve((app) => {
      protect(app);
    });
    await writeFile(join(folder, 'expired'), await issuer.token(LONG_AGO));
    const token = await issuer.token({ scope: 'mcp' });
    const { code, outcomes } = await look(['--expired-token-file', join(folder, 'expired')], { MCP_ETDI_TOKEN: token });
    expect(outcomes).to.deep.equal({
      transport: 'ok',
      stranger_denied: 'ok',
      challenge: 'ok',
      challenge_metadata: 'ok',
      bad_token: 'ok',
      token_in_query: 'ok',
      foreign_origin: 'ok',
      dns_rebinding: 'ok',
      broken_body: 'ok',
      metadata: 'ok',
      metadata_resource: 'ok',
      metadata_issuers: 'ok',
      issuer: 'ok',
      token: 'ok',
      unproven_token: 'skipped',
      foreign_origin_token: 'ok',
      header_mismatch: 'ok',
      unknown_tool: 'ok',
      unsigned_call: 'note',
      session: 'skipped',
      expired_token: 'ok',
      signature: 'skipped',
      replay: 'skipped',
      tampered_body: 'skipped',
    });
    expect(code).to.equal(0);
  });

  it('sees an open server for what it is, and says what to do', async () => {
    await serve((app) => app.all('/mcp', handler));
    const { code, outcomes, findings } = await look([], { MCP_ETDI_TOKEN: 'anything' });
    expect(code).to.equal(1);
    expect(outcomes).to.include({
      stranger_denied: 'failed',
      bad_token: 'failed',
      token_in_query: 'failed',
      foreign_origin: 'failed',
      dns_rebinding: 'failed',
      metadata: 'failed',
      token: 'unknown',
      foreign_origin_token: 'failed',
      unknown_tool: 'warning',
    });
    expect(findings.find(({ check }) => check === 'token')?.text).to.match(/and so is a request without one/);
    for (const { outcome, fix } of findings) {
      expect(fix === undefined).to.equal(['ok', 'skipped'].includes(outcome));
    }
  });

  const sloppy: readonly (readonly [string, string, (app: Express) => unknown])[] = [
    ['a challenge with an error though no token came', 'challenge:warning', answering({ error: 'invalid_token' })],
    ['a challenge without metadata', 'challenge_metadata:failed', answering({ resource_metadata: undefined })],
    [
      'a 401 without a challenge',
      'challenge:failed',
      (app) => app.all('/mcp', (_req, res) => void res.sendStatus(401)),
    ],
    [
      'a stranger denied with 403',
      'stranger_denied:failed',
      (app) => app.all('/mcp', (_req, res) => void res.sendStatus(403)),
    ],
    [
      'a stack in an error',
      'bad_token:failed',
      (app) => app.all('/mcp', (_req, res) => void res.status(500).send(new Error('x').stack)),
    ],
    ['metadata of another resource', 'metadata_resource:failed', describing({ resource: 'https://other.example/mcp' })],
    ['metadata without an issuer', 'metadata_issuers:failed', describing({ authorization_servers: [] })],
    ['an issuer that is not there', 'issuer:failed', describing({ authorization_servers: ['http://127.0.0.1:9'] })],
  ];
  for (const [what, expected, build] of sloppy) {
    it(`notices ${what}`, async () => {
      await serve(build);
      const { outcomes } = await look();
      const [check = '', outcome] = expected.split(':');
      expect(outcomes[check]).to.equal(outcome);
    });
  }

  it('proves nothing by a server that is broken', async () => {
    await serve((app) => app.post('/mcp', (_req, res) => void res.sendStatus(501)));
    const env = { MCP_ETDI_TOKEN: await issuer.token({ scope: 'mcp' }) };
    const { code, outcomes } = await look([], env);
    expect(outcomes).to.include({
      stranger_denied: 'failed',
      token_in_query: 'unknown',
      foreign_origin: 'unknown',
      dns_rebinding: 'unknown',
      token: 'unknown',
    });
    const proven = Object.entries(outcomes).filter(([, outcome]) => outcome === 'ok');
    expect(proven).to.deep.equal([['transport', 'ok']]);
    expect(code).to.equal(1);
  });

  it('tries the token itself in the query, which a made-up one says nothing about', async () => {
    const build = (app: Express): void => {
      app.post('/mcp', (req, res) => {
        const given = req.get('authorization')?.slice(7) ?? req.query['access_token'];
        if (typeof given === 'string' && given !== 'not-a-token') res.json({ jsonrpc: '2.0', id: 1, result: {} });
        else res.set('WWW-Authenticate', 'Bearer').sendStatus(401);
      });
    };
    await serve(build);
    expect((await look()).outcomes).to.include({ token_in_query: 'unknown' });
    const { outcomes } = await look([], { MCP_ETDI_TOKEN: await issuer.token() });
    expect(outcomes).to.include({ token: 'ok', token_in_query: 'failed' });
  });

  it('does not ask for a token that it was given', async () => {
    await serve((app) => {
      const list = [authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource: url, fetch: issuer.fetch })];
      app.use('/mcp', toExpress(...list));
      app.all('/mcp', handler);
    });
    const fixOf = async (env: Record<string, string>): Promise<string | undefined> =>
      (await look([], env)).findings.find(({ check }) => check === 'foreign_origin')?.fix;
    expect(await fixOf({})).to.match(/or pass a token$/);
    expect(await fixOf({ MCP_ETDI_TOKEN: await issuer.token() })).to.match(/or see foreign_origin_token$/);
  });

  it('says why an issuer does not answer, and what to do', async () => {
    const servers = ['http://127.0.0.1:9', 'https://no-such-name.invalid'];
    await serve(describing({ authorization_servers: servers }));
    const found = (await look()).findings.filter(({ check }) => check === 'issuer');
    expect(found.map(({ outcome }) => outcome)).to.deep.equal(['failed', 'failed']);
    expect(found[0]?.text).to.match(/no answer/);
    expect(found[1]?.text).to.match(/no answer, its name is not known \((?:ENOTFOUND|EAI_AGAIN)\)\.$/);
    for (const { fix } of found) expect(fix).to.match(/issuers and authorizationServers/);
  });

  it('notices an expired token that is accepted, and a token that is not', async () => {
    await serve((app) => app.all('/mcp', handler));
    expect((await lookWithExpired(await issuer.token(LONG_AGO))).outcome).to.equal('failed');
    await close?.();
    await serve((app) => {
      protect(app);
    });
    expect((await look([], { MCP_ETDI_TOKEN: 'wrong' })).outcomes).to.include({ token: 'unknown' });
  });

  it('says of what is no expired token for the endpoint that it proves nothing', async () => {
    await serve((app) => {
      protect(app);
    });
    const useless: readonly (readonly [string, RegExp])[] = [
      ['old', /is no JWT, so that nobody can tell/],
      ['a.b.c', /is no JWT/],
      [await issuer.token({ ...LONG_AGO, aud: 'https://other.example/mcp' }), /is for another resource/],
      [await issuer.token({ ...LONG_AGO, aud: undefined }), /is for another resource/],
      [await issuer.token({ ...LONG_AGO, exp: undefined }), /has not expired/],
      [await issuer.token(), /has not expired/],
      [await issuer.token({ iat: LONG_AGO.iat, exp: seconds() - 100 }), /expired less than five minutes ago/],
      [await issuer.token({ ...LONG_AGO, cnf: { jkt: 'A'.repeat(43) } }), /is bound to a key/],
      [await issuer.token({ ...LONG_AGO, cnf: { 'x5t#S256': 'A'.repeat(43) } }), /is bound to a client certificate/],
    ];
    for (const [token, why] of useless) {
      const { outcome, text, fix } = await lookWithExpired(token);
      expect(outcome, text).to.equal('unknown');
      expect(text).to.match(why);
      expect(fix).to.be.a('string');
    }
    const several = await issuer.token({ ...LONG_AGO, aud: ['https://other.example', `${url}/`] });
    expect((await lookWithExpired(several)).outcome).to.equal('ok');
  });

  describe('with a token that is bound to a key', () => {
    const DPOP: Readonly<Record<string, DPoPOptions>> = {
      'are accepted': {},
      'are required, with nonces': { mode: 'require', nonces: {} },
    };
    for (const [where, dpop] of Object.entries(DPOP)) {
      it(`finds nothing wrong with a server where such tokens ${where}`, async () => {
        await serve((app) => {
          protect(app, [], dpop);
        });
        const [jwk, args] = await proofKey();
        const cnf = { jkt: thumbprint(jwk) };
        await writeFile(join(folder, 'expired'), await issuer.token({ ...LONG_AGO, cnf }));
        const env = { MCP_ETDI_TOKEN: await issuer.token({ scope: 'mcp', cnf }) };
        const { code, outcomes } = await look([...args, '--expired-token-file', join(folder, 'expired')], env);
        expect(outcomes).to.include({
          token: 'ok',
          unproven_token: 'ok',
          foreign_origin_token: 'ok',
          header_mismatch: 'ok',
          unknown_tool: 'ok',
          expired_token: 'ok',
        });
        expect(code).to.equal(0);
      });
    }

    it('says that it is bound, and which option gives its key', async () => {
      await serve((app) => {
        protect(app);
      });
      const token = await issuer.token({ scope: 'mcp', cnf: { jkt: thumbprint((await proofKey())[0]) } });
      const { code, findings } = await look([], { MCP_ETDI_TOKEN: token });
      expect(findings.find(({ check }) => check === 'token')).to.deep.equal({
        check: 'token',
        outcome: 'unknown',
        text: 'The token is bound to a key, and counts only with proofs of it (DPoP).',
        fix: 'pass the private key with --proof-key-file',
      });
      expect(findings.find(({ check }) => check === 'unproven_token')?.outcome).to.equal('skipped');
      expect(code).to.equal(0);
    });

    it('notices a server that takes it from who does not hold the key', async () => {
      await serve((app) => app.all('/mcp', handler));
      const [jwk, args] = await proofKey();
      const token = await issuer.token({ cnf: { jkt: thumbprint(jwk) } });
      for (const given of [args, []]) {
        const { code, outcomes } = await look(given, { MCP_ETDI_TOKEN: token });
        expect(outcomes).to.include({ unproven_token: 'failed' });
        expect(code).to.equal(1);
      }
    });

    it('says that the key is another one, or that the token is bound to a certificate', async () => {
      await serve((app) => {
        protect(app);
      });
      const [, args] = await proofKey();
      const foreign = await issuer.token({ cnf: { jkt: 'A'.repeat(43) } });
      const other = await look(args, { MCP_ETDI_TOKEN: foreign });
      expect(other.findings.find(({ check }) => check === 'token')?.text).to.match(/bound to another key than/);
      const certified = await issuer.token({ cnf: { 'x5t#S256': 'A'.repeat(43) } });
      const { findings } = await look(args, { MCP_ETDI_TOKEN: certified });
      expect(findings.find(({ check }) => check === 'token')?.text).to.match(/bound to a client certificate/);
    });

    it('has no use for the key where a token is not bound', async () => {
      await serve((app) => {
        protect(app);
      });
      const [, args] = await proofKey();
      const { outcomes } = await look(args, { MCP_ETDI_TOKEN: await issuer.token({ scope: 'mcp' }) });
      expect(outcomes).to.include({ token: 'ok', unknown_tool: 'ok' });
      expect(outcomes).to.include({ unproven_token: 'skipped' });
    });

    it('names the option where a server that knows such tokens denies one that nobody can read', async () => {
      await serve((app) => {
        protect(app, [], { mode: 'require' });
      });
      const { findings } = await look([], { MCP_ETDI_TOKEN: 'opaque' });
      expect(findings.find(({ check }) => check === 'token')?.fix).to.match(/--proof-key-file/);
    });

    it('takes the key from a private file that holds a private key, and from no other', async () => {
      const [jwk] = await proofKey();
      const { d: _private, ...open } = jwk;
      const bad: readonly (readonly [string, number, RegExp])[] = [
        [JSON.stringify(jwk), 0o644, /is open to other users/],
        [JSON.stringify(open), 0o600, /holds no private key in JWK form, with its alg/],
        ['{"kty":"oct","k":"AAAA","alg":"HS256"}', 0o600, /holds no private key in JWK form/],
        ['-----BEGIN PRIVATE KEY-----', 0o600, /holds no private key in JWK form/],
      ];
      for (const [text, mode, message] of bad) {
        const file = join(folder, `bad-${mode}`);
        await writeFile(file, text, { mode });
        const { code, out, err } = await run(['http://127.0.0.1:9/mcp', '--proof-key-file', file]);
        expect([code > 0, out]).to.deep.equal([true, '']);
        expect(err).to.match(message).and.not.to.include(jwk.d);
      }
    });
  });

  describe('with a key', () => {
    const directory = (): string => join(folder, 'keys');
    const args = (): readonly string[] => ['--directory', directory()];

    interface Signed {
      readonly dpop?: DPoPOptions;
      readonly claims?: object;
      readonly more?: readonly string[];
    }

    async function withSigned(
      mode: 'calls' | 'all' | undefined,
      { dpop = {}, claims = {}, more = [] }: Signed = {},
    ): Promise<Record<string, string>> {
      const store = await openKeyStore({ directory: directory(), secret: SECRET, purposes: ['request'] });
      await store.signer('request').current();
      const jwks = await store.export();
      await store.close();
      await serve((app) => {
        const keys = [{ owner: 'https://doctor.example', clientId: 'client', jwks }];
        protect(app, mode === undefined ? [] : [verifySignature({ keys, resource: url, tools, mode })], dpop);
      });
      const token = await issuer.token({ scope: 'mcp', client_id: 'client', ...claims });
      const { outcomes } = await look([...args(), ...more], { MCP_ETDI_TOKEN: token, MCP_ETDI_KEY_SECRET: SECRET });
      return outcomes;
    }

    it('shows that a signature counts once, and only for what it covers', async () => {
      expect(await withSigned('calls')).to.include({
        signature: 'ok',
        replay: 'ok',
        tampered_body: 'ok',
        unsigned_call: 'ok',
      });
    });

    it('shows the same with a token that is bound to a key, whose proof is good for once as well', async () => {
      const [jwk, more] = await proofKey();
      const bound = { dpop: { nonces: {} }, claims: { cnf: { jkt: thumbprint(jwk) } }, more };
      expect(await withSigned('calls', bound)).to.include({
        token: 'ok',
        unsigned_call: 'ok',
        signature: 'ok',
        unknown_tool: 'ok',
        replay: 'ok',
        tampered_body: 'ok',
      });
      await close?.();
      await rm(directory(), { recursive: true });
      const unproven = await withSigned('calls', { ...bound, more: [] });
      expect(unproven).to.include({ token: 'unknown', signature: 'unknown', replay: 'skipped' });
      await close?.();
      await rm(directory(), { recursive: true });
      const unread = { signature: 'unknown', replay: 'failed', tampered_body: 'failed' };
      expect(await withSigned(undefined, bound)).to.include(unread);
    });

    it('signs whatever must be signed, and leaves out nothing, where every request must be', async () => {
      const [jwk, more] = await proofKey();
      const bound = { dpop: { mode: 'require' as const }, claims: { cnf: { jkt: thumbprint(jwk) } }, more };
      const outcomes = await withSigned('all', bound);
      expect(outcomes).to.include({
        token: 'ok',
        unproven_token: 'ok',
        foreign_origin_token: 'ok',
        header_mismatch: 'ok',
        unknown_tool: 'ok',
        unsigned_call: 'ok',
        signature: 'ok',
        replay: 'ok',
        tampered_body: 'ok',
      });
      expect(Object.values(outcomes)).not.to.include('failed').and.not.to.include('unknown');
    });

    it('names every check that was not made, and why, where requests must be signed and no key is given', async () => {
      const { jwks } = await fakeSigner();
      await serve((app) => {
        const keys = [{ owner: 'https://doctor.example', clientId: 'client', jwks }];
        protect(app, [verifySignature({ keys, resource: url, tools, mode: 'all' })]);
      });
      const { outcomes, findings } = await look([], { MCP_ETDI_TOKEN: await issuer.token({ scope: 'mcp' }) });
      expect(outcomes).to.include({ token: 'unknown', unknown_tool: 'skipped', header_mismatch: 'skipped' });
      const said = (name: string): Finding | undefined => findings.find(({ check }) => check === name);
      expect(said('token')?.fix).to.match(/--directory/);
      expect(said('unknown_tool')).to.deep.equal({
        check: 'unknown_tool',
        outcome: 'skipped',
        text: 'not looked at: the token is not accepted',
      });
    });

    it('does not take a signature for read by a server that denies it', async () => {
      const store = await openKeyStore({ directory: directory(), secret: SECRET, purposes: ['request'] });
      await store.signer('request').current();
      await store.close();
      const { jwks } = await fakeSigner();
      await serve((app) => {
        const keys = [{ owner: 'https://other.example', clientId: 'client', jwks }];
        protect(app, [verifySignature({ keys, resource: url, tools, mode: 'calls' })]);
      });
      const env = { MCP_ETDI_TOKEN: await issuer.token({ scope: 'mcp' }), MCP_ETDI_KEY_SECRET: SECRET };
      const { outcomes } = await look(args(), env);
      expect(outcomes).to.include({ token: 'ok', unsigned_call: 'ok', unknown_tool: 'skipped' });
      expect(outcomes).to.include({ signature: 'unknown', replay: 'skipped', tampered_body: 'skipped' });
    });

    it('notices a server that takes no notice of signatures', async () => {
      expect(await withSigned(undefined)).to.include({
        signature: 'unknown',
        replay: 'failed',
        tampered_body: 'failed',
      });
    });
  });

  it('prints lines that people can read', async () => {
    await serve((app) => app.all('/mcp', handler));
    const { code, out, err } = await run([url]);
    expect(code).to.equal(1);
    expect(out).to.match(/^FAILED {2}stranger_denied +A stranger was answered with 200\.\n +-> mount authenticate/m);
    expect(out).to.match(/^- {7}unproven_token +not looked at: no token was given, in MCP_ETDI_TOKEN or with/m);
    expect(err).to.match(/^mcp-etdi doctor: \d+ of \d+ checks failed\n$/);
  });

  it('shows nothing that could move a terminal', async () => {
    await serve(describing({ resource: 'https://\u001b[2Jx.example', authorization_servers: ['\u009b2J\u202e'] }));
    for (const args of [[url], [url, '--json']]) {
      const { out } = await run(args);
      expect(out)
        .to.include('authorization')
        .and.not.match(/[^\n\x20-\x7e]/);
    }
  });

  for (const [named, asked] of [
    [10, 10],
    [3000, 10],
  ] as const) {
    it(`asks ${asked} authorization servers where ${named} are named`, async () => {
      const list = Array.from({ length: named }, (_, at) => `http://127.0.0.1:1/${at}`);
      await serve(describing({ authorization_servers: list }));
      const { findings } = await look();
      expect(findings.filter(({ check }) => check === 'issuer')).to.have.lengthOf(asked);
    });
  }

  const misused: readonly (readonly [string, readonly string[]])[] = [
    ['no URL', []],
    ['two URLs', ['https://a.example/mcp', 'https://b.example/mcp']],
    ['a URL without TLS', ['http://a.example/mcp']],
    ['an unknown option', ['https://a.example/mcp', '--tokn', 'x']],
    ['a token file that is not there', ['https://a.example/mcp', '--expired-token-file', '/no/such/file']],
  ];
  for (const [what, args] of misused) {
    it(`refuses ${what}`, async () => {
      const { code, out } = await run(args);
      expect([code, out]).to.deep.equal([2, '']);
    });
  }

  it('says how a URL begins, where one was given without it', async () => {
    const { err } = await run(['localhost:3000/mcp']);
    expect(err).to.match(/begin it with http:\/\/ or https:\/\//);
  });

  it('ends with 1 when nobody answers', async () => {
    const { code, err } = await run(['http://127.0.0.1:9/mcp', '--timeout', '2']);
    expect(code).to.equal(1);
    expect(err).to.match(/no answer from http:\/\/127\.0\.0\.1:9/);
  });
});

/** A server that denies everybody with a challenge of its own. */
function answering(changes: Readonly<Record<string, string | undefined>>): (app: Express) => void {
  const parameters: Readonly<Record<string, string | undefined>> = {
    resource_metadata: 'https://a.example/.well-known/oauth-protected-resource/mcp',
    ...changes,
  };
  const listed = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value}"`],
  );
  return (app) =>
    app.all('/mcp', (_req, res) => {
      res.set('WWW-Authenticate', `Bearer ${listed.join(', ')}`.trim()).sendStatus(401);
    });
}

/** A server whose metadata say something else. */
function describing(changes: object): (app: Express) => void {
  return (app) => {
    app.get('/.well-known/oauth-protected-resource/mcp', (_req, res) => {
      res.json({ resource: url, authorization_servers: [new URL(url).origin], ...changes });
    });
    app.all('/mcp', (_req, res) => {
      res.set('WWW-Authenticate', 'Bearer').sendStatus(401);
    });
  };
}
