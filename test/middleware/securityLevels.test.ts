import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Redis } from 'ioredis';
import request from 'supertest';
import { dpopFetch, signingFetch } from '../../client/index.js';
import { listen } from '../../examples/support/loopback.js';
import {
  defineTools,
  memoryStores,
  memoryVersions,
  oidc,
  openAuditTrail,
  openKeyStore,
  securityProfile,
  type AuditEvent,
  type AuditTrail,
  type KeyStore,
  type SecurityLevel,
  type SecurityProfileOptions,
} from '../../lib/index.js';
import { CALL_CHAIN, fakeIssuer, fakeProver, fakeSigner, signCallChain, type FakeSigner } from '../../lib/testing.js';
import type { RequestListener } from 'node:http';
import { frameworks } from '../support/frameworks.js';

const AGENT = 'https://agent.example';
const SERVER = 'https://reports.example/mcp';

describe('security levels', () => {
  let folder: string;
  let keyStore: KeyStore;
  let trail: AuditTrail;
  let agent: FakeSigner;
  let server: FakeSigner;
  let resource: string;
  let listener: Awaited<ReturnType<typeof listen>>;
  let issuer: ReturnType<typeof fakeIssuer>;
  let events: AuditEvent[];
  let current: RequestListener;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'etdi-levels-'));
    keyStore = await openKeyStore({ directory: join(folder, 'keys'), secret: Buffer.alloc(32, 1).toString('base64') });
    trail = await openAuditTrail({ file: join(folder, 'audit.jsonl'), signer: keyStore.signer('audit') });
    [agent, server] = await Promise.all([fakeSigner(), fakeSigner()]);
  });

  after(async () => {
    await trail.close();
    await keyStore.close();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    listener = await listen(0);
    resource = `${listener.origin}/mcp`;
    issuer = fakeIssuer({ issuer: listener.origin, resource });
    events = [];
    listener.serve((req, res) => {
      current(req, res);
    });
  });

  afterEach(() => listener.close());

  const tools = defineTools({
    read: { version: '1.0.0', permissions: [] },
    purge: { version: '1.0.0', permissions: [], requireSignature: true },
    leaf: { version: '1.0.0', permissions: [], maxCallDepth: 1, allowedCallers: ['*'] },
  });

  /** What the highest level needs. */
  function complete(level: SecurityLevel, more: Partial<SecurityProfileOptions> = {}): SecurityProfileOptions {
    return {
      level,
      resource,
      tools,
      audit: trail,
      issuers: [oidc({ issuer: issuer.issuer })],
      fetch: issuer.fetch,
      keys: [{ owner: AGENT, clientId: 'client', jwks: agent.jwks }],
      toolServers: [{ owner: SERVER, clientId: 'reports', mayRoot: true, jwks: server.jwks }],
      keyStore,
      stores: memoryStores({ singleProcess: true }),
      definitions: { versions: memoryVersions() },
      ...more,
    };
  }

  /** The least that a profile needs, with nothing but a level and what is asked for on top. */
  function least(level: SecurityLevel, more: Partial<SecurityProfileOptions> = {}): SecurityProfileOptions {
    return {
      level,
      resource,
      tools: defineTools({ read: { permissions: [] } }),
      audit: (event: AuditEvent) => events.push(event),
      issuers: [oidc({ issuer: issuer.issuer })],
      fetch: issuer.fetch,
      ...more,
    };
  }

  const namesOf = (options: SecurityProfileOptions): readonly string[] =>
    securityProfile(options).map(({ name }) => name);

  const ENHANCED = [
    'auditLog',
    'validateOrigin',
    'authenticate',
    'verifySignature',
    'bindSession',
    'rateLimit',
    'authorizeScopes',
    'callStackGuard',
    'publishTools',
  ];

  it('are these checks, in this order', () => {
    expect(namesOf(least('basic'))).to.deep.equal(['auditLog', 'validateOrigin', 'authenticate', 'authorizeScopes']);
    for (const level of ['enhanced', 'high', 'strict'] as const)
      expect(namesOf(complete(level))).to.deep.equal(ENHANCED);
  });

  it('say everything that is missing at once', () => {
    expect(() => securityProfile(least('strict', { audit: () => undefined }))).to.throw(
      TypeError,
      /^securityProfile: level 'strict' needs, with these options:\n- 'keys' or 'toolServers': .*\n- 'keyStore': .*\n- 'tools': a version of 'read'\n- 'stores': .*\n- 'audit': what openAuditTrail returned.*$/,
    );
    expect(() => securityProfile(least('enhanced'))).to.throw(
      /^securityProfile: level 'enhanced' needs, with these options:\n- 'keyStore': .*\n- 'tools': a version of 'read'$/,
    );
    for (const level of ['basic', 'high'] as const) {
      expect(() => securityProfile({ level } as SecurityProfileOptions)).to.throw(
        TypeError,
        /- 'resource': .*\n- 'issuers': .*\n- 'tools': .*\n(?:.*\n)*- 'audit': what openAuditTrail returned.*$/,
      );
    }
    const signed = defineTools({ a: { permissions: [], requireSignature: true } });
    expect(() => securityProfile(least('basic', { tools: signed }))).to.throw(
      /- 'keys' or 'toolServers': who may sign calls of 'a'$/,
    );
  });

  for (const missing of ['keyStore', 'stores', 'keys', 'audit'] as const) {
    it(`do not build at level high without ${missing}`, () => {
      const { [missing]: _left, ...rest } = complete('high', { toolServers: [] });
      const options = missing === 'audit' ? { ...rest, audit: () => undefined } : rest;
      expect(() => securityProfile(options as SecurityProfileOptions)).to.throw(
        TypeError,
        new RegExp(`level 'high' needs, with these options:\\n- '${missing}'[^\\n]*$`),
      );
    });
  }

  const looser: readonly (readonly [SecurityLevel, string, object])[] = [
    ['high', 'signatures', { signatures: 'off' }],
    ['high', 'signatures', { signatures: 'observe' }],
    ['strict', 'signatures', { signatures: { mode: 'calls' } }],
    ['strict', 'requireBinding', { requireBinding: false }],
    ['high', 'auditing.onFailure', { auditing: { onFailure: 'continue' } }],
    ['strict', 'auditing.writeAhead', { auditing: { writeAhead: false } }],
    ['basic', 'auditing.level', { auditing: { level: 'denials' } }],
    ['enhanced', 'rate.onFailure', { rate: { limit: 10, windowMs: 1000, onFailure: 'continue' } }],
  ];
  for (const [level, measure, options] of looser) {
    it(`cannot be loosened: ${level} with ${JSON.stringify(options)}`, () => {
      expect(() => securityProfile(complete(level, options))).to.throw(
        TypeError,
        new RegExp(`'${measure}' would be less than level '${level}' has`),
      );
    });
  }

  const unset: readonly (readonly [measure: string, options: (value: unknown) => object])[] = [
    ['requireBinding', (requireBinding) => ({ requireBinding })],
    ['auditing.writeAhead', (writeAhead) => ({ auditing: { writeAhead } })],
    ['auditing.level', (level) => ({ auditing: { level } })],
    ['signatures', (mode) => ({ signatures: { mode } })],
  ];
  for (const [measure, options] of unset) {
    it(`cannot be loosened by ${measure} without a value that it has`, () => {
      for (const value of [null, 0, '', 'false', NaN]) {
        expect(() => securityProfile(complete('strict', options(value)))).to.throw(
          TypeError,
          `securityProfile: '${measure}' must be one of `,
        );
      }
      expect(() => securityProfile(complete('strict', options(undefined)))).not.to.throw();
    });
  }

  it('let requests pass uncounted where the level has no limit of its own', () => {
    const rate = { limit: 10, windowMs: 1000, onFailure: 'continue' } as const;
    expect(namesOf(least('basic', { rate }))).to.include('rateLimit');
  });

  const misplaced: readonly (readonly [option: string, name: string])[] = [
    ['sessions', 'store'],
    ['rate', 'store'],
    ['callChains', 'replay'],
    ['callChains', 'calls'],
    ['callChains', 'trust'],
    ['definitions', 'signer'],
    ['signatures', 'keys'],
    ['signatures', 'replay'],
    ['auditing', 'sink'],
    ['dpop', 'replay'],
  ];
  for (const [option, name] of misplaced) {
    it(`take no ${name} for ${option} alone, and do not leave it out without a word`, () => {
      expect(() => securityProfile(complete('high', { [option]: { [name]: {} } }))).to.throw(
        TypeError,
        `'${option}' must not have '${name}'`,
      );
    });
  }

  it('take no budget for a tool that is not defined', () => {
    const rate = { limit: 10, windowMs: 1000, tools: { raed: { limit: 1 } } };
    expect(() => securityProfile(least('basic', { rate }))).to.throw(
      TypeError,
      "'rate.tools' has 'raed', which is not defined; did you mean 'read'?",
    );
  });

  const switches: readonly string[] = ['sessions', 'rate', 'callChains', 'definitions'];
  for (const name of switches) {
    it(`take no false for ${name}`, () => {
      expect(() => securityProfile(complete('enhanced', { [name]: false }))).to.throw(
        TypeError,
        new RegExp(`'${name}' must be true or an object`),
      );
    });
  }

  const added: readonly (readonly [string, Partial<SecurityProfileOptions>])[] = [
    ['bindSession', { sessions: true }],
    ['rateLimit', { rate: true }],
    ['rateLimit', { rate: { limit: 1, windowMs: 1000 } }],
    ['callStackGuard', { callChains: true }],
    ['callStackGuard', { callChains: { maxDepth: 2 } }],
  ];
  for (const [check, options] of added) {
    it(`can be tightened: basic with ${check} by ${JSON.stringify(options)}`, () => {
      expect(namesOf(least('basic'))).to.not.include(check);
      expect(namesOf(least('basic', options))).to.include(check);
    });
  }

  const rules: readonly object[] = [
    { allowedCallers: ['@root'] },
    { blockedCallers: ['other'] },
    { allowedCallees: [] },
    { blockedCallees: ['*'] },
    { maxCallDepth: 2 },
  ];
  for (const rule of rules) {
    it(`guard call stacks where a tool says ${JSON.stringify(rule)}, whatever the level`, () => {
      const ruled = defineTools({ read: { permissions: [], ...rule } });
      expect(namesOf(least('basic', { tools: ruled }))).to.include('callStackGuard');
    });
  }

  for (const [name, boot] of Object.entries(frameworks)) {
    describe(`on ${name}`, () => {
      const serve = (options: SecurityProfileOptions): RequestListener =>
        boot([securityProfile(options)], (_req, res) => {
          res.setHeader('content-type', 'application/json');
          res.end('{}');
        });
      const call = (name: string, params: object = {}): string =>
        JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {}, ...params } });

      /** Serves a profile and sends one request to it. */
      async function send(
        options: SecurityProfileOptions,
        body: string,
        { token, through = fetch }: { readonly token?: string; readonly through?: typeof fetch } = {},
      ): Promise<string> {
        current = serve(options);
        const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const answer = await through(resource, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...authorization },
          body,
        });
        const { error } = (await answer.json()) as { error?: { data?: { code?: string } } };
        return error === undefined ? String(answer.status) : `${answer.status} ${error.data?.code ?? ''}`;
      }

      it('serve who meets all of strict, and deny who lacks one thing', async () => {
        const prover = await fakeProver();
        const bound = await issuer.token({ cnf: { jkt: prover.jkt } });
        const plain = await issuer.token();
        const signing = signingFetch({ signer: agent, resource });
        const both = dpopFetch({ resource, key: prover.key, fetch: signing });
        const proving = dpopFetch({ resource, key: prover.key });
        const strict = complete('strict');
        expect(await send(strict, call('read'), { token: bound, through: both })).to.equal('200');
        expect(await send(strict, call('read'))).to.equal('401 token_missing');
        expect(await send(strict, call('read'), { token: plain, through: signing })).to.equal('401 token_invalid');
        expect(await send(strict, call('read'), { token: bound, through: proving })).to.equal('403 signature_required');
        expect(await send(strict, call('none'), { token: bound, through: both })).to.equal('403 tool_undefined');
      });

      it('ask for a signature where a tool does, for calls, or for all', async () => {
        const token = await issuer.token();
        const signing = signingFetch({ signer: agent, resource });
        const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
        const levels: readonly (readonly [SecurityLevel, object, string, string, string])[] = [
          ['enhanced', {}, '200', '200', '403 signature_required'],
          ['enhanced', { signatures: 'calls' }, '200', '403 signature_required', '403 signature_required'],
          ['high', {}, '200', '403 signature_required', '403 signature_required'],
          ['high', { signatures: 'all' }, '403 signature_required', '403 signature_required', '403 signature_required'],
        ];
        for (const [level, more, listed, read, purged] of levels) {
          const options = complete(level, more);
          expect(await send(options, list, { token }), level).to.equal(listed);
          expect(await send(options, call('read'), { token }), level).to.equal(read);
          expect(await send(options, call('purge'), { token }), level).to.equal(purged);
          expect(await send(options, call('purge'), { token, through: signing }), level).to.equal('200');
        }
      });

      it('validate call chains where they are switched on, up to the depth of the profile and of the tool', async () => {
        const token = await issuer.token({ client_id: 'reports', scope: '' });
        const chained = async (name: string, depth: number): Promise<string> => {
          const hops = Array.from({ length: depth - 1 }, (_, at) => ({
            signer: server,
            issuer: at === 0 ? SERVER : SERVER,
            resource: at === depth - 2 ? resource : SERVER,
            tool: at === depth - 2 ? name : `step${at + 1}`,
            ...(at === 0 ? { caller: 'report' } : {}),
            arguments: {},
          }));
          return call(name, { _meta: { [CALL_CHAIN]: await signCallChain(hops, { maxDepth: 5 }) } });
        };
        const { toolServers } = complete('basic');
        const plain = { tools, keys: [{ owner: AGENT, jwks: agent.jwks }], ...(toolServers && { toolServers }) };
        const off = least('basic', { ...plain, tools: defineTools({ read: { permissions: [] } }) });
        const on = least('basic', { ...plain, callChains: true });
        const shallow = least('basic', { ...plain, callChains: { maxDepth: 2 } });
        expect(await send(off, call('read'), { token })).to.equal('200');
        expect(await send(on, call('read'), { token })).to.equal('403 chain_missing');
        expect(await send(on, await chained('read', 2), { token })).to.equal('200');
        expect(await send(on, await chained('read', 3), { token })).to.equal('200');
        expect(await send(shallow, await chained('read', 2), { token })).to.equal('200');
        expect(await send(shallow, await chained('read', 3), { token })).to.equal('403 call_depth_exceeded');
      });

      it('ask the shared revocations about each token, where a level needs shared stores', async () => {
        const token = await issuer.token({ jti: 'token-1' });
        const ask = async (level: SecurityLevel): Promise<string> => {
          const stores = memoryStores({ singleProcess: true });
          const list = call('read').replace('tools/call', 'tools/list');
          const app = complete(level, { stores });
          expect(await send(app, list, { token })).to.equal('200');
          await stores.revocations.revoke({ issuer: issuer.issuer, tokenId: 'token-1' }, new Date(Date.now() + 60_000));
          return send(complete(level, { stores }), list, { token });
        };
        expect(await ask('high')).to.match(/^401/);
        expect(await ask('enhanced')).to.equal('200');
      });

      it('write as much as is asked for', async () => {
        const token = await issuer.token();
        const types = async (auditing: SecurityProfileOptions['auditing']): Promise<readonly string[]> => {
          events = [];
          const options = least('basic', auditing === undefined ? {} : { auditing });
          expect(await send(options, call('read'), { token })).to.equal('200');
          await new Promise((resolve) => setTimeout(resolve, 30));
          return [...new Set(events.map(({ type }) => type))];
        };
        expect(await types(undefined)).to.deep.equal(['configuration_loaded', 'request']);
        expect(await types({ level: 'all' }))
          .to.include.members(['request'])
          .and.have.length.above(2);
      });

      it('keep a caller to the rate of the level', async () => {
        const token = await issuer.token();
        const two = least('basic', { rate: { limit: 2, windowMs: 60_000 } });
        const app = serve(two);
        const statuses: number[] = [];
        for (let count = 0; count < 3; count += 1) {
          const { status } = await request(app)
            .post('/mcp')
            .set({ authorization: `Bearer ${token}`, 'content-type': 'application/json', host: new URL(resource).host })
            .send(call('read'));
          statuses.push(status);
        }
        expect(statuses).to.deep.equal([200, 200, 429]);
      });

      it('keep calls of one tool to a budget of its own', async () => {
        const token = await issuer.token();
        const scarce = { limit: 100, windowMs: 60_000, tools: { leaf: { limit: 1, windowMs: 60_000 } } };
        const app = serve({ ...complete('enhanced'), rate: scarce });
        const statuses: number[] = [];
        for (const name of ['leaf', 'leaf', 'read']) {
          const { status } = await request(app)
            .post('/mcp')
            .set({ authorization: `Bearer ${token}`, 'content-type': 'application/json', host: new URL(resource).host })
            .send(call(name));
          statuses.push(status);
        }
        expect(statuses).to.deep.equal([200, 429, 200]);
      });
    });
  }

  it('use the stores that are given', () => {
    const client = new Redis({ lazyConnect: true });
    expect(() => securityProfile(complete('high', { stores: client as never }))).to.throw(
      TypeError,
      /'stores' must be redisStores\(client\), or memoryStores/,
    );
    client.disconnect();
  });

  it('use no stores of which one is missing: each instance would keep it for itself', () => {
    const whole = memoryStores({ singleProcess: true });
    for (const name of ['replay', 'sessions', 'rate', 'revocations']) {
      const stores = { ...whole, [name]: undefined } as never;
      expect(() => securityProfile(complete('strict', { stores })), name).to.throw(TypeError, `it has no '${name}'`);
    }
  });
});
