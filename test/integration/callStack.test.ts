import type { RequestListener } from 'node:http';
import { expect } from 'chai';
import { mtlsFetch, signingFetch } from '../../client/index.js';
import { CLIENTS, type ClientKind } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import {
  auditLog,
  authenticate,
  authorizeScopes,
  callStackGuard,
  callTool,
  chainFetch,
  contextOf,
  defineTools,
  oidc,
  verifySignature,
  type AnyMiddleware,
  type AuditRecord,
} from '../../lib/index.js';
import { fakeIssuer, fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { certificateAuthority } from '../support/certificates.js';
import { serveTls } from '../support/secureServer.js';
import { BOOTS, type Tool, type ToolSet } from './callServers.js';
import { connectClient, type ClientSettings } from './signingServers.js';

/** How the first server proves to the second who it is. */
interface Proof {
  readonly serve: () => Promise<Origin>;
  /** What the second server checks before it looks at chains. */
  readonly checks: (resource: string) => readonly AnyMiddleware[];
  /** How the first one calls it. */
  readonly settings: (resource: string) => Promise<ClientSettings>;
}

/** Where a server is, before it is known what it answers with. */
interface Origin {
  readonly resource: string;
  readonly answer: (listener: RequestListener) => void;
  readonly close: () => Promise<void>;
}

const policies = {
  report: { permissions: ['file:read'] },
  relay: { permissions: ['file:read'] },
  widen: { permissions: [] },
  isolated: { permissions: ['file:read'], allowedCallees: [] },
  nested: { permissions: ['file:read'] },
  summarize: { permissions: ['file:read'], allowedCallers: ['nested'] },
} as const;

describe('call stacks between MCP servers', function () {
  this.timeout(20_000);
  const issuer = fakeIssuer();
  let hopsOfA: FakeSigner;
  let hopsOfB: FakeSigner;
  let requestsOfA: FakeSigner;
  const closing: (() => Promise<void>)[] = [];

  before(async () => {
    [hopsOfA, hopsOfB, requestsOfA] = await Promise.all([fakeSigner(), fakeSigner(), fakeSigner()]);
  });
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  const plain = async (): Promise<Origin> => {
    const server = await listen(0);
    return { resource: `${server.origin}/mcp`, answer: server.serve, close: server.close };
  };
  const withToken = (resource: string): AnyMiddleware =>
    authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch });
  /** The first server, as the second one knows it by request signatures. */
  let nameOfA = '';

  const proofs: Readonly<Record<string, () => Promise<Proof>>> = {
    'a token': () =>
      Promise.resolve({
        serve: plain,
        checks: (resource) => [withToken(resource)],
        settings: async (resource) => {
          const about = { aud: resource, sub: 'server-a', client_id: 'server-a', scope: 'file:read' };
          return { headers: { authorization: `Bearer ${await issuer.token(about)}` } };
        },
      }),
    'a signature': () =>
      Promise.resolve({
        serve: plain,
        checks: (resource) => [
          verifySignature({
            keys: [{ owner: nameOfA, clientId: 'server-a', jwks: requestsOfA.jwks }],
            resource,
            mode: 'all',
          }),
        ],
        settings: (resource) => Promise.resolve({ fetch: signingFetch({ signer: requestsOfA, resource }) }),
      }),
    'a certificate': async () => {
      const authority = await certificateAuthority();
      const uri = 'spiffe://example.org/server-a';
      const { cert, key } = await authority.issue([{ type: 'url', value: uri }]);
      return {
        serve: async () => {
          let listener: RequestListener | undefined;
          const server = await serveTls(authority, (req, res) => listener?.(req, res));
          return { resource: `${server.origin}/mcp`, answer: (one) => (listener = one), close: server.close };
        },
        checks: (resource) => [
          authenticate({ issuers: [], resource, mtls: { callers: [{ clientId: 'server-a', uri }] } }),
        ],
        settings: (resource) => {
          const fetch = mtlsFetch({ cert, key, ca: authority.ca, servers: [{ url: resource }] });
          closing.push(fetch.close);
          return Promise.resolve({ fetch });
        },
      };
    },
  };

  interface World {
    readonly a: string;
    readonly b: string;
    /** Calls a tool of the first server as a user would. */
    readonly ask: (tool: string, path?: string) => Promise<string>;
    readonly records: readonly AuditRecord[];
  }

  const start = async (proof: Proof, boot: string, kind: ClientKind): Promise<World> => {
    const [a, b] = [await plain(), await proof.serve()];
    closing.push(a.close, b.close);
    nameOfA = a.resource;
    const trust = [
      { owner: a.resource, clientId: 'server-a', mayRoot: true, jwks: hopsOfA.jwks },
      { owner: b.resource, jwks: hopsOfB.jwks },
    ];
    const records: AuditRecord[] = [];
    const audit = auditLog({
      sink: (record: { readonly type: string }) => {
        if (record.type === 'request') records.push(record as AuditRecord);
      },
    });
    const settings = await proof.settings(b.resource);

    const call = async (
      source: object,
      tool: string,
      path: string | undefined,
      more: ClientSettings = {},
    ): Promise<string> => {
      const { callStack } = contextOf(source, 'callStack').state;
      const send = chainFetch({ callStack, resource: b.resource, ...(settings.fetch && { fetch: settings.fetch }) });
      const client = await connectClient(kind, b.resource, { ...settings, ...more, fetch: send });
      try {
        return await client.call(tool, path === undefined ? {} : { path });
      } catch (error) {
        return `denied: ${String(error)}`;
      } finally {
        await client.close();
      }
    };
    const summarize: Tool = ({ path }, source) => call(source, 'read', path);
    const toolsOfA: ToolSet = {
      report: ({ path }, source) => call(source, 'read', path),
      widen: ({ path }, source) => call(source, 'read', path),
      isolated: ({ path }, source) => call(source, 'read', path),
      nested: (args, source) => callTool(source, 'summarize', args, summarize),
      summarize,
      relay: ({ path }, source) => {
        const [authorization = ''] = contextOf(source).request.headers['authorization'] ?? [];
        return call(source, 'read', path, { headers: { authorization } });
      },
    };
    const told: Tool = (_args, source) => JSON.stringify(contextOf(source, 'callStack').state.callStack);

    const tools = defineTools(policies);
    const allowedCallers = ['report', 'widen', 'summarize'].map((tool) => `${a.resource}#${tool}`);
    const ofB = defineTools({ read: { permissions: ['file:read'], allowedCallers } });
    const { [boot]: serve = () => () => undefined } = BOOTS;
    a.answer(
      serve(
        [
          withToken(a.resource),
          authorizeScopes({ tools }),
          callStackGuard({ tools, identity: { resource: a.resource, signer: hopsOfA }, trust }),
        ],
        toolsOfA,
      ),
    );
    b.answer(
      serve(
        [
          audit,
          ...proof.checks(b.resource),
          authorizeScopes({ tools: ofB, clients: { 'server-a': ['file:read'] } }),
          callStackGuard({ tools: ofB, identity: { resource: b.resource, signer: hopsOfB }, trust }),
        ],
        { read: told },
      ),
    );
    const user = await issuer.token({ aud: a.resource, sub: 'alice', client_id: 'app', scope: 'file:read' });
    const client = await connectClient('client v1', a.resource, { headers: { authorization: `Bearer ${user}` } });
    closing.push(client.close);
    return {
      a: a.resource,
      b: b.resource,
      ask: (tool, path) => client.call(tool, path === undefined ? {} : { path }),
      records,
    };
  };

  for (const [how, make] of Object.entries(proofs)) {
    Object.keys(BOOTS).forEach((boot, index) => {
      const kind = CLIENTS[index % CLIENTS.length] ?? 'client v1';
      it(`are proven on ${boot}, with ${how} and ${kind}`, async () => {
        const { a, b, ask, records } = await start(await make(), boot, kind);
        const stack = JSON.parse(await ask('report', 'notes.txt')) as Record<string, unknown>;
        expect(stack).to.deep.include({
          subject: 'alice',
          root: a,
          depth: 2,
          frames: [
            { resource: a, tool: 'report' },
            { resource: b, tool: 'read' },
          ],
          caller: { resource: a, tool: 'report' },
          permissions: ['file:read'],
        });
        const nested = JSON.parse(await ask('nested', 'notes.txt')) as { frames: { tool: string }[]; depth: number };
        expect(nested.frames.map(({ tool }) => tool)).to.deep.equal(['nested', 'summarize', 'read']);
        const calls = records.filter(({ rpc }) => rpc?.some(({ tool }) => tool === 'read'));
        expect(calls[0]).to.include({ outcome: 'allowed', transaction: stack['transaction'] });
        expect(calls[0]?.callStack).to.deep.equal({
          root: a,
          depth: 2,
          caller: `${a}#report`,
          frames: [`${a}#report`, `${b}#read`],
        });
      });

      it(`are denied on ${boot}, with ${how} and ${kind}, where a rule of one of both denies`, async () => {
        const { ask, records } = await start(await make(), boot, kind);
        expect(await ask('isolated', 'x')).to.match(/denied: .*The tool has no leave to call this one/);
        expect(records.filter(({ rpc }) => rpc?.some(({ tool }) => tool === 'read'))).to.deep.equal([]);
        expect(await ask('widen', 'x')).to.match(/denied: /);
        const [escalated] = records.filter(({ decisions }) =>
          decisions.some(({ code }) => code === 'privilege_escalated'),
        );
        expect(escalated?.transaction).to.match(/^[0-9a-f-]{36}$/);
        expect(escalated).not.to.have.any.keys('callStack');
        expect(escalated?.access).to.deep.equal({ required: ['file:read'], granted: [], missing: ['file:read'] });
        expect(await ask('relay', 'x')).to.match(/The token of the caller is not for another server/);
        expect(
          records.filter(({ outcome, rpc }) => outcome === 'allowed' && rpc?.some(({ tool }) => tool === 'read')),
        ).to.deep.equal([]);
      });
    });
  }
});
