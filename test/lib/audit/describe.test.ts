import { expect } from 'chai';
import type { Facts } from '../../../lib/audit/about.js';
import { describeRequest as describeWith } from '../../../lib/audit/describe.js';
import { ownDigestKey, Privacy } from '../../../lib/audit/privacy.js';
import type { AuditRecord, Decision, Outcome, RequestContext } from '../../../lib/index.js';
import type { RpcRequest } from '../../../lib/rpc.js';
import { fakeContext, type FakeRequest } from '../../../lib/testing.js';
import { escapeText } from '../../../lib/text.js';

const PRIVACY = { arguments: 'redacted', results: 'redacted', key: ownDigestKey() } as const;
const NOON = new Date('2026-11-22T12:00:00.123Z');
const DONE: Outcome = { status: 200, ms: 1.23456, aborted: false };
const GONE: Outcome = { status: undefined, ms: 5, aborted: true };
const UNPROVEN: Facts = {};
const ALLOW: Decision = { middleware: 'authenticate', effect: 'allow', ms: 0.0123456 };

const deny = (status: number, code: string): Decision => ({ middleware: 'm', effect: 'deny', ms: 0.1, status, code });

function describeRequest(ctx: RequestContext, outcome: Outcome, time: Date, facts: Facts): AuditRecord {
  return describeWith(ctx, outcome, time, facts, new Privacy(PRIVACY, ctx.request));
}

function withDecisions(ctx: RequestContext, decisions: readonly Decision[]): RequestContext {
  return { ...ctx, decisions };
}

function record(fake: FakeRequest = {}, facts = UNPROVEN, decisions: readonly Decision[] = [], outcome = DONE) {
  return describeRequest(withDecisions(fakeContext(fake), decisions), outcome, NOON, facts);
}

/** The record of a request whose body some check has read. */
async function recordOf(message: object): Promise<AuditRecord> {
  const ctx = fakeContext({ body: message });
  await ctx.request.rpc();
  return describeRequest(ctx, DONE, NOON, UNPROVEN);
}

const call = (id: unknown, method: string, params: object = {}) => ({ jsonrpc: '2.0', id, method, params });

describe('describeRequest', () => {
  it('says when in RFC 3339, and takes no time that is none', () => {
    const at = (time: Date): string => describeRequest(fakeContext(), DONE, time, UNPROVEN).time;
    const second = Date.parse('2026-11-22T12:00:00Z');
    for (const ms of [second, second + 7, second + 999, second + 1000, second, -1, 0, 8.64e15]) {
      expect(at(new Date(ms))).to.equal(new Date(ms).toISOString());
    }
    expect(() => at(new Date(NaN))).to.throw(RangeError);
    expect(at(NOON)).to.equal('2026-11-22T12:00:00.123Z');
  });

  it('is bounded, however many messages there are and however long their escapes are', async () => {
    const list = Array.from({ length: 43 }, () => '\u007f'.repeat(256));
    const batch = Array.from({ length: 100 }, (_, id) => call(id, 'tools/call', { name: 'read', arguments: { list } }));
    const ctx = fakeContext({ body: batch });
    await ctx.request.rpc();
    const one = describeRequest(ctx, DONE, NOON, UNPROVEN);
    expect(one.rpc).to.have.lengthOf(100);
    expect(JSON.stringify(one).length).to.be.lessThan(200_000);
    expect(one.rpc?.[0]?.arguments?.value).to.have.nested.property('list[0]').that.includes('\\u007f');
    expect(one.rpc?.[99]?.arguments?.masked).to.be.greaterThan(0);
  });

  it('looks through long names only so far, and records each name that something can be defined under', async () => {
    const long = 'token=hunter2;'.repeat(1000);
    const calls = (names: readonly string[]) => names.map((name, id) => call(id, 'tools/call', { name }));
    const names = [...Array.from({ length: 90 }, () => long), ...Array.from({ length: 10 }, (_, at) => `t${at}`)];
    const { rpc = [] } = await recordOf(calls(names));
    const recorded = rpc.map(({ tool = '' }) => tool);
    expect(recorded.slice(0, 5).join()).to.match(/^(?:token=\[masked\][^,]*(?:,|$)){5}$/);
    expect(recorded.slice(5, 90)).to.deep.equal(Array.from({ length: 85 }, () => '\\...'));
    expect(recorded.slice(90)).to.deep.equal(names.slice(90));
    const atTheEdge = await recordOf(calls(Array.from({ length: 100 }, () => 'n'.repeat(256))));
    expect(atTheEdge.rpc?.at(-1)?.tool).to.equal('n'.repeat(256));
  });

  it('masks an id that the request proves its caller with, be it a UUID', async () => {
    const id = '0b3ad6c1-52b3-4c8f-9a35-0c7c6f6c5d11';
    const recordedWith = async (headers: Record<string, string>): Promise<unknown> => {
      const ctx = fakeContext({ headers, body: call(id, 'ping') });
      await ctx.request.rpc();
      return describeRequest(ctx, DONE, NOON, UNPROVEN).rpc?.[0]?.id;
    };
    expect(await recordedWith({ 'mcp-session-id': id })).to.equal('[masked]');
    expect(await recordedWith({ 'mcp-session-id': id.replace('0', '1') })).to.equal(id);
  });

  it('masks what the request carries, wherever a peer may have put it', () => {
    const secret = 'hunter-2.Xy_9q';
    const headers = { 'mcp-session-id': secret };
    const tool = { resource: 'https://a.example/mcp', tool: secret };
    const callStack = { transaction: 't', root: 'https://a.example/mcp', depth: 1, caller: tool, frames: [tool] };
    const denied = { ...deny(403, 'caller_denied'), detail: { caller: `https://a.example/mcp#${secret}` } };
    const one = record({ headers }, { callStack } as unknown as Facts, [denied]);
    expect(JSON.stringify(one)).to.not.include(secret);
    expect(one.callStack?.frames).to.deep.equal(['https://a.example/mcp#[masked]']);
  });

  it('says who calls now, be it in one object for all requests or not', () => {
    const auth = { issuer: 'https://as.example.com', subject: 'ann', clientId: 'inspector' };
    const access = { required: ['a'], granted: ['a'] };
    const first = record({}, { auth, access });
    auth.subject = 'bob';
    access.granted.push('b');
    const second = record({}, { auth, access });
    expect([first, second].map(({ principal }) => principal?.subject)).to.deep.equal(['ann', 'bob']);
    expect([first, second].map((one) => one.access?.granted)).to.deep.equal([['a'], ['a', 'b']]);
    const frozen = { auth: Object.freeze({ ...auth }), access: { required: Object.freeze(['a']), granted: [] } };
    expect(record({}, frozen).principal).to.deep.equal(record({}, frozen).principal).and.to.be.frozen;
    expect(record({}, frozen).access).to.deep.equal({ required: ['a'], granted: [] });
  });

  it('looks at arguments at once, or when somebody looks at them and then once', async () => {
    const ctx = fakeContext({ body: call(7, 'tools/call', { name: 'echo', arguments: {} }) });
    const [message] = await ctx.request.rpc();
    let looks = 0;
    const args = {
      get text() {
        looks += 1;
        return 'hello';
      },
    };
    Object.assign((message as RpcRequest).params, { arguments: args });
    const looked = [true, false].map((lazy) => {
      looks = 0;
      const { rpc } = describeWith(ctx, DONE, NOON, UNPROVEN, new Privacy({ ...PRIVACY, lazy }, ctx.request));
      const before = looks;
      for (let again = 0; again < 2; again += 1) {
        expect(rpc?.[0]?.arguments).to.deep.equal({ value: { text: 'hello' } });
      }
      expect(rpc?.[0]).to.be.frozen;
      return [before, looks];
    });
    expect(looked).to.deep.equal([
      [0, 1],
      [1, 1],
    ]);
  });

  it('says when, what, who and how it ended', async () => {
    const ctx = fakeContext({
      id: 'r1',
      target: '/mcp',
      ip: '192.0.2.7',
      body: call(7, 'tools/call', { name: 'echo' }),
    });
    await ctx.request.rpc();
    const facts: Facts = {
      auth: { issuer: 'https://as.example.com', subject: 'ann', clientId: 'inspector' },
      signature: { owner: 'https://peer.example.com', clientId: 'inspector', keyId: 'NzbLsXh8uDCcd' },
      access: { required: ['file:read'], granted: ['file:*'] },
      observed: { middleware: 'verifySignature', code: 'signature_required' },
    };
    expect(describeRequest(withDecisions(ctx, [ALLOW]), DONE, NOON, facts)).to.deep.equal({
      v: 1,
      time: '2026-11-22T12:00:00.123Z',
      type: 'request',
      id: 'r1',
      outcome: 'allowed',
      status: 200,
      durationMs: 1.235,
      http: { method: 'POST', path: '/mcp', ip: '192.0.2.7' },
      principal: { issuer: 'https://as.example.com', subject: 'ann', clientId: 'inspector' },
      signature: { owner: 'https://peer.example.com', clientId: 'inspector', keyId: 'NzbLsXh8uDCcd' },
      rpc: [{ kind: 'request', id: 7, method: 'tools/call', tool: 'echo' }],
      decisions: [{ middleware: 'authenticate', effect: 'allow', ms: 0.012 }],
      access: { required: ['file:read'], granted: ['file:*'] },
      observed: { middleware: 'verifySignature', code: 'signature_required' },
    });
  });

  it('records nothing about the caller but what identifies them', () => {
    const auth = { issuer: 'i', subject: 's', clientId: 'c', token: 'CANARY', claims: { email: 'CANARY' } };
    const signature = { owner: 'o', clientId: 'c', keyId: 'k', nonce: 'CANARY', components: ['CANARY'] };
    expect(record({}, { auth, signature })).to.deep.include({
      principal: { issuer: 'i', subject: 's', clientId: 'c' },
      signature: { owner: 'o', clientId: 'c', keyId: 'k' },
    });
    expect(JSON.stringify(record({}, { auth, signature }))).to.not.include('CANARY');
  });

  it('has no members for what is not known', () => {
    const known = record({}, UNPROVEN, [], GONE);
    expect(known).to.have.all.keys('v', 'time', 'type', 'id', 'outcome', 'durationMs', 'http', 'decisions');
  });

  it('is frozen, however deep', async () => {
    const ctx = fakeContext({ body: call(1, 'tools/call', { name: 'x' }) });
    await ctx.request.rpc();
    const denial: Decision = {
      middleware: 'm',
      effect: 'deny',
      ms: 1,
      status: 403,
      code: 'scope_insufficient',
      cause: new Error(),
      detail: { required: ['a'], missing: ['a'], roles: ['r'] },
    };
    const facts: Facts = {
      auth: { issuer: 'i', subject: 's', clientId: 'c' },
      signature: { owner: 'o', clientId: 'c', keyId: 'k' },
      observed: { middleware: 'm', code: 'c' },
    };
    const frozen = describeRequest(withDecisions(ctx, [ALLOW, denial]), DONE, NOON, facts);
    const unfrozen = (value: unknown): boolean =>
      typeof value === 'object' && value !== null && (!Object.isFrozen(value) || Object.values(value).some(unfrozen));
    expect(frozen).to.include.keys('principal', 'signature', 'access', 'observed', 'rpc');
    expect(unfrozen(frozen)).to.equal(false);
  });

  it('is the same after a round through JSON', async () => {
    const full = await recordOf([
      call('a', 'tools/call', { name: 'x' }),
      { jsonrpc: '2.0', method: 'notifications/x' },
    ]);
    expect(JSON.parse(JSON.stringify(full))).to.deep.equal(full);
  });

  describe('the outcome', () => {
    const table: readonly [string, readonly Decision[], Partial<Outcome>, AuditRecord['outcome']][] = [
      ['all checks let it through', [ALLOW], {}, 'allowed'],
      ['the handler answers 404 on its own', [ALLOW], { status: 404 }, 'allowed'],
      ['the handler crashes', [ALLOW], { status: 500 }, 'failed'],
      ['the handler answers 503', [ALLOW], { status: 503 }, 'failed'],
      ['the client leaves before the answer', [ALLOW], { status: undefined, aborted: true }, 'aborted'],
      ['the client leaves a stream', [ALLOW], { status: 200, aborted: true }, 'aborted'],
      ['a check denies', [ALLOW, deny(403, 'scope_insufficient')], { status: 403 }, 'denied'],
      ['a check denies, answered with 200', [deny(403, 'role_insufficient')], { status: 200 }, 'denied'],
      ['a check denies and the client is gone', [deny(401, 'token_invalid')], GONE, 'denied'],
      ['a check crashes', [deny(500, 'internal_error')], { status: 500 }, 'failed'],
      ['a check crashes and the client is gone', [deny(500, 'internal_error')], GONE, 'failed'],
      ['what a check depends on is down', [deny(503, 'unavailable')], { status: 503 }, 'failed'],
      ['the client leaves before its body arrived', [deny(400, 'body_incomplete')], GONE, 'aborted'],
      ['the client leaves while it is checked', [ALLOW, deny(400, 'exchange_closed')], GONE, 'aborted'],
      ['a check denies and then the client leaves', [deny(403, 'x'), deny(400, 'exchange_closed')], GONE, 'denied'],
      ['the body ends early but the client stays', [deny(400, 'body_incomplete')], { status: 400 }, 'denied'],
    ];
    for (const [title, decisions, outcome, expected] of table) {
      it(`is ${expected} when ${title}`, () => {
        expect(record({}, UNPROVEN, decisions, { ...DONE, ...outcome }).outcome).to.equal(expected);
      });
    }
  });

  it('records a path without query, fragment and host', () => {
    const table: readonly [string, string][] = [
      ['/mcp', '/mcp'],
      ['/mcp?token=CANARY', '/mcp'],
      ['/mcp?a=1?b=/c#d', '/mcp'],
      ['/mcp#CANARY', '/mcp'],
      ['/?CANARY', '/'],
      ['?CANARY', ''],
      ['http://h.example/mcp?CANARY', '/mcp'],
      ['http://user:CANARY@h.example/mcp', '/mcp'],
      ['http://user:CANARY@h.example', ''],
      ['HTTPS://CANARY@h.example/a', '/a'],
      ['http:\\\\user:CANARY@h.example\\mcp', '\\\\mcp'],
      ['http:/user:CANARY@h.example/mcp', '/mcp'],
      ['*', '*'],
      ['/a\u2028b', '/a\\u2028b'],
      [`/${'x'.repeat(1_000_000)}`, `/${'x'.repeat(255)}\\...`],
    ];
    for (const [target, path] of table) expect(record({ target }).http.path).to.equal(path);
  });

  it('records a resource without user information, query and fragment', async () => {
    const table: readonly [string, string][] = [
      ['file:///etc/hosts', 'file:///etc/hosts'],
      ['db://reader:CANARY@host/table?key=CANARY#CANARY', 'db://host/table'],
      ['https://a@b@host/x', 'https://host/x'],
      [`db://${'x'.repeat(1_000_000)}:CANARY@host/`, 'host/'],
      ['https://host/users/@ann', 'https://host/users/@ann'],
    ];
    for (const [uri, resource] of table) {
      const { rpc } = await recordOf(call(1, 'resources/read', { uri }));
      expect(rpc).to.deep.equal([{ kind: 'request', id: 1, method: 'resources/read', resource }]);
    }
  });

  it('records no user information of a resource, however oddly it is spelled', async () => {
    const table: readonly [string, string][] = [
      ['https:/u:CANARY@host/a', 'https://host/a'],
      ['https:u:CANARY@host/a', 'https://host/a'],
      ['https:///u:CANARY@host/a', 'https://host/a'],
      [' https://u:CANARY@host/a', 'https://host/a'],
      ['ht\ttps://u:CANARY@host/a', 'https://host/a'],
      ['https:\\/\\u:CANARY@host/a', 'https://host/a'],
      ['https:\\\\u:CANARY@host\\x', 'https://host/x'],
      ['https://u:CAN\\CANARY@host/a', 'host/a'],
      ['https://u:CANARY@host:port/a?b', 'host:port/a'],
      ['https://u:CANARY?@CANARY@host:port/a', ''],
      ['//u:CANARY@host/a', 'host/a'],
      ['a?mail=CANARY@host&key=CANARY', ''],
      ['foo://u\\:CANARY@host/a', 'foo://host/a'],
      ['foo://u:CANARY@host', 'foo://host'],
    ];
    for (const [uri, resource] of table) {
      const { rpc } = await recordOf(call(1, 'resources/read', { uri }));
      expect(rpc?.[0]?.resource, uri).to.equal(resource);
    }
  });

  it('holds no number that is not one in JSON, whatever a client sends as an id', async () => {
    for (const id of ['1e999', '-1e999']) {
      const ctx = fakeContext({ body: call(JSON.parse(id), 'ping') });
      await ctx.request.rpc().catch(() => undefined);
      const written = describeRequest(ctx, DONE, NOON, UNPROVEN);
      expect(JSON.parse(JSON.stringify(written)), id).to.deep.equal(written);
    }
  });

  it('records every message of a batch, up to the largest that is read', async () => {
    const { rpc } = await recordOf([
      call(1, 'prompts/get', { name: 'greet' }),
      call('two', 'tools/list'),
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
      { jsonrpc: '2.0', id: 3, result: { secret: 'CANARY' } },
      call(4, 'tools/call', { name: 7 }),
    ]);
    expect(rpc).to.deep.equal([
      { kind: 'request', id: 1, method: 'prompts/get', prompt: 'greet' },
      { kind: 'request', id: 'two', method: 'tools/list' },
      { kind: 'notification', method: 'notifications/cancelled' },
      { kind: 'response', id: 3 },
      { kind: 'request', id: 4, method: 'tools/call', tool: '' },
    ]);
    const full = await recordOf(Array.from({ length: 100 }, (_, id) => call(id, 'tools/call', { name: `t${id}` })));
    expect(full.rpc?.at(-1)).to.deep.equal({ kind: 'request', id: 99, method: 'tools/call', tool: 't99' });
  });

  it('tells a body that nobody read from one without messages', async () => {
    const unread = fakeContext({ body: call(1, 'tools/list') });
    expect(describeRequest(unread, DONE, NOON, UNPROVEN)).to.not.have.property('rpc');
    const get = fakeContext({ method: 'GET' });
    await get.request.rpc();
    expect(describeRequest(get, DONE, NOON, UNPROVEN).rpc).to.deep.equal([]);
  });

  describe('against log injection', () => {
    const hostile = [
      'a\n{"v":1,"outcome":"allowed"}',
      'a\r\nb',
      '\0',
      '\u001b[2K\u001b[1A',
      '\u2028\u2029\u0085',
      '\u202eevil\u2066',
      '\ud800',
      '\udc00x',
      '\u200b\ufeff',
      'x'.repeat(250_000),
      '\n'.repeat(250_000),
      '__proto__',
      'constructor',
      '%s %j \\u000a "quoted"',
    ];
    /** What a terminal, a text editor or a line-based reader may act on. */
    const active = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
    const longest = 256 * 6 + 4;

    /** A record with the same text wherever a client, a token or a proxy may have put it. */
    async function everywhere(text: string): Promise<AuditRecord> {
      const body = [
        call(text.slice(0, 256), text, { name: text }),
        call(1, 'tools/call', { name: text, arguments: { [text]: text } }),
        call(2, 'prompts/get', { name: text }),
        call(3, 'resources/read', { uri: text }),
        { jsonrpc: '2.0', id: text.slice(0, 256), result: text },
      ];
      const ctx = fakeContext({ id: text, method: text, target: `/${text}?${text}`, ip: text, body });
      await ctx.request.rpc();
      const cause = Object.assign(new Error(text), { name: text, code: text });
      const detail = { claim: text, roles: [text], required: [text], granted: [text], missing: [text], [text]: text };
      const denial: Decision = { middleware: 'm', effect: 'deny', ms: 1, status: 403, code: text, detail, cause };
      const facts: Facts = {
        auth: { issuer: text, subject: text, clientId: text },
        signature: { owner: text, clientId: text, keyId: text },
        observed: { middleware: 'm', code: text },
      };
      return describeRequest(withDecisions(ctx, [denial]), DONE, NOON, facts);
    }

    function texts(value: unknown): readonly string[] {
      if (typeof value === 'string') return [value];
      return typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap((pair) => pair.flatMap(texts))
        : [];
    }

    for (const text of hostile) {
      it(`keeps '${escapeText(text, 24)}' of ${text.length} characters in its place`, async () => {
        const written = await everywhere(text);
        for (const one of texts(written)) {
          expect(one).to.not.match(active);
          expect(one.length).to.be.at.most(longest);
        }
        const line = JSON.stringify(written);
        expect(line).to.not.match(active);
        expect(JSON.parse(line)).to.deep.equal(written);
        expect(written.rpc).to.have.lengthOf(5);
        expect(Object.keys(written)).to.have.members(Object.keys(await everywhere('x')));
      });
    }

    it('keeps two names apart of which one imitates the other', async () => {
      const [real, imitation] = await Promise.all([everywhere('a\nb'), everywhere('a\\u000ab')]);
      expect(real.rpc?.[1]?.tool).to.not.equal(imitation.rpc?.[1]?.tool);
    });
  });
});
