import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import { contextOf, isDenial, type RequestContext } from '../../../lib/index.js';
import type { CallStack } from '../../../lib/callchain/callStack.js';
import { callTool, type CallToolOptions } from '../../../lib/callchain/callTool.js';
import { kExchange } from '../../../lib/handOver.js';
import {
  ALL_RIGHTS,
  callAcross,
  client,
  contextWith,
  network,
  signedBy,
  urlOf,
  type Server,
} from '../../support/callNetwork.js';

/** What an SDK hands to a tool handler, in both of its forms. */
interface Source {
  readonly [kExchange]: RequestContext;
  readonly signal: AbortSignal;
  readonly sessionId: string;
}

describe('callTool', () => {
  let server: Server;
  let other: Server;

  beforeEach(async () => {
    ({ server, other } = await network({
      server: {
        tools: {
          report: { permissions: ['file:read', 'item:7'] },
          read: { permissions: ['file:read'] },
          short: { permissions: [], maxCallDepth: 2 },
          last: { permissions: [], maxCallDepth: 1 },
          erase: { permissions: ['file:delete'] },
          isolated: { permissions: [], blockedCallers: ['*'] },
          strict: { permissions: [], allowedCallees: ['read'] },
          admin: { permissions: [], roles: ['admin'] },
          pay: { permissions: [], acr: ['mfa'], maxAge: 300 },
          signed: { permissions: [], requireSignature: true },
          small: { permissions: [], allow: ({ arguments: { size } }) => size === 1 },
          item: { permissions: [], permissionsFor: ({ arguments: { id } }) => [`item:${String(id)}`] },
        },
        guard: { maxDepth: 3, maxCalls: 4 },
      },
      other: { tools: { log: { permissions: [] }, secret: { permissions: ['file:delete'] } } },
    }));
  });

  const sourceOf = (callStack: CallStack, more: object = {}): Source => ({
    [kExchange]: contextWith({ state: { ...client(), callStack } }),
    signal: new AbortController().signal,
    sessionId: 's',
    ...more,
  });
  const from = async (tool: string): Promise<Source> => sourceOf(await server.start(tool));
  const stackIn = (source: Source): CallStack => contextOf(source, 'callStack').state.callStack;
  const enter = (source: Source, tool: string, args: object = {}, options: CallToolOptions = {}): Promise<Source> =>
    callTool(source, tool, args, (_args, inner) => inner, options);
  const code = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise;
      return 'none';
    } catch (error) {
      return isDenial(error) ? error.code : String(error);
    }
  };

  it('calls the handler with what it was given, and returns what that returns', async () => {
    const result = await callTool(await from('report'), 'read', { name: 'a' }, ({ name }, source) => [
      name,
      source.sessionId,
    ]);
    expect(result).to.deep.equal(['a', 's']);
  });

  it('shows the handler a stack with one tool more, and leaves that of the caller alone', async () => {
    const source = await from('report');
    const outer = stackIn(source);
    const inner = stackIn(await enter(source, 'read'));
    expect(inner).to.deep.equal({
      ...outer,
      depth: 2,
      frames: [...outer.frames, { resource: server.resource, tool: 'read' }],
      caller: { resource: server.resource, tool: 'report' },
      permissions: ['file:read'],
    });
    expect(stackIn(source)).to.equal(outer);
    expect(inner).to.be.frozen;
  });

  it('shows all other facts as they were, and to copies of the source too', async () => {
    const source = await from('report');
    await callTool(source, 'read', {}, (_args, inner) => {
      const ctx = contextOf({ ...inner }, 'auth', 'callStack');
      expect(ctx.state.auth).to.equal(contextOf(source, 'auth').state.auth);
      expect(ctx.state.callStack.depth).to.equal(2);
      expect(ctx.request).to.equal(contextOf(source).request);
      expect('toString' in ctx.state).to.equal(false);
    });
  });

  it('takes what Express and Koa hand on, without changing it', async () => {
    class Framework {
      readonly req: { readonly [kExchange]: RequestContext };
      constructor(ctx: RequestContext) {
        this.req = { [kExchange]: ctx };
      }
    }
    const callStack = await server.start('report');
    const source = new Framework(contextWith({ state: { ...client(), callStack } }));
    const inner = await callTool(source, 'read', {}, (_args, given) => given);
    expect(contextOf(inner, 'callStack').state.callStack.depth).to.equal(2);
    expect(contextOf(source, 'callStack').state.callStack.depth).to.equal(1);
    expect(inner.req).to.equal(source.req);
  });

  it('denies what the rules of one of the two tools deny', async () => {
    const cases: [string, string, string][] = [
      ['report', 'isolated', 'caller_blocked'],
      ['strict', 'last', 'callee_denied'],
      ['report', 'report', 'call_circular'],
      ['last', 'read', 'call_depth_exceeded'],
      ['report', 'unknown', 'tool_undefined'],
      ['report', '__proto__', 'tool_undefined'],
      ['report', 'erase', 'privilege_escalated'],
      ['short', 'read', 'privilege_escalated'],
      ['report', 'admin', 'role_insufficient'],
      ['report', 'signed', 'signature_required'],
      ['report', 'small', 'argument_denied'],
      ['short', 'last', 'none'],
    ];
    for (const [caller, tool, expected] of cases) {
      let called = false;
      const outcome = await code(callTool(await from(caller), tool, {}, () => (called = true)));
      expect(outcome, `${caller} calls ${tool}`).to.equal(expected);
      expect(called).to.equal(expected === 'none');
    }
  });

  it('denies a tool that asks for another sign-in than the user of the request had', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    const cases: readonly (readonly [claims: Readonly<Record<string, unknown>>, outcome: string])[] = [
      [{}, 'authentication_insufficient'],
      [{ acr: 'mfa' }, 'authentication_insufficient'],
      [{ acr: 'pwd', auth_time: seconds }, 'authentication_insufficient'],
      [{ acr: 'mfa', auth_time: seconds - 400 }, 'authentication_insufficient'],
      [{ acr: 'mfa', auth_time: seconds }, 'none'],
    ];
    for (const [claims, expected] of cases) {
      const { auth, ...facts } = client();
      const stack = await server.receive({ name: 'short' }, { ...facts, auth: { ...auth!, claims } });
      const outcome = await code(callTool(sourceOf(stack as CallStack), 'pay', {}, () => undefined));
      expect(outcome, JSON.stringify(claims)).to.equal(expected);
    }
    const signed = await server.receive({ name: 'short' }, signedBy('https://client.example'));
    const outcome = await code(callTool(sourceOf(signed as CallStack), 'pay', {}, () => undefined));
    expect(outcome).to.equal('authentication_impossible');
  });

  it('asks the policy of the tool about the arguments', async () => {
    expect(await code(enter(await from('report'), 'small', { size: 1 }))).to.equal('none');
    expect(await code(enter(await from('report'), 'item', { id: 7 }))).to.equal('none');
    expect(await code(enter(await from('report'), 'item', { id: 8 }))).to.equal('privilege_escalated');
  });

  it('lets a signed request call what must be signed', async () => {
    const signed = signedBy('https://agent.example');
    const stack = await server.receive({ name: 'report' }, signed);
    expect(await code(enter(sourceOf(stack as CallStack), 'signed'))).to.equal('none');
  });

  it('limits the depth by the policy, and by the budget of each tool', async () => {
    const chain = async (...names: string[]): Promise<string> => {
      const next = (source: Source, rest: readonly string[]): Promise<unknown> => {
        const [tool, ...others] = rest;
        if (tool === undefined) return Promise.resolve();
        return callTool(source, tool, { size: 1 }, (_args, inner) => next(inner, others));
      };
      const [first = '', ...rest] = names;
      return code(next(await from(first), rest));
    };
    expect(await chain('report', 'strict', 'read')).to.equal('privilege_escalated');
    expect(await chain('report', 'small', 'last')).to.equal('none');
    expect(await chain('report', 'small', 'last', 'read')).to.equal('call_depth_exceeded');
    expect(await chain('report', 'small', 'short', 'last')).to.equal('call_depth_exceeded');
    expect(await chain('short', 'small', 'last')).to.equal('call_depth_exceeded');
    expect(await chain('small', 'short', 'last')).to.equal('none');
    expect(await chain('report', 'last', 'small')).to.equal('call_depth_exceeded');
    expect(await chain('report', 'short', 'small')).to.equal('none');
    expect(await chain('report', 'small', 'report')).to.equal('call_circular');
  });

  it('does not take siblings for nested calls, be they at once', async () => {
    const source = await from('report');
    const depths = await Promise.all(
      [1, 2, 3].map(() => callTool(source, 'read', {}, (_args, inner) => wait(1, stackIn(inner).depth))),
    );
    expect(depths).to.deep.equal([2, 2, 2]);
  });

  it('bounds the calls of a transaction, whoever of its tools makes them', async () => {
    const source = await from('report');
    const nested = async (): Promise<unknown> =>
      callTool(source, 'small', { size: 1 }, (_args, inner) => enter(inner, 'last'));
    await nested();
    await nested();
    expect(await code(nested())).to.equal('fanout_exceeded');
    expect(await code(enter(await from('report'), 'read'))).to.equal('none');
  });

  describe('ends a stack', () => {
    const SECOND = 1000;
    const cases: readonly (readonly [what: string, expiresIn: number | undefined, last: number])[] = [
      ['with the token of the caller, and the clock tolerance that is allowed for it', 120, 149],
      ['after an hour, however long the token is good', 86_400, 3599],
      ['after an hour, where a signature is all there is', undefined, 3599],
    ];
    for (const [what, expiresIn, last] of cases) {
      it(what, async () => {
        const start = Math.floor(Date.now() / SECOND) * SECOND;
        let now = start;
        const tools = { report: { permissions: [] }, read: { permissions: [] } };
        const { clocked } = await network({ clocked: { tools, guard: { now: () => new Date(now) } } });
        const { auth } = client();
        const token = auth && { auth: { ...auth, expiresAt: start / SECOND + (expiresIn ?? 0) } };
        const state = expiresIn === undefined ? signedBy('https://agent.example') : token;
        const stack = (await clocked.receive({ name: 'report', arguments: {} }, state)) as CallStack;
        const outcome = (): Promise<string> => code(callTool(sourceOf(stack), 'read', {}, () => undefined));
        now = start + last * SECOND;
        expect(await outcome()).to.equal('none');
        now += SECOND;
        expect(await outcome()).to.equal('call_ended');
      });
    }
  });

  describe('ends a call', () => {
    /** The source of a call that is over. */
    const ended = async (end: (source: Source, leak: (inner: Source) => void) => Promise<unknown>): Promise<Source> => {
      let inner: Source | undefined;
      await end(await from('report'), (leaked) => (inner = leaked)).catch(() => undefined);
      if (inner === undefined) throw new Error('the handler was not called');
      return inner;
    };
    const never = (): Promise<never> => new Promise(() => undefined);
    const cases: [string, (source: Source, leak: (inner: Source) => void) => Promise<unknown>][] = [
      [
        'that returned',
        (source, leak) =>
          callTool(source, 'read', {}, (_args, inner) => {
            leak(inner);
          }),
      ],
      [
        'that threw',
        (source, leak) =>
          callTool(source, 'read', {}, (_args, inner) => {
            leak(inner);
            throw new Error('no');
          }),
      ],
      [
        'that rejected',
        (source, leak) =>
          callTool(source, 'read', {}, async (_args, inner) => {
            leak(inner);
            await wait(1);
            throw new Error('no');
          }),
      ],
      [
        'that is late',
        (source, leak) =>
          callTool(
            source,
            'read',
            {},
            (_args, inner) => {
              leak(inner);
              return never();
            },
            { timeoutMs: 5 },
          ),
      ],
      [
        'that was aborted',
        (source, leak) =>
          callTool(
            source,
            'read',
            {},
            (_args, inner) => {
              leak(inner);
              return never();
            },
            { signal: AbortSignal.timeout(5) },
          ),
      ],
    ];
    for (const [how, end] of cases) {
      it(`${how}: its stack makes no further calls`, async () => {
        const inner = await ended(end);
        expect(await code(enter(inner, 'last'))).to.equal('call_ended');
        expect(await callAcross(stackIn(inner), server.resource, other, 'log')).to.equal('unsent call_ended');
      });
    }

    it('and with it the calls within it that still run', async () => {
      let within: Source | undefined;
      await callTool(await from('report'), 'read', {}, (_args, inner) => {
        void callTool(inner, 'last', {}, (_nothing, innermost) => ((within = innermost), never()));
        return wait(5);
      });
      expect(await callAcross(stackIn(within!), server.resource, other, 'log')).to.equal('unsent call_ended');
    });

    it('and not that of the caller, which can call again', async () => {
      const source = await from('report');
      await callTool(source, 'read', {}, () => Promise.reject(new Error('no'))).catch(() => undefined);
      expect(await code(enter(source, 'read'))).to.equal('none');
    });
  });

  it('rejects as soon as it is aborted or late, and tells the handler', async () => {
    const abort = new AbortController();
    let told: unknown[] = [];
    const call = callTool(
      await from('report'),
      'read',
      {},
      (_args, { signal }) => {
        signal.addEventListener('abort', () => {
          told = [signal.reason];
        });
        abort.abort(new Error('cancelled'));
        return new Promise(() => undefined);
      },
      { signal: abort.signal },
    );
    expect(await code(call)).to.equal('Error: cancelled');
    expect(told[0]).to.have.property('message', 'cancelled');
    const late = callTool(await from('report'), 'read', {}, () => new Promise(() => undefined), { timeoutMs: 5 });
    expect(await code(late)).to.match(/^TimeoutError/);
    const before = callTool(await from('report'), 'read', {}, () => 'called', { signal: AbortSignal.abort() });
    expect(await code(before)).to.match(/^AbortError/);
  });

  it('is aborted with the call of the calling tool, in both forms of sources', async () => {
    const abort = new AbortController();
    const forms = [{ signal: abort.signal }, { signal: undefined, mcpReq: { signal: abort.signal, id: 1 } }];
    const calls = await Promise.all(
      forms
        .map(async (form) => {
          const source = sourceOf(await server.start('report'), form) as Source & {
            mcpReq?: { id: number; signal: AbortSignal };
          };
          return callTool(source, 'read', {}, (_args, { signal, mcpReq }) => {
            expect(mcpReq?.id ?? 1).to.equal(1);
            return new Promise((resolve) => {
              (mcpReq?.signal ?? signal).addEventListener('abort', resolve);
            });
          }).catch((error: unknown) => String(error));
        })
        .map((call) => {
          setImmediate(() => {
            abort.abort();
          });
          return call;
        }),
    );
    for (const outcome of calls) expect(outcome).to.match(/^AbortError/);
  });

  it('ends no process when a handler fails after its call was aborted', async () => {
    const call = callTool(
      await from('report'),
      'read',
      {},
      () => wait(10).then(() => Promise.reject(new Error('late'))),
      { timeoutMs: 2 },
    );
    expect(await code(call)).to.match(/^TimeoutError/);
    await wait(15);
  });

  it('has every call in the chain that leaves the server', async () => {
    const source = await from('report');
    const inner = stackIn(await holding(source, 'small', { size: 1 }));
    const arrived = (await callAcross(inner, server.resource, other, 'log', { line: 1 })) as CallStack;
    expect(arrived.frames).to.deep.equal([
      { resource: server.resource, tool: 'report' },
      { resource: server.resource, tool: 'small' },
      { resource: other.resource, tool: 'log' },
    ]);
    expect(arrived).to.include({ root: server.resource, depth: 3, maxDepth: 3, transaction: inner.transaction });
  });

  it('hands no more on to another server than the nested tool may use', async () => {
    const source = await from('report');
    const inner = stackIn(await holding(source, 'read'));
    expect(await callAcross(inner, server.resource, other, 'secret')).to.equal('privilege_escalated');
    expect(urlOf('other')).to.equal(other.resource);
  });

  /** The source of a call that goes on. */
  function holding(source: Source, tool: string, args: object = {}): Promise<Source> {
    return new Promise((resolve, reject) => {
      callTool(source, tool, args, (_args, inner) => {
        resolve(inner);
        return new Promise(() => undefined);
      }).catch(reject);
    });
  }

  it('takes a source that passed the guard, and a function', async () => {
    expect(await code(callTool({}, 'read', {}, () => 1))).to.match(/TypeError: contextOf/);
    const unguarded = { [kExchange]: contextWith({ state: { ...client(), access: ALL_RIGHTS } }) };
    expect(await code(callTool(unguarded, 'read', {}, () => 1))).to.match(/TypeError.*'callStack'/);
    const source = await from('report');
    expect(await code(callTool(source, 'read', {}, 'read' as never))).to.match(/TypeError.*'handler'/);
    expect(await code(callTool(source, 'read', {}, () => 1, { timeout: 5 } as never))).to.match(
      /unknown option 'timeout'/,
    );
    const copied = sourceOf({ ...stackIn(source) });
    expect(await code(enter(copied, 'read'))).to.match(/TypeError.*not a copy/);
  });
});
