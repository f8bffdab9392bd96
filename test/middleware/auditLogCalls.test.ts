// What auditLog writes about calls that a handler makes, and how the events of one transaction are found.
import { createServer, type Server } from 'node:http';
import { expect } from 'chai';
import request from 'supertest';
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
  type AuditEvent,
  type AuditLevel,
} from '../../lib/index.js';
import { fakeIssuer, fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { frameworks, type Route } from '../support/frameworks.js';

const OTHER = 'https://other.example/mcp';
const tools = defineTools({
  report: { permissions: ['file:read'] },
  read: { permissions: ['file:read'] },
  wipe: { permissions: ['file:delete'] },
  lonely: { permissions: ['file:read'], allowedCallees: [] },
});

describe('auditLog and the calls of a handler', () => {
  const authority = fakeIssuer();
  const { issuer, resource, fetch } = authority;
  let signer: FakeSigner;
  let server: Server | undefined;
  let events: AuditEvent[];
  let sent: number;

  before(async () => {
    signer = await fakeSigner();
  });
  beforeEach(() => {
    events = [];
    sent = 0;
  });
  afterEach(() => server?.close());

  const call = (name: string) => ({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: {} } });
  const over = (url: string, headers: Readonly<Record<string, string>>, tool = 'fetch') => ({
    input: url,
    init: { method: 'POST', headers, body: JSON.stringify(call(tool)) },
  });

  /** Sends one call of a tool, whose handler does `work`, and gives all events of it. */
  async function record(level: AuditLevel, tool: string, work: (source: object, token: string) => Promise<unknown>) {
    const token = await authority.token({ scope: 'file:read' });
    const handler: Route = (req, res) => {
      const outcome = work(req, token).catch((error: unknown) => (error as Error).message);
      void outcome.then((result) => {
        res.setHeader('content-type', 'application/json');
        res.end(
          JSON.stringify({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text: String(result) }] } }),
        );
      });
    };
    const mount = [
      auditLog({ sink: (event) => events.push(event), level }),
      authenticate({ issuers: [oidc({ issuer })], resource, fetch }),
      authorizeScopes({ tools }),
      callStackGuard({ tools, identity: { resource, signer } }),
    ];
    server = createServer(frameworks['Express 5']!([mount], handler));
    const { body } = await request(server).post('/mcp').set('Authorization', `Bearer ${token}`).send(call(tool));
    return (body as { result?: { content: { text: string }[] } }).result?.content[0]?.text;
  }

  const nested =
    (tool: string, handler: () => unknown = () => 'done') =>
    (source: object) =>
      callTool(source, tool, { path: 'a' }, handler);
  const chained = (source: object): typeof globalThis.fetch =>
    chainFetch({
      callStack: contextOf(source, 'callStack').state.callStack,
      resource: OTHER,
      fetch: () => {
        sent += 1;
        return Promise.resolve(new Response('{}'));
      },
    });

  it('has the transaction in every event from the call stack on', async () => {
    await record('all', 'report', nested('read'));
    const from = events.findIndex(({ type }) => type === 'call_stack_proven');
    const later = events.slice(from) as (AuditEvent & { transaction?: string })[];
    expect(later.map(({ type }) => type)).to.deep.equal([
      'call_stack_proven',
      'call_started',
      'call_started',
      'call_succeeded',
      'call_succeeded',
      'request',
    ]);
    const [proven] = later;
    expect(proven?.transaction).to.match(/^[0-9a-f-]{36}$/);
    expect(later.map(({ transaction }) => transaction)).to.deep.equal(later.map(() => proven?.transaction));
    expect(proven).to.deep.include({
      callStack: { root: resource, depth: 1, caller: '@root', frames: [`${resource}#report`] },
    });
  });

  it('records a call within the server, and how it ended', async () => {
    await record('all', 'report', nested('read'));
    const inner = events.filter((event) => 'caller' in event);
    expect(inner).to.have.lengthOf(2);
    expect(inner[0]).to.deep.include({ type: 'call_started', tool: 'read', caller: `${resource}#report` });
    expect(inner[0]).to.have.nested.property('arguments.value').that.deep.equals({ path: 'a' });
    expect(inner[1]).to.deep.include({ type: 'call_succeeded', tool: 'read', result: { value: 'done' } });
    expect(inner[1]).to.not.have.any.keys('rpcId', 'failure');
  });

  it('records that such a call failed', async () => {
    await record(
      'all',
      'report',
      nested('read', () => Promise.reject(new Error('no'))),
    );
    expect(events.find(({ type }) => type === 'call_failed')).to.include({ tool: 'read', failure: 'thrown' });
  });

  it('records a call of another server before it is sent', async () => {
    await record('all', 'report', async (source) => {
      const { input, init } = over(OTHER, { 'content-type': 'application/json' });
      await chained(source)(input, init);
    });
    expect(sent).to.equal(1);
    const one = events.find(({ type }) => type === 'call_sent');
    expect(one).to.deep.include({ tool: `${OTHER}#fetch`, caller: `${resource}#report` });
    expect(one).to.have.property('transaction');
  });

  const denials: readonly [
    what: string,
    tool: string,
    work: (source: object, token: string) => Promise<unknown>,
    expected: object,
  ][] = [
    [
      'a call that takes more than it may',
      'report',
      nested('wipe'),
      { code: 'privilege_escalated', middleware: 'callTool' },
    ],
    [
      'a call that its tool has no leave for',
      'lonely',
      nested('read'),
      { code: 'callee_denied', middleware: 'callTool' },
    ],
    [
      'a call of a tool that nobody defined',
      'report',
      nested('nothing'),
      { code: 'tool_undefined', middleware: 'callTool' },
    ],
    [
      'a call of another server that its tool has no leave for',
      'lonely',
      (source) =>
        chained(source)(
          ...(Object.values(over(OTHER, { 'content-type': 'application/json' })) as [string, RequestInit]),
        ),
      { code: 'callee_denied', middleware: 'chainFetch' },
    ],
    [
      'a request with the token of the caller',
      'report',
      (source, token) =>
        chained(source)(...(Object.values(over(OTHER, { authorization: `Bearer ${token}` })) as [string, RequestInit])),
      { code: 'token_forwarded', middleware: 'chainFetch' },
    ],
  ];
  for (const level of ['denials', 'requests', 'all'] as const) {
    for (const [what, tool, work, expected] of denials) {
      it(`records ${what} at level ${level}, and lets the request be what it is`, async () => {
        await record(level, tool, work);
        expect(sent).to.equal(0);
        const denied = events.filter((event) => 'code' in event);
        expect(denied).to.have.lengthOf(1);
        expect(denied[0]).to.include({ status: 403, ...expected });
        expect(denied[0]).to.have.nested.property('detail.caller', `${resource}#${tool}`);
        expect(denied[0]).to.have.property('transaction');
        const over = events.find(({ type }) => type === 'request');
        if (level === 'denials') expect(over).to.equal(undefined);
        else expect(over).to.include({ outcome: 'allowed' });
      });
    }
  }

  it('says nothing of a mistake in the code of the tool', async () => {
    const said = await record('all', 'report', (source) => callTool(source, 'read', {}, 'read' as never));
    expect(said).to.match(/'handler' must be a function/);
    expect(events.filter((event) => 'caller' in event || 'code' in event)).to.deep.equal([]);
  });
});
