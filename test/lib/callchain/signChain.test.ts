import { expect } from 'chai';
import { argumentsDigest } from '../../../lib/callchain/hop.js';
import { chainFetch, type ChainFetchOptions } from '../../../lib/callchain/chainFetch.js';
import { originOf, type CallStack } from '../../../lib/callchain/callStack.js';
import { callTool } from '../../../lib/callchain/callTool.js';
import { startCallStack, type StartCallStackOptions } from '../../../lib/callchain/startCallStack.js';
import { kExchange } from '../../../lib/handOver.js';
import { contextOf, isDenial, type CallStackGuardOptions } from '../../../lib/index.js';
import { CALL_CHAIN, fakeSigner, signCallChain, type FakeSigner } from '../../../lib/testing.js';
import { defineTools } from '../../../lib/tools/defineTools.js';
import { callStackGuard } from '../../../middleware/callStackGuard.js';
import { client, contextWith, signedBy } from '../../support/callNetwork.js';

const A = 'https://a.example/mcp';
const B = 'https://b.example/mcp';
const AGENT = 'https://agent.example';
const time = 1_800_000_000;
const TOOLS = Array.from({ length: 10 }, (_, n) => `t${n}`);

/** A source of tool handlers. */
interface Source {
  readonly [kExchange]: ReturnType<typeof contextWith>;
}

describe('what a call says to another server, and to the record', () => {
  let a: FakeSigner;
  let b: FakeSigner;
  let seconds = time;
  const now = (): Date => new Date(seconds * 1000);

  beforeEach(async () => {
    seconds = time;
    [a, b] = await Promise.all([fakeSigner(), fakeSigner()]);
  });

  const guard = (more: Partial<CallStackGuardOptions> = {}): ReturnType<typeof callStackGuard> => {
    const named = TOOLS.map((name) => [name, { permissions: [] }] as const);
    const rules = {
      brief: { permissions: [], maxCallDepth: 2 },
      closed: { permissions: [], blockedCallers: ['*'] },
      needs: { permissions: ['audit:log'] },
    };
    return callStackGuard({
      tools: defineTools({ ...Object.fromEntries(named), ...rules }),
      identity: { resource: A, signer: a },
      trust: [{ owner: B, mayRoot: true, jwks: b.jwks }],
      now,
      ...more,
    });
  };
  const stackOf = async (
    params: object,
    state = client(),
    more: Partial<CallStackGuardOptions> = {},
  ): Promise<CallStack> => {
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params };
    const { callStack } = await guard(more).run(contextWith({ body, state }));
    if (callStack === undefined) throw new Error('there is no stack');
    return callStack;
  };
  /** The stack of a call that came over so many hops. */
  const arrived = async (count: number, more: Partial<CallStackGuardOptions> = {}): Promise<CallStack> => {
    const list = Array.from({ length: count }, (_, n) => ({
      signer: b,
      issuer: B,
      resource: n === count - 1 ? A : B,
      tool: TOOLS[n] ?? '',
    }));
    const chain = await signCallChain(list, { now, transaction: 'transaction-1', maxDepth: 20 });
    const name = TOOLS[count - 1] ?? '';
    return stackOf({ name, _meta: { [CALL_CHAIN]: chain } }, signedBy(B), { maxDepth: 9, ...more });
  };
  const claimsOf = (token = ''): Record<string, unknown> =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
  /** The hops that were sent. */
  const send = async (
    callStack: CallStack,
    params: object,
    more: Partial<ChainFetchOptions> = {},
  ): Promise<readonly Record<string, unknown>[]> => {
    let sent = '{}';
    const resource = more.resource ?? B;
    const outgoing = chainFetch({
      callStack,
      resource,
      fetch: (_url, init) => {
        sent = init?.body as string;
        return Promise.resolve(new Response('{}'));
      },
      ...more,
    });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    await outgoing(resource, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const chain = (JSON.parse(sent) as { params: { _meta: Record<string, string[]> } }).params._meta[CALL_CHAIN];
    return (chain ?? []).map(claimsOf);
  };
  const recorded = async (promise: Promise<unknown>): Promise<unknown> => {
    try {
      await promise;
      return 'sent';
    } catch (error) {
      return isDenial(error) ? { code: error.code, ...error.detail } : error;
    }
  };
  /** Calls tools within the server, one from the other, then does something with the stack of the last one. */
  const within = async <Result>(
    callStack: CallStack,
    calls: readonly (readonly [string, object])[],
    last: (stack: CallStack) => Promise<Result>,
  ): Promise<Result> => {
    const [next, ...others] = calls;
    if (next === undefined) return last(callStack);
    const source: Source = { [kExchange]: contextWith({ state: { ...client(), callStack } }) };
    return callTool(source, next[0], next[1], (_args, inner) =>
      within(contextOf(inner, 'callStack').state.callStack, others, last),
    );
  };

  it('has a hop for each call within the server, with what it was called with', async () => {
    const start = await stackOf({ name: 't0' });
    const hops = await within(
      start,
      [
        ['t1', { at: new Date(0) }],
        ['brief', { n: 1 }],
      ],
      (stack) => send(stack, { name: 'log', arguments: { line: 1 } }),
    );
    const said = hops.map(({ caller, aud, del_depth: depth, del_max_depth: most, authorization_details: details }) => {
      const [{ identifier, args_digest: args }] = details as [{ identifier: string; args_digest: string }];
      return { caller, aud, depth, most, identifier, args };
    });
    expect(said).to.deep.equal([
      {
        caller: 't0',
        aud: A,
        depth: 0,
        most: 3,
        identifier: 't1',
        args: argumentsDigest({ at: new Date(0).toJSON() }),
      },
      { caller: undefined, aud: A, depth: 1, most: 2, identifier: 'brief', args: argumentsDigest({ n: 1 }) },
      { caller: undefined, aud: B, depth: 2, most: 2, identifier: 'log', args: argumentsDigest({ line: 1 }) },
    ]);
  });

  it('continues the depth of a chain that came', async () => {
    const stack = await arrived(2);
    const hops = await within(stack, [['t5', {}]], (inner) => send(inner, { name: 'log' }));
    const depths = hops.map(({ del_depth: depth, del_max_depth: most }) => [depth, most]);
    expect(depths).to.deep.equal([
      [0, 20],
      [1, 20],
      [2, 8],
      [3, 8],
    ]);
  });

  it('has no more than eight hops', async () => {
    expect(await send(await arrived(7), { name: 'log' })).to.have.lengthOf(8);
    const code = { code: 'call_depth_exceeded', reason: 'hops', transaction: 'transaction-1' };
    expect(await recorded(send(await arrived(8), { name: 'log' }))).to.deep.equal(code);
    const nested = within(await arrived(6), [['t8', {}]], (inner) => send(inner, { name: 'log' }));
    expect(await nested).to.have.lengthOf(8);
    const tooLong = within(await arrived(7), [['t8', {}]], (inner) => send(inner, { name: 'log' }));
    expect(await recorded(tooLong)).to.deep.equal(code);
  });

  it('is no longer than a server takes', async () => {
    const identity = { resource: AGENT, signer: a };
    const many = (count: number): readonly string[] =>
      Array.from({ length: count }, (_, n) => `p${String(n).padStart(3, '0')}:${'x'.repeat(90)}`);
    const stack = (count: number): CallStack => startCallStack({ identity, permissions: many(count) });
    expect(await send(stack(110), { name: 'log' })).to.have.lengthOf(1);
    expect(await recorded(send(stack(130), { name: 'log' })))
      .to.be.instanceOf(TypeError)
      .with.property('message', 'chainFetch: the chain is too long to be sent; let tools need fewer permissions');
  });

  it('says of a denial which call it was, and why', async () => {
    const transaction = 'transaction-1';
    const stack = await arrived(1);
    expect(await recorded(send(stack, { name: 't0' }, { resource: A }))).to.deep.equal({
      code: 'call_circular',
      transaction,
      callee: `${A}#t0`,
    });
    const shallow = await arrived(1, { maxDepth: 1 });
    expect(await recorded(send(shallow, { name: 'log' }))).to.deep.equal({
      code: 'call_depth_exceeded',
      reason: 'policy',
      transaction,
      callee: `${B}#log`,
    });
    seconds = time + 91;
    expect(await recorded(send(stack, { name: 'log' }))).to.deep.equal({
      code: 'chain_stale',
      reason: 'expired',
      transaction,
    });
    seconds = time;
    const few = await stackOf({ name: 't0' }, client(), { maxCalls: 1 });
    await send(few, { name: 'log' });
    const spent = { code: 'fanout_exceeded', transaction: few.transaction };
    expect(await recorded(send(few, { name: 'log' }))).to.deep.equal(spent);
  });

  it('says that another key was wanted to continue', async () => {
    const chain = await signCallChain([{ signer: b, issuer: B, resource: A, tool: 't0', calleeKey: 'k'.repeat(43) }], {
      now,
      transaction: 'transaction-1',
    });
    const stack = await stackOf({ name: 't0', _meta: { [CALL_CHAIN]: chain } }, signedBy(B));
    expect(await recorded(send(stack, { name: 'log' }))).to.deep.equal({
      code: 'chain_broken',
      reason: 'key',
      transaction: 'transaction-1',
    });
  });

  it('obeys the rules of the called tool, where that is on the own server', async () => {
    const stack = await stackOf({ name: 't0' });
    const detail = { caller: `${A}#t0`, callee: `${A}#closed`, transaction: stack.transaction };
    expect(await recorded(send(stack, { name: 'closed' }, { resource: A }))).to.deep.equal({
      code: 'caller_blocked',
      ...detail,
    });
    expect(await send(stack, { name: 'closed' })).to.have.lengthOf(1);
  });

  it('says what limits the depth within the server', async () => {
    const start = await stackOf({ name: 't0' }, client(), { maxDepth: 3 });
    const deeper = (...names: string[]): Promise<unknown> => {
      const calls = names.map((name) => [name, {}] as const);
      return recorded(within(start, calls, () => Promise.resolve('reached')));
    };
    const code = { code: 'call_depth_exceeded', transaction: start.transaction };
    expect(await deeper('t1', 't2', 't3')).to.deep.equal({ ...code, reason: 'policy', callee: `${A}#t3` });
    expect(await deeper('brief', 't2', 't3')).to.deep.equal({ ...code, reason: 'policy', callee: `${A}#t3` });
    const brief = await stackOf({ name: 'brief' }, client(), { maxDepth: 3 });
    const nested = within(
      brief,
      [
        ['t1', {}],
        ['t2', {}],
      ],
      () => Promise.resolve('reached'),
    );
    expect(await recorded(nested)).to.deep.include({ code: 'call_depth_exceeded', reason: 'tool' });
    const late = await stackOf({ name: 't0' }, client(), { maxDepth: 4 });
    const last = within(
      late,
      [
        ['brief', {}],
        ['t2', {}],
        ['t3', {}],
      ],
      () => Promise.resolve('reached'),
    );
    expect(await recorded(last)).to.deep.include({ code: 'call_depth_exceeded', reason: 'tool' });
  });

  it('says what a call within the server lacks, or that there is no such tool', async () => {
    const stack = await stackOf({ name: 't0' });
    const call = (name: string): Promise<unknown> => within(stack, [[name, {}]], () => Promise.resolve('reached'));
    expect(await recorded(call('needs'))).to.deep.equal({
      code: 'privilege_escalated',
      required: ['audit:log'],
      granted: [],
      missing: ['audit:log'],
      transaction: stack.transaction,
    });
    const gone: unknown = await call('gone').catch((error: unknown) => error);
    expect(gone).to.include({ code: 'tool_undefined', message: 'The tool is not defined' });
  });

  it('leaves a call without arguments without any', async () => {
    const stack = await stackOf({ name: 't0' });
    let params: object = {};
    const outgoing = chainFetch({
      callStack: stack,
      resource: B,
      fetch: (_url, init) => {
        ({ params } = JSON.parse(init?.body as string) as { params: object });
        return Promise.resolve(new Response('{}'));
      },
    });
    const post = (body: string): Promise<Response> =>
      outgoing(B, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    await post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"log","_meta":[1]}}');
    expect(params).to.have.all.keys('name', '_meta');
    expect((params as { _meta: object })._meta).to.have.all.keys(CALL_CHAIN);
  });

  it('sends what is no JSON, and what has no calls, as it is', async () => {
    const bodies: unknown[] = [];
    const outgoing = chainFetch({
      callStack: await stackOf({ name: 't0' }),
      resource: B,
      fetch: (_url, init) => {
        bodies.push(init?.body);
        return Promise.resolve(new Response('{}'));
      },
    });
    const sent = ['{', '', '{ "method" : "tools/list" }', '[ ]', '{"method":"tools/call"}'];
    for (const body of sent) {
      await outgoing(B, { method: 'POST', headers: { 'content-type': 'text/plain' }, body });
    }
    expect(bodies).to.deep.equal(sent);
  });

  it('knows what the caller proved themselves with, in whatever form it came', async () => {
    const table: readonly (readonly [string | string[] | undefined, readonly string[]])[] = [
      [undefined, []],
      ['', []],
      ['Bearer abc', ['abc']],
      ['Bearer   abc', ['abc']],
      [' DPoP abc ', ['abc']],
      ['abc', ['abc']],
      ['Bearer', ['Bearer']],
      ['Digest a b', ['a b']],
      [
        ['Bearer abc', 'Basic def'],
        ['abc', 'def'],
      ],
    ];
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 't0' } };
    for (const [authorization, expected] of table) {
      const headers = authorization === undefined ? {} : { authorization };
      const { callStack } = await guard().run(contextWith({ body, state: client(), headers }));
      expect(originOf('test', callStack!).credentials, String(authorization)).to.deep.equal(expected);
    }
  });

  it('hands on a trace in its form only', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const table: readonly (readonly [Record<string, string | string[]>, object])[] = [
      [{}, {}],
      [{ tracestate: 'a=1' }, {}],
      [{ traceparent }, { traceparent }],
      [
        { traceparent, tracestate: ['a=1', 'b=2'] },
        { traceparent, tracestate: 'a=1,b=2' },
      ],
      [
        { traceparent, tracestate: 'x'.repeat(512) },
        { traceparent, tracestate: 'x'.repeat(512) },
      ],
      [{ traceparent, tracestate: 'x'.repeat(513) }, { traceparent }],
      [{ traceparent, tracestate: 'a=\u00e9' }, { traceparent }],
      [{ traceparent: `x${traceparent}` }, {}],
      [{ traceparent: [traceparent, traceparent] }, {}],
    ];
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 't0' } };
    for (const [headers, expected] of table) {
      const { callStack } = await guard().run(contextWith({ body, state: client(), headers }));
      expect(originOf('test', callStack!).trace, JSON.stringify(headers).slice(0, 80)).to.deep.equal(expected);
    }
  });

  it('starts with the name of what was called wrongly', async () => {
    const callStack = await stackOf({ name: 't0' });
    const identity = { resource: AGENT, signer: a };
    const options: StartCallStackOptions = { identity, permissions: [] };
    const source: Source = { [kExchange]: contextWith({ state: { ...client(), callStack } }) };
    const copied: Source = { [kExchange]: contextWith({ state: { ...client(), callStack: { ...callStack } } }) };
    const table: readonly (readonly [string, () => unknown])[] = [
      ["startCallStack: 'maxDepth'", () => startCallStack({ ...options, maxDepth: 0 })],
      ["startCallStack: 'now'", () => startCallStack({ ...options, now: 7 as never })],
      ["startCallStack: 'identity': 'resource'", () => startCallStack({ ...options, identity: { resource: '' } })],
      [
        "startCallStack: 'identity': 'signer'",
        () => startCallStack({ ...options, identity: { ...identity, signer: null as never } }),
      ],
      ["chainFetch: 'calleeKey'", () => chainFetch({ callStack, resource: B, calleeKey: ['k'.repeat(43)] as never })],
      ["chainFetch: 'callStack' must be the one", () => chainFetch({ callStack: { ...callStack }, resource: B })],
      ["chainFetch: 'callStack' must be", () => chainFetch({ callStack: 'x' as never, resource: B })],
      ["callTool: 'timeoutMs'", () => callTool(source, 't1', {}, () => 1, { timeoutMs: 0 })],
      ["callTool: 'handler' must be a function", () => callTool(source, 't1', {}, 'x' as never)],
      ["callTool: 'callStack' must be the one", () => callTool(copied, 't1', {}, () => 1)],
    ];
    for (const [start, action] of table) {
      const error: unknown = await Promise.resolve()
        .then(action)
        .catch((thrown: unknown) => thrown);
      expect(error, start)
        .to.be.instanceOf(TypeError)
        .with.property('message')
        .that.satisfies((text: string) => text.startsWith(start));
    }
  });

  it('is of an agent that nobody signed for, and that hands no credentials on', async () => {
    const identity = { resource: AGENT, signer: a };
    const stack = startCallStack({ identity, permissions: ['b', 'a', 'b'] });
    expect(stack).to.deep.include({
      depth: 0,
      maxDepth: 5,
      root: AGENT,
      caller: '@root',
      frames: [],
      permissions: ['b', 'a'],
    });
    const hops = await send(stack, { name: 'log' });
    expect(hops.map(({ scope, iat, exp }) => [scope, Number(exp) - Number(iat)])).to.deep.equal([['b a', 60]]);
    const source: Source = { [kExchange]: contextWith({ state: { ...client(), callStack: stack } }) };
    const called: unknown = await callTool(source, 't1', {}, () => 1).catch((error: unknown) => error);
    expect(called).to.have.property('code', 'tool_undefined');
    const short = startCallStack({ identity, permissions: [], maxDepth: 1 });
    const [first] = await send(short, { name: 'log' });
    expect(first).to.include({ del_max_depth: 0 });
  });
});
