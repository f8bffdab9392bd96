import { expect } from 'chai';
import { signingFetch } from '../../../client/index.js';
import { endStack, type CallStack } from '../../../lib/callchain/callStack.js';
import { chainFetch, type ChainFetchOptions } from '../../../lib/callchain/chainFetch.js';
import { startCallStack } from '../../../lib/callchain/startCallStack.js';
import { callStackGuard, isDenial, Unavailable, verifySignature } from '../../../lib/index.js';
import { CALL_CHAIN, fakeContext, fakeSigner, signCallChain, type FakeSigner } from '../../../lib/testing.js';
import { defineTools } from '../../../lib/tools/defineTools.js';
import {
  ALL_RIGHTS,
  callAcross,
  client,
  contextWith,
  network,
  signedBy,
  type Server,
} from '../../support/callNetwork.js';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
  readonly headers: Headers;
  readonly body: Record<string, never>;
}

describe('chainFetch', () => {
  let a: Server;
  let b: Server;
  let c: Server;
  let agent: FakeSigner;
  let sent: Sent[] = [];

  beforeEach(async () => {
    agent = await fakeSigner();
    ({ a, b, c } = await network({
      a: {
        tools: {
          report: { permissions: ['file:read', 'audit:log'] },
          narrow: { permissions: ['audit:log'] },
          isolated: { permissions: [], blockedCallees: ['*'] },
          listed: { permissions: [], allowedCallees: ['https://b.example/mcp/#read'] },
          single: { permissions: [], maxCallDepth: 1 },
          pair: { permissions: ['file:read', 'audit:log'], maxCallDepth: 2 },
        },
        guard: { maxCalls: 3 },
      },
      b: { tools: { read: { permissions: ['file:read', 'audit:log'] }, ping: { permissions: [] } }, mayRoot: false },
      c: { tools: { write: { permissions: ['audit:log'] }, ping: { permissions: [] } } },
    }));
  });
  beforeEach(() => {
    sent = [];
  });

  const record: typeof fetch = (url, init = {}) => {
    const text = typeof init.body === 'string' ? init.body : '{}';
    const body = JSON.parse(text) as Record<string, never>;
    sent.push({
      url: url instanceof Request ? url.url : url.toString(),
      init,
      headers: new Headers(init.headers),
      body,
    });
    return Promise.resolve(new Response('{}'));
  };
  const open = async (tool = 'report', more: Partial<ChainFetchOptions> = {}): Promise<typeof fetch> =>
    chainFetch({ callStack: await a.start(tool), resource: b.resource, fetch: record, ...more });
  const message = (params: object, method = 'tools/call'): string =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const post = (send: typeof fetch, body: string, headers: Record<string, string> = {}, url = b.resource) =>
    send(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  const code = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise;
      return 'sent';
    } catch (error) {
      return isDenial(error) ? error.code : String(error);
    }
  };
  const chainIn = ({ body }: Sent): string[] =>
    (body as unknown as { params: { _meta: Record<string, string[]> } }).params._meta[CALL_CHAIN] ?? [];
  const claimsOf = (token = ''): Record<string, unknown> =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

  it('adds a chain to a call, and leaves all else of it as it is', async () => {
    const params = { name: 'read', arguments: { path: 'x' }, _meta: { progressToken: 7 }, task: { ttl: 1 } };
    await post(await open(), message(params), { 'mcp-name': 'read' });
    const [one] = sent;
    const { _meta, ...others } = (one?.body as unknown as { params: typeof params }).params;
    expect(others).to.deep.equal({ name: 'read', arguments: { path: 'x' }, task: { ttl: 1 } });
    expect(Object.keys(_meta)).to.have.members(['progressToken', CALL_CHAIN]);
    expect(one?.headers.get('mcp-name')).to.equal('read');
    expect(one?.url).to.equal(b.resource);
    const [hop] = chainIn(one!);
    expect(claimsOf(hop)).to.deep.include({
      iss: a.resource,
      aud: b.resource,
      sub: 'alice',
      del_depth: 0,
      del_max_depth: 3,
      caller: 'report',
      scope: 'file:read audit:log',
    });
    expect(claimsOf(hop)).not.to.have.any.keys('par_hash', 'cnf');
  });

  it('signs a hop of its own for each attempt', async () => {
    const send = await open();
    for (let attempt = 0; attempt < 2; attempt += 1) await post(send, message({ name: 'read' }));
    const [one, two] = sent.map((each) => claimsOf(chainIn(each)[0]));
    expect(one?.['jti']).not.to.equal(two?.['jti']);
    expect(one?.['txn']).to.equal(two?.['txn']);
  });

  it('replaces a chain that a tool copied', async () => {
    const copied = { _meta: { [CALL_CHAIN]: ['stolen'], other: 1 } };
    const send = await open();
    await post(send, message({ name: 'read', ...copied }));
    expect(chainIn(sent[0]!)).to.have.lengthOf(1).and.not.include('stolen');
  });

  it('adds nothing to other messages, other methods and other URLs', async () => {
    const send = await open();
    const body = message({}, 'tools/list');
    await post(send, body);
    await send(b.resource, { method: 'DELETE' });
    await send(new URL(b.resource));
    await post(send, message({ name: 'read' }), {}, 'https://b.example/token');
    await post(send, message({ name: 'read' }), {}, 'https://other.example/mcp');
    expect(sent.map(({ init }) => init.body)).to.deep.equal([
      body,
      undefined,
      undefined,
      message({ name: 'read' }),
      message({ name: 'read' }),
    ]);
  });

  it('takes a request in every form of fetch', async () => {
    const send = await open();
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: message({ name: 'read' }) };
    await send(new Request(b.resource, init));
    await send(new URL(b.resource), { ...init, body: Buffer.from(init.body) });
    expect(sent.map((one) => chainIn(one).length)).to.deep.equal([1, 1]);
    const stream = { ...init, body: new ReadableStream(), duplex: 'half' } as RequestInit;
    expect(await code(send(b.resource, stream))).to.match(/TypeError.*stream/);
  });

  it('follows no redirect', async () => {
    await post(await open(), message({ name: 'read' }));
    expect(sent[0]?.init.redirect).to.equal('manual');
  });

  it('sends one call at a time', async () => {
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'ping' } };
    const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };
    expect(await code(post(await open(), JSON.stringify([call, call])))).to.match(/TypeError.*one call/);
    expect(sent).to.deep.equal([]);
    expect(await code(post(await open(), JSON.stringify([call, ping])))).to.equal('sent');
  });

  describe('sends nothing', () => {
    const cases: [string, string, string, string][] = [
      ['that a blocklist forbids', 'isolated', 'read', 'callee_blocked'],
      ['that is on no list', 'listed', 'ping', 'callee_denied'],
      ['that is beyond the budget of the tool', 'single', 'ping', 'call_depth_exceeded'],
      ['that is on the list', 'listed', 'read', 'sent'],
      ['within the budget', 'pair', 'read', 'sent'],
    ];
    for (const [name, from, tool, expected] of cases) {
      it(expected === 'sent' ? `else but what is ${name.replace('that is ', '')}` : name, async () => {
        expect(await code(post(await open(from), message({ name: tool })))).to.equal(expected);
        expect(sent).to.have.lengthOf(expected === 'sent' ? 1 : 0);
      });
    }

    it('to a tool that is in the stack', async () => {
      const stack = (await callAcross(await a.start('report'), a.resource, b, 'read')) as CallStack;
      expect(await callAcross(stack, b.resource, a, 'report')).to.equal('unsent call_circular');
      expect(await callAcross(stack, b.resource, a, 'narrow')).to.be.an('object');
    });

    it('beyond the calls of a transaction', async () => {
      const send = await open();
      for (let call = 0; call < 3; call += 1) await post(send, message({ name: 'ping' }));
      expect(await code(post(send, message({ name: 'ping' })))).to.equal('fanout_exceeded');
      expect(sent).to.have.lengthOf(3);
    });

    it('with the credentials that the call came with, wherever they stand', async () => {
      const ctx = contextWith({
        headers: { authorization: 'DPoP user-token-1' },
        body: JSON.parse(message({ name: 'report' })) as object,
        state: client(),
      });
      const guard = callStackGuard({
        tools: defineTools({ report: { permissions: [] } }),
        identity: { resource: a.resource, signer: a.signer },
      });
      const { callStack } = await guard.run(ctx);
      const send = chainFetch({ callStack: callStack!, resource: b.resource, fetch: record });
      const call = message({ name: 'read' });
      const attempts: Promise<unknown>[] = [
        post(send, call, { authorization: 'Bearer user-token-1' }),
        post(send, call, { authorization: 'user-token-1' }),
        post(send, call, { 'x-token': 'user-token-1' }),
        post(send, message({ name: 'read', arguments: { token: 'user-token-1' } })),
        post(send, call, {}, `${b.resource}?access_token=user-token-1`),
        send(b.resource, { headers: { authorization: 'Bearer user-token-1' } }),
        send('https://elsewhere.example/', { headers: { authorization: 'Bearer user-token-1' } }),
        send(new Request('https://elsewhere.example/', { headers: { authorization: 'Bearer user-token-1' } })),
        send('https://elsewhere.example/', { headers: { 'x-token': 'user-token-1' } }),
        send('https://elsewhere.example/?access_token=user%2Dtoken-1'),
        send('https://elsewhere.example/user-token-1'),
      ];
      for (const attempt of attempts) expect(await code(attempt)).to.equal('token_forwarded');
      expect(sent).to.deep.equal([]);
      expect(await code(post(send, call, { authorization: 'Bearer another' }))).to.equal('sent');
      const exchange = new URLSearchParams({ subject_token: 'user-token-1' });
      expect(await code(send('https://issuer.example/token', { method: 'POST', body: exchange }))).to.equal('sent');
    });

    it('to the server by another spelling of its URL', async () => {
      const slash = `${b.resource}/`;
      const spelled = async (resource: string, url: string, tool: string): Promise<string> =>
        code(post(await open(tool, { resource }), message({ name: 'read' }), {}, url));
      for (const [resource, url] of [
        [b.resource, slash],
        [slash, b.resource],
        [slash, slash],
        [b.resource, b.resource.replace('https://b', 'HTTPS://B').replace('/mcp', ':443/mcp')],
        [b.resource, `${b.resource}?a=1`],
      ] as const) {
        expect(await spelled(resource, url, 'isolated'), `${resource} ${url}`).to.equal('callee_blocked');
        expect(await spelled(resource, url, 'report'), `${resource} ${url}`).to.equal('sent');
        expect(chainIn(sent.at(-1)!)).to.have.lengthOf(1);
      }
    });

    it('that ended while the key was waited for', async () => {
      let give: () => void = () => undefined;
      const waiting = new Promise<void>((resolve) => (give = resolve));
      const guard = callStackGuard({
        tools: defineTools({ report: { permissions: [] } }),
        identity: { resource: a.resource, signer: { current: () => waiting.then(() => a.signer.current()) } },
      });
      const body = JSON.parse(message({ name: 'report' })) as object;
      const { callStack } = await guard.run(contextWith({ body, state: client() }));
      const call = code(
        post(chainFetch({ callStack: callStack!, resource: b.resource, fetch: record }), message({ name: 'read' })),
      );
      endStack(callStack!);
      give();
      expect(await call).to.equal('call_ended');
      expect(sent).to.deep.equal([]);
    });

    it('by itself in the place of credentials', async () => {
      await post(await open(), message({ name: 'read' }));
      expect(sent[0]?.headers.has('authorization')).to.equal(false);
    });
  });

  it('continues a chain, and hands on no more than the tool may use', async () => {
    const stack = (await callAcross(await a.start('report'), a.resource, b, 'read')) as CallStack;
    const last = (await callAcross(stack, b.resource, c, 'write', { line: 1 })) as CallStack;
    expect(last).to.deep.include({
      root: a.resource,
      transaction: stack.transaction,
      depth: 3,
      frames: [
        { resource: a.resource, tool: 'report' },
        { resource: b.resource, tool: 'read' },
        { resource: c.resource, tool: 'write' },
      ],
      permissions: ['audit:log'],
    });
    const narrow = await a.start('narrow');
    expect(await callAcross(narrow, a.resource, b, 'read')).to.equal('privilege_escalated');
  });

  it('keeps the budget of a tool on other servers', async () => {
    const stack = (await callAcross(await a.start('pair'), a.resource, b, 'read')) as CallStack;
    expect(stack).to.include({ depth: 2, maxDepth: 2 });
    expect(await callAcross(stack, b.resource, c, 'write')).to.equal('unsent call_depth_exceeded');
  });

  it('starts a chain for an agent, which is no tool', async () => {
    const identity = { resource: 'https://agent.example', signer: agent };
    const callStack = startCallStack({
      identity,
      permissions: ['file:read', 'audit:log'],
      subject: 'alice',
      maxDepth: 2,
    });
    const send = chainFetch({ callStack, resource: b.resource, fetch: record });
    await post(send, message({ name: 'read' }));
    const [hop] = chainIn(sent[0]!);
    expect(claimsOf(hop)).to.deep.include({
      iss: 'https://agent.example',
      sub: 'alice',
      del_depth: 0,
      del_max_depth: 1,
    });
    expect(claimsOf(hop)).not.to.have.any.keys('caller');
    const guard = callStackGuard({
      tools: defineTools({ read: { permissions: ['file:read'], allowedCallers: ['@root'] } }),
      identity: { resource: b.resource },
      trust: [{ owner: 'https://agent.example', mayRoot: true, jwks: agent.jwks }],
    });
    const state = signedBy('https://agent.example');
    const { callStack: arrived } = await guard.run(contextWith({ body: sent[0]?.body, state }));
    expect(arrived).to.include({ root: 'https://agent.example', depth: 1, maxDepth: 2, caller: '@root' });
  });

  it('lets only one key continue the chain, where it names one', async () => {
    const stack = await a.start('report');
    await post(
      chainFetch({ callStack: stack, resource: b.resource, fetch: record, calleeKey: b.signer.keyId }),
      message({ name: 'read' }),
    );
    await post(
      chainFetch({ callStack: stack, resource: b.resource, fetch: record, calleeKey: c.signer.keyId }),
      message({ name: 'read' }),
    );
    const [mine, other] = await Promise.all(
      sent.map(({ body }) => b.receive((body as unknown as { params: object }).params, signedBy(a.resource))),
    );
    expect(await callAcross(mine as CallStack, b.resource, c, 'write')).to.be.an('object');
    expect(await callAcross(other as CallStack, b.resource, c, 'write')).to.equal('unsent chain_broken');
  });

  it('signs the digest that its client approved into the hop', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    await post(await open(), message({ name: 'read', _meta: { 'io.github.mcp-etdi/digest': digest } }));
    const { authorization_details: details } = claimsOf(chainIn(sent[0]!)[0]);
    expect(details).to.have.nested.property('[0].tool_digest', digest);
    const { params } = sent[0]?.body as unknown as { params: { _meta: object } };
    expect(await b.receive(params, signedBy(a.resource))).to.be.an('object');
    const swapped = { ...params, _meta: { ...params._meta, 'io.github.mcp-etdi/digest': `sha256:${'b'.repeat(64)}` } };
    expect(await b.receive(swapped, signedBy(a.resource))).to.equal('tool_mismatch');
  });

  it('goes below a signature, which then covers the chain', async () => {
    const requests = await fakeSigner();
    const send = await open('report', {
      fetch: signingFetch({ signer: requests, resource: b.resource, fetch: record }),
    });
    await post(send, message({ name: 'read' }));
    const check = verifySignature({ keys: [{ owner: a.resource, jwks: requests.jwks }], resource: b.resource });
    const [one] = sent as [Sent];
    const headers = Object.fromEntries(one.headers);
    const proven = await check.run(fakeContext({ headers, body: one.init.body }));
    expect(proven.signature).to.include({ owner: a.resource });
    const { signature } = proven;
    const { params } = one.body as unknown as { params: object };
    expect(await b.receive(params, { access: ALL_RIGHTS, ...(signature && { signature }) })).to.be.an('object');
    const stripped = JSON.stringify({ ...one.body, params: { name: 'read' } });
    const error = await code(Promise.resolve(check.run(fakeContext({ headers, body: stripped }))));
    expect(error).to.equal('signature_invalid');
  });

  it('hands a trace on, if it is one, and does not replace another', async () => {
    const stackWith = async (headers: Record<string, string | string[]>): Promise<typeof fetch> => {
      const guard = callStackGuard({
        tools: defineTools({ report: { permissions: [] } }),
        identity: { resource: a.resource, signer: a.signer },
      });
      const body = JSON.parse(message({ name: 'report' })) as object;
      const { callStack } = await guard.run(contextWith({ headers, body, state: client() }));
      return chainFetch({ callStack: callStack!, resource: b.resource, fetch: record });
    };
    const call = message({ name: 'read' });
    await post(await stackWith({ traceparent: TRACE, tracestate: 'a=1' }), call);
    await post(await stackWith({ traceparent: TRACE }), call, { traceparent: TRACE.replace('0af', 'fff') });
    for (const traceparent of ['junk', `${TRACE}\r\nx: y`, [TRACE, TRACE], `${TRACE}-more`]) {
      await post(await stackWith({ traceparent, tracestate: 'a=1' }), call);
    }
    const authorization = 'Bearer user-token-1';
    await post(await stackWith({ traceparent: TRACE, tracestate: 'a=user-token-1', authorization }), call);
    const traces = sent.map(({ headers }) => [headers.get('traceparent'), headers.get('tracestate')]);
    expect(traces).to.deep.equal([
      [TRACE, 'a=1'],
      [TRACE.replace('0af', 'fff'), null],
      ...Array.from({ length: 4 }, () => [null, null]),
      [TRACE, null],
    ]);
  });

  describe('and time', () => {
    let seconds = 1_800_000_000;
    const now = (): Date => new Date(seconds * 1000);
    const arrive = async (ahead: number): Promise<CallStack> => {
      seconds = 1_800_000_000;
      const guard = callStackGuard({
        tools: defineTools({ read: { permissions: [] } }),
        identity: { resource: b.resource, signer: b.signer },
        trust: [a.trusted],
        now,
      });
      const chain = await signCallChain(
        [{ signer: a.signer, issuer: a.resource, caller: 'report', resource: b.resource, tool: 'read' }],
        { now },
      );
      seconds += ahead;
      const body = JSON.parse(message({ name: 'read', _meta: { [CALL_CHAIN]: chain } })) as object;
      const { callStack } = await guard.run(contextWith({ body, state: signedBy(a.resource) }));
      return callStack!;
    };
    const times = async (callStack: CallStack): Promise<unknown[]> => {
      await post(
        chainFetch({ callStack, resource: c.resource, fetch: record }),
        message({ name: 'write' }),
        {},
        c.resource,
      );
      const { iat, exp } = claimsOf(chainIn(sent.at(-1)!)[1]);
      return [Number(iat) - 1_800_000_000, Number(exp) - 1_800_000_000];
    };

    it('makes no hop before the one that it continues, though clocks differ', async () => {
      expect(await times(await arrive(-20))).to.deep.equal([0, 60]);
      expect(await times(await arrive(20))).to.deep.equal([20, 80]);
    });

    it('makes none long after the call came', async () => {
      const stack = await arrive(0);
      seconds += 90;
      expect(await times(stack)).to.deep.equal([60, 120]);
      seconds += 1;
      expect(await code(times(stack))).to.equal('chain_stale');
    });
  });

  it('is an outage when the signer has no key', async () => {
    const identity = {
      resource: 'https://agent.example',
      signer: { current: () => Promise.reject(new Unavailable('no key')) },
    };
    const callStack = startCallStack({ identity, permissions: [] });
    expect(
      await code(post(chainFetch({ callStack, resource: b.resource, fetch: record }), message({ name: 'read' }))),
    ).to.equal('Unavailable: no key');
    expect(sent).to.deep.equal([]);
  });

  it('sends no arguments that two readers could read differently', async () => {
    expect(await code(post(await open(), message({ name: 'read', arguments: { n: 2 ** 60 } })))).to.match(/JsonError/);
    expect(await code(post(await open(), message({ name: '' })))).to.match(/TypeError.*names no tool/);
    expect(sent).to.deep.equal([]);
  });

  it('takes the stack of a call, and no copy of it', async () => {
    const callStack = await a.start('report');
    const cases: [object, RegExp][] = [
      [{ callStack: { ...callStack } }, /not a copy/],
      [{ resource: 'http://b.example/mcp' }, /'resource' must be an https URL/],
      [{ calleeKey: 'short' }, /'calleeKey' must be an RFC 7638/],
      [{ fetc: record }, /unknown option 'fetc'; did you mean 'fetch'/],
    ];
    for (const [change, problem] of cases) {
      expect(() => chainFetch({ callStack, resource: b.resource, ...change })).to.throw(TypeError, problem);
    }
    const { deaf } = await network(
      { deaf: { tools: { t: { permissions: [] } } } },
      { identity: { resource: 'https://deaf.example' } },
    );
    const silent = await deaf.start('t');
    expect(() => chainFetch({ callStack: silent, resource: b.resource })).to.throw(
      TypeError,
      /identity: \{ resource, signer \}/,
    );
  });

  it('starts no stack with options that are not what they must be', () => {
    const identity = { resource: 'https://agent.example', signer: agent };
    const cases: object[] = [
      { permissions: ['*'] },
      { permissions: undefined },
      { maxDepth: 9 },
      { subject: '' },
      { identity: {} },
      { lifetime: 301 },
    ];
    for (const change of cases) {
      expect(() => startCallStack({ identity, permissions: [], ...change })).to.throw(TypeError);
    }
  });
});
