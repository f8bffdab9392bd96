import { expect } from 'chai';
import { buildChain } from '../../lib/chain.js';
import { isDenial, memoryRate, memoryReplay, Unavailable, type RequestContext } from '../../lib/index.js';
import type { CallStack } from '../../lib/callchain/callStack.js';
import {
  CALL_CHAIN,
  fakeContext,
  fakeSigner,
  signCallChain,
  type FakeSigner,
  type HopToSign,
  type SignCallChainOptions,
} from '../../lib/testing.js';
import { defineTools } from '../../lib/tools/defineTools.js';
import { authorizeScopes } from '../../middleware/authorizeScopes.js';
import { callStackGuard, type CallStackGuardOptions } from '../../middleware/callStackGuard.js';
import { ALL_RIGHTS, client, contextWith, signedBy } from '../support/callNetwork.js';

const A = 'https://a.example/mcp';
const B = 'https://b.example/mcp';
const C = 'https://c.example/mcp';
const AGENT = 'https://agent.example';
const time = 1_800_000_000;

const tools = defineTools({
  write: { permissions: ['audit:log'] },
  read: { permissions: [] },
  closed: { permissions: [], allowedCallers: [] },
  direct: { permissions: [], allowedCallers: ['@root'] },
  nested: { permissions: [], allowedCallers: ['*'], blockedCallers: ['@root'] },
  picky: { permissions: [], allowedCallers: [`${B}#fetch`, 'read'], blockedCallers: [`${A}#evil`] },
  shy: { permissions: [], blockedCallers: [`${B}/#fetch`] },
  leaf: { permissions: [], maxCallDepth: 1 },
  depends: { permissions: [], permissionsFor: ({ arguments: { id } }) => [`item:${String(id)}`] },
});

type Facts = RequestContext['state'];
type Outcome = CallStack | string | undefined;

describe('callStackGuard', () => {
  let a: FakeSigner;
  let b: FakeSigner;
  let c: FakeSigner;
  let agent: FakeSigner;
  let options: CallStackGuardOptions;
  let seconds = time;
  const now = (): Date => new Date(seconds * 1000);

  before(async () => {
    [a, b, c, agent] = await Promise.all([fakeSigner(), fakeSigner(), fakeSigner(), fakeSigner('Ed25519')]);
    options = {
      tools,
      identity: { resource: C, signer: c },
      trust: [
        { owner: A, mayRoot: true, jwks: a.jwks },
        { owner: `${B}/`, clientId: 'client-b', jwks: b.jwks },
        { owner: C, jwks: c.jwks },
        { owner: AGENT, mayRoot: true, jwks: agent.jwks },
      ],
      now,
    };
  });
  beforeEach(() => {
    seconds = time;
  });

  const bodyOf = (params: unknown): object => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const run = async (guard: ReturnType<typeof callStackGuard>, body: unknown, state: Facts): Promise<Outcome> => {
    try {
      return (await guard.run(contextWith({ body, state }))).callStack;
    } catch (error) {
      if (isDenial(error)) {
        expect([error.status, error.policy]).to.deep.equal([403, true]);
        return error.code;
      }
      throw error;
    }
  };
  const reason = async (promise: unknown): Promise<unknown> => {
    try {
      await promise;
      return undefined;
    } catch (error) {
      return isDenial(error) ? error.detail?.['reason'] : error;
    }
  };

  /** From a tool of A over a tool of B to `write` of this server. */
  const hops = (last: Partial<HopToSign> = {}, first: Partial<HopToSign> = {}): HopToSign[] => [
    { signer: a, issuer: A, caller: 'report', resource: B, tool: 'fetch', permissions: ['audit:log', 'x'], ...first },
    { signer: b, issuer: B, resource: C, tool: 'write', permissions: ['audit:log'], ...last },
  ];
  const sign = (list: readonly HopToSign[], more: SignCallChainOptions = {}): Promise<string[]> =>
    signCallChain(list, { now, subject: 'alice', transaction: 'transaction-1', ...more });
  const send = (
    chain: unknown,
    {
      guard = callStackGuard(options),
      state = signedBy(B),
      tool = 'write',
      args,
    }: {
      readonly guard?: ReturnType<typeof callStackGuard>;
      readonly state?: Facts;
      readonly tool?: string;
      readonly args?: unknown;
    } = {},
  ): Promise<Outcome> => run(guard, bodyOf({ name: tool, arguments: args, _meta: { [CALL_CHAIN]: chain } }), state);

  describe('a call without a chain', () => {
    it('is one of a client on its own account', async () => {
      const stack = (await run(callStackGuard(options), bodyOf({ name: 'write' }), client())) as CallStack;
      expect(stack).to.deep.include({
        subject: 'alice',
        root: C,
        depth: 1,
        maxDepth: 5,
        frames: [{ resource: C, tool: 'write' }],
        caller: '@root',
        permissions: ['audit:log'],
      });
      expect(stack.transaction).to.match(/^[0-9a-f-]{36}$/);
      expect(stack).to.be.frozen;
      expect(stack.frames).to.be.frozen;
    });

    it('starts a transaction of its own each time', async () => {
      const guard = callStackGuard(options);
      const [one, two] = [1, 2].map(() => run(guard, bodyOf({ name: 'read' }), client()));
      expect(((await one) as CallStack).transaction).not.to.equal(((await two) as CallStack).transaction);
    });

    const states: [string, () => Facts][] = [
      ['by signature', () => signedBy(A)],
      ['by signature, spelled another way', () => signedBy(`${A}/`)],
      ['by its client', () => client('client-b')],
      ['by a certificate', () => ({ auth: { ...client('client-b').auth!, token: '' } })],
    ];
    for (const [how, state] of states) {
      it(`is denied to a server that is known ${how}`, async () => {
        expect(await run(callStackGuard(options), bodyOf({ name: 'read' }), state())).to.equal('chain_missing');
      });
    }

    it('is denied where only tools may call, or nobody may', async () => {
      const guard = callStackGuard(options);
      expect(await run(guard, bodyOf({ name: 'closed' }), client())).to.equal('caller_denied');
      expect(await run(guard, bodyOf({ name: 'nested' }), client())).to.equal('caller_blocked');
      expect(await run(guard, bodyOf({ name: 'picky' }), client())).to.equal('caller_denied');
      expect(await run(guard, bodyOf({ name: 'direct' }), client())).to.be.an('object');
    });

    it('is denied for a tool that is not defined, be it one of all objects', async () => {
      for (const name of ['unknown', '__proto__', 'constructor', '', 7]) {
        expect(await run(callStackGuard(options), bodyOf({ name }), client())).to.equal('tool_undefined');
      }
    });

    it('needs permissions of the caller', async () => {
      const guard = callStackGuard(options);
      const about = client();
      const auth = about.auth!;
      const cases: [Facts, 'object' | 'string'][] = [
        [{ auth, access: { ...ALL_RIGHTS, granted: ['audit:log'] } }, 'object'],
        [{ auth, access: { ...ALL_RIGHTS, granted: ['audit:*'] } }, 'object'],
        [{ auth, access: { ...ALL_RIGHTS, granted: ['audit'] } }, 'string'],
        [{ auth: { ...auth, scopes: ['audit:log'] } }, 'object'],
        [{ auth: { ...auth, scopes: ['audit:*'] } }, 'string'],
        [{ auth: { ...auth, scopes: ['*'] } }, 'string'],
        [{ auth: { ...auth, token: '', scopes: ['audit:log'] } }, 'string'],
        [{ auth: { ...auth, token: '', redacted: true, scopes: ['audit:log'] } }, 'object'],
        [{ signature: signedBy('https://stranger.example').signature! }, 'string'],
      ];
      for (const [state, expected] of cases) {
        const outcome = await run(guard, bodyOf({ name: 'write' }), state);
        expect(typeof outcome).to.equal(expected);
        if (typeof outcome === 'string') expect(outcome).to.equal('privilege_escalated');
      }
    });

    it('needs a proven caller', async () => {
      const error = await Promise.resolve(
        callStackGuard(options).run(fakeContext({ body: bodyOf({ name: 'read' }) })),
      ).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).to.include({ status: 401, code: 'caller_unproven' });
    });

    it('names another subject where the option says so', async () => {
      const named = { ...options, subject: ({ id }: RequestContext) => `pairwise ${id}` };
      expect(await run(callStackGuard(named), bodyOf({ name: 'read' }), client())).to.include({
        subject: 'pairwise fake',
      });
      const unnamed = { ...options, subject: () => undefined };
      expect(await run(callStackGuard(unnamed), bodyOf({ name: 'read' }), client())).to.include({ subject: undefined });
    });
  });

  describe('a call with a chain', () => {
    it('proves which tools called each other', async () => {
      expect(await send(await sign(hops()))).to.deep.equal({
        transaction: 'transaction-1',
        subject: 'alice',
        root: A,
        depth: 3,
        maxDepth: 5,
        frames: [
          { resource: A, tool: 'report' },
          { resource: B, tool: 'fetch' },
          { resource: C, tool: 'write' },
        ],
        caller: { resource: B, tool: 'fetch' },
        permissions: ['audit:log'],
      });
    });

    it('proves that no tool called, where an agent starts it', async () => {
      const chain = await sign([{ signer: agent, issuer: AGENT, resource: C, tool: 'direct' }]);
      expect(await send(chain, { state: signedBy(AGENT), tool: 'direct' })).to.deep.include({
        root: AGENT,
        depth: 1,
        frames: [{ resource: C, tool: 'direct' }],
        caller: '@root',
      });
    });

    it('is of whoever is proven by signature, or else by client or certificate', async () => {
      const auth = client('client-b').auth!;
      const cases: [Facts, boolean][] = [
        [{ auth, access: ALL_RIGHTS }, true],
        [{ auth: { ...auth, token: '' }, access: ALL_RIGHTS }, true],
        [{ ...signedBy(B), auth }, true],
        [{ ...signedBy('https://unlisted.example'), auth }, true],
        [{ auth: { ...auth, clientId: B }, access: ALL_RIGHTS }, false],
        [{ auth: { ...auth, clientId: 'somebody' }, access: ALL_RIGHTS }, false],
        [{ ...signedBy(A), auth }, false],
        [signedBy(A), false],
        [signedBy('https://unlisted.example'), false],
      ];
      for (const [state, holds] of cases) {
        const outcome = await send(await sign(hops()), { state });
        if (holds) expect(outcome).to.be.an('object');
        else expect(outcome).to.equal('possession_unproven');
      }
    });

    it('is for this server, this tool and these arguments', async () => {
      const chain = await sign(hops({ arguments: { line: 'x', n: 1 } }));
      expect(await send(chain, { args: { n: 1, line: 'x' } })).to.be.an('object');
      const cases: [Partial<HopToSign>, unknown, string][] = [
        [{ resource: 'https://c.example/other' }, undefined, 'audience_mismatch'],
        [{ tool: 'read' }, undefined, 'tool_mismatch'],
        [{ arguments: { line: 'x' } }, { line: 'y' }, 'arguments_mismatch'],
        [{ arguments: { line: 'x' } }, {}, 'arguments_mismatch'],
        [{ arguments: { n: 1 } }, { n: '1' }, 'arguments_mismatch'],
        [{ arguments: { n: 1 } }, { n: 2 ** 53 }, 'arguments_mismatch'],
        [{ arguments: {} }, [], 'arguments_mismatch'],
        [{ arguments: {} }, undefined, 'object'],
        [{}, {}, 'object'],
      ];
      for (const [last, args, expected] of cases) {
        const outcome = await send(await sign(hops(last)), { args });
        expect(typeof outcome === 'string' ? outcome : typeof outcome).to.equal(expected);
      }
    });

    it('is for the definition that the caller approved', async () => {
      const digest = `sha256:${'a'.repeat(64)}`;
      const details = (tool_digest: string) => ({
        authorization_details: [
          {
            type: 'https://mcp-etdi.github.io/tool-call',
            locations: [C],
            actions: ['tools/call'],
            identifier: 'read',
            args_digest: 'RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o',
            tool_digest,
          },
        ],
      });
      const params = async (stated: string | undefined) => ({
        name: 'read',
        _meta: {
          [CALL_CHAIN]: await sign(hops({ tool: 'read', claims: details(digest) })),
          ...(stated === undefined ? {} : { 'io.github.mcp-etdi/digest': stated }),
        },
      });
      const guard = callStackGuard(options);
      expect(await run(guard, bodyOf(await params(digest)), signedBy(B))).to.be.an('object');
      expect(await run(guard, bodyOf(await params(undefined)), signedBy(B))).to.equal('tool_mismatch');
      expect(await run(guard, bodyOf(await params(`sha256:${'b'.repeat(64)}`)), signedBy(B))).to.equal('tool_mismatch');
    });

    it('counts once', async () => {
      const guard = callStackGuard(options);
      const chain = await sign(hops());
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => send(chain, { guard })));
      expect(outcomes.filter((one) => typeof one === 'object')).to.have.lengthOf(1);
      expect(outcomes.filter((one) => one === 'chain_replayed')).to.have.lengthOf(19);
    });

    it('counts once on all servers that share a store', async () => {
      const replay = memoryReplay({ now });
      const chain = await sign(hops());
      expect(await send(chain, { guard: callStackGuard({ ...options, replay }) })).to.be.an('object');
      expect(await send(chain, { guard: callStackGuard({ ...options, replay }) })).to.equal('chain_replayed');
    });

    it('is used up by nothing that is denied', async () => {
      const guard = callStackGuard(options);
      const chain = await sign(hops());
      expect(await send(chain, { guard, state: signedBy(A) })).to.equal('possession_unproven');
      expect(await send(chain, { guard, args: { other: true } })).to.equal('arguments_mismatch');
      expect(await send(chain, { guard })).to.be.an('object');
    });

    it('must be of a user who the token is of, where the option says so', async () => {
      const guard = callStackGuard({ ...options, sameSubject: true });
      expect(await send(await sign(hops()), { guard, state: client('client-b', 'alice') })).to.be.an('object');
      expect(await send(await sign(hops()), { guard, state: client('client-b', 'bob') })).to.equal('subject_mismatch');
      expect(await send(await sign(hops()), { guard, state: signedBy(B) })).to.equal('subject_mismatch');
      expect(await send(await sign(hops()), { state: client('client-b', 'bob') })).to.be.an('object');
    });
  });

  describe('time', () => {
    it('ends the last hop with its lifetime and the tolerance for clocks', async () => {
      const chain = await sign(hops());
      for (const [at, expected] of [
        [time - 31, 'chain_stale'],
        [time - 30, 'object'],
        [time + 89, 'object'],
        [time + 90, 'chain_stale'],
      ] as const) {
        seconds = at;
        const outcome = await send(chain);
        expect(typeof outcome === 'string' ? outcome : typeof outcome, `at ${at - time}`).to.equal(expected);
      }
    });

    it('lets earlier hops end before, if the next was made in time', async () => {
      const [first = ''] = await sign(hops().slice(0, 1));
      seconds = time + 60;
      const late = await sign(hops().slice(1), { after: [first] });
      seconds = time + 119;
      expect(await send(late)).to.be.an('object');
      seconds = time + 61;
      const tooLate = await sign(hops().slice(1), { after: [first] });
      expect(await send(tooLate)).to.equal('chain_broken');
    });

    it('does not let a hop be made before the one that it continues', async () => {
      expect(await send(await sign(hops({ claims: { iat: time } })))).to.be.an('object');
      expect(await send(await sign(hops({ claims: { iat: time - 1 } })))).to.equal('chain_broken');
    });

    it('bounds the lifetime of every hop', async () => {
      expect(await send(await sign(hops(), { lifetime: 300 }))).to.be.an('object');
      expect(await send(await sign(hops(), { lifetime: 301 }))).to.equal('chain_stale');
      expect(await send(await sign(hops({}, { claims: { exp: time + 301 } })))).to.equal('chain_stale');
      const guard = callStackGuard({ ...options, maxAge: 59 });
      expect(await send(await sign(hops()), { guard })).to.equal('chain_stale');
    });
  });

  describe('trust', () => {
    it('lets only some start a chain', async () => {
      const own = (more: Partial<HopToSign>): HopToSign => ({
        signer: b,
        issuer: B,
        resource: C,
        tool: 'read',
        ...more,
      });
      expect(await send(await sign([own({ caller: 'fetch' })]), { tool: 'read' })).to.equal('root_denied');
      expect(await send(await sign([own({})]), { tool: 'read' })).to.equal('root_denied');
      const root = own({ signer: a, issuer: A });
      expect(await send(await sign([root]), { tool: 'read', state: signedBy(A) })).to.be.an('object');
    });

    it('lets no chain start as if something were before it', async () => {
      const first = { signer: a, issuer: A, caller: 'report', resource: C, tool: 'read' };
      const sendFirst = async (claims: Record<string, unknown>): Promise<Outcome> =>
        send(await sign([{ ...first, claims }]), { tool: 'read', state: signedBy(A) });
      expect(await sendFirst({})).to.be.an('object');
      expect(await sendFirst({ par_hash: 'x'.repeat(43) })).to.equal('chain_broken');
      expect(await sendFirst({ del_depth: 1 })).to.equal('chain_broken');
    });

    it('believes a key for its owner alone', async () => {
      expect(await send(await sign(hops({ signer: a })))).to.equal('chain_untrusted');
      expect(await send(await sign(hops({ signer: await fakeSigner() })))).to.equal('chain_untrusted');
      expect(await send(await sign(hops({ signer: a, header: { kid: b.keyId } })))).to.equal('chain_invalid');
      expect(await send(await sign(hops({ header: { alg: 'ES384' } })))).to.equal('chain_invalid');
    });

    it('takes a signature in its only spelling, and none for none', async () => {
      const chain = await sign(hops({}));
      const leaf = chain.at(-1) ?? '';
      const present = (spelled: string): Promise<Outcome> => send([...chain.slice(0, -1), spelled]);
      expect(await present(leaf.replace(/[^.]*$/, ''))).to.equal('chain_malformed');
      expect(await present(`${leaf}=`)).to.equal('chain_malformed');
      // The same bytes: of the last character only the upper two bits count.
      const same = leaf.replace(/.$/, (last) => ({ A: 'B', Q: 'R', g: 'h', w: 'x' })[last] ?? last);
      expect(same).not.to.equal(leaf);
      expect(await present(same)).to.equal('chain_malformed');
      expect(await present(`${leaf}A`), 'a byte more').to.equal('chain_invalid');
    });

    it('believes nobody where nobody is listed', async () => {
      const { trust: _trust, ...others } = options;
      const guard = callStackGuard(others);
      expect(await send(await sign(hops()), { guard })).to.equal('possession_unproven');
      expect(await run(guard, bodyOf({ name: 'read' }), signedBy(B))).to.be.an('object');
    });

    it('lets a hop name the key that continues it', async () => {
      expect(await send(await sign(hops({}, { calleeKey: b.keyId })))).to.be.an('object');
      expect(await send(await sign(hops({}, { calleeKey: a.keyId })))).to.equal('chain_broken');
    });

    it('asks anew whether the key of a hop that was seen before is trusted', async () => {
      let keys = a.jwks;
      const guard = callStackGuard({
        ...options,
        trust: [{ owner: A, mayRoot: true, jwksUri: 'https://a.example/jwks' }, ...(options.trust ?? []).slice(1)],
        fetch: () => Promise.resolve(Response.json(keys)),
      });
      const [first = ''] = await sign(hops().slice(0, 1), { lifetime: 300 });
      const next = (): Promise<string[]> => sign(hops().slice(1), { after: [first] });
      expect(await send(await next(), { guard })).to.be.an('object');
      expect(await send(await next(), { guard })).to.be.an('object');
      keys = (await fakeSigner()).jwks;
      seconds = time + 300;
      await send(await next(), { guard }).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      expect(await send(await next(), { guard })).to.equal('chain_untrusted');
    });

    it('does not take a hop for one that was seen before, with another signature', async () => {
      const guard = callStackGuard(options);
      const [first = '', second = ''] = await sign(hops());
      expect(await send([first, second], { guard })).to.be.an('object');
      const end = first.lastIndexOf('.') + 1;
      const other = `${first.slice(0, end)}${first[end] === 'A' ? 'B' : 'A'}${first.slice(end + 1)}`;
      const [, third = ''] = await sign(hops().slice(1), { after: [first] });
      expect(await send([other, third], { guard })).to.equal('chain_invalid');
      expect(await send([first, third], { guard })).to.be.an('object');
    });

    it('takes keys from configuration alone', async () => {
      const jwk = (await fakeSigner()).jwks.keys[0];
      for (const header of [
        { jwk },
        { jku: 'https://evil.example' },
        { x5u: 'https://evil.example' },
        { x5c: [] },
        { crit: [] },
        { b64: true },
      ]) {
        expect(await send(await sign(hops({ header })))).to.equal('chain_malformed');
      }
    });

    it('is an outage where keys cannot be had', async () => {
      const guard = callStackGuard({
        ...options,
        trust: [{ owner: A, mayRoot: true, jwksUri: 'https://a.example/jwks' }, ...(options.trust ?? []).slice(1)],
        fetch: () => Promise.reject(new TypeError('fetch failed')),
      });
      const error = await reason(send(await sign(hops()), { guard }));
      expect(error).to.be.instanceOf(Unavailable);
    });
  });

  describe('depth', () => {
    it('counts the tools in the stack', async () => {
      for (const [maxDepth, expected] of [
        [3, 'object'],
        [2, 'call_depth_exceeded'],
      ] as const) {
        const outcome = await send(await sign(hops()), { guard: callStackGuard({ ...options, maxDepth }) });
        expect(typeof outcome === 'string' ? outcome : typeof outcome).to.equal(expected);
      }
    });

    it('is limited by those that signed the chain', async () => {
      expect(await send(await sign(hops(), { maxDepth: 2 }))).to.include({ depth: 3, maxDepth: 4 });
      expect(await send(await sign(hops(), { maxDepth: 1 }))).to.include({ depth: 3, maxDepth: 3 });
      expect(await send(await sign(hops(), { maxDepth: 0 }))).to.equal('call_depth_exceeded');
      expect(await send(await sign(hops({ claims: { del_max_depth: 8 } })))).to.equal('chain_broken');
    });

    it('is limited by what a tool may call', async () => {
      expect(await send(await sign(hops({ tool: 'leaf' })), { tool: 'leaf' })).to.include({ depth: 3, maxDepth: 3 });
      const back = [
        { signer: a, issuer: A, caller: 'report', resource: C, tool: 'leaf' },
        { signer: c, issuer: C, resource: B, tool: 'fetch' },
        { signer: b, issuer: B, resource: C, tool: 'read' },
      ];
      expect(await send(await sign(back), { tool: 'read' })).to.equal('call_depth_exceeded');
      const other = back.map((hop, place) => (place === 0 ? { ...hop, tool: 'write' } : hop));
      expect(await send(await sign(other), { tool: 'read' })).to.include({ depth: 4 });
    });
  });

  it('lets no tool be in a stack twice', async () => {
    const loops: HopToSign[][] = [
      [
        { signer: a, issuer: A, caller: 'report', resource: C, tool: 'read' },
        { signer: c, issuer: C, resource: B, tool: 'fetch' },
        { signer: b, issuer: B, resource: C, tool: 'read' },
      ],
      [
        { signer: a, issuer: A, caller: 'report', resource: B, tool: 'fetch' },
        { signer: b, issuer: B, resource: A, tool: 'report' },
        { signer: a, issuer: A, resource: C, tool: 'read' },
      ],
    ];
    expect(await send(await sign(loops[0] ?? []), { tool: 'read' })).to.equal('call_circular');
    expect(await send(await sign(loops[1] ?? []), { tool: 'read', state: signedBy(A) })).to.equal('call_circular');
    const straight = loops[0]?.map((hop, place) => (place === 2 ? { ...hop, tool: 'leaf' } : hop));
    expect(await send(await sign(straight ?? []), { tool: 'leaf' })).to.include({ depth: 4 });
  });

  it('asks the rules of the called tool, blocklists first', async () => {
    const from = (tool: string, caller: string, at: string): Promise<Outcome> => {
      const list = at === A ? [{ signer: a, issuer: A, caller, resource: C, tool }] : hops({ tool }, { tool: caller });
      return sign(list).then((chain) => send(chain, { tool, state: signedBy(at) }));
    };
    expect(await from('picky', 'fetch', B)).to.be.an('object');
    expect(await from('picky', 'other', B)).to.equal('caller_denied');
    expect(await from('picky', 'fetch', A)).to.equal('caller_denied');
    expect(await from('picky', 'read', A)).to.equal('caller_denied');
    expect(await from('picky', 'evil', A)).to.equal('caller_blocked');
    expect(await from('shy', 'fetch', B)).to.equal('caller_blocked');
    expect(await from('shy', 'fetch', A)).to.be.an('object');
    expect(await from('nested', 'any', A)).to.be.an('object');
    expect(await from('direct', 'any', A)).to.equal('caller_denied');
    expect(await from('closed', 'any', A)).to.equal('caller_denied');
  });

  it('lets a tool need only what its callers and the sender may both use', async () => {
    const needs = (
      permissions: readonly string[],
      granted: readonly string[],
      tool = 'write',
      args?: object,
    ): Promise<Outcome> =>
      sign(hops({ permissions, tool, arguments: args }, { permissions })).then((chain) =>
        send(chain, { tool, args, state: { ...signedBy(B), access: { ...ALL_RIGHTS, granted } } }),
      );
    expect(await needs(['audit:log'], ['audit:log'])).to.deep.include({ permissions: ['audit:log'] });
    expect(await needs(['audit:log', 'x'], ['*'])).to.deep.include({ permissions: ['audit:log'] });
    expect(await needs([], ['*'])).to.equal('privilege_escalated');
    expect(await needs(['audit:read'], ['*'])).to.equal('privilege_escalated');
    expect(await needs(['audit:log'], [])).to.equal('privilege_escalated');
    expect(await needs([], [], 'read')).to.deep.include({ permissions: [] });
    expect(await needs(['item:7'], ['item:*'], 'depends', { id: 7 })).to.deep.include({ permissions: ['item:7'] });
    expect(await needs(['item:7'], ['item:*'], 'depends', { id: 8 })).to.equal('privilege_escalated');
  });

  it('takes no wildcard in what a hop may use', async () => {
    for (const scope of ['*', 'audit:*', 'audit:log ', ' audit:log', 'audit:log  x', 'a b"c']) {
      expect(await send(await sign(hops({ claims: { scope } }))), scope).to.equal('chain_malformed');
    }
  });

  describe('the calls of one transaction', () => {
    it('are counted, for each who started it', async () => {
      const guard = callStackGuard({ ...options, maxCalls: 3 });
      for (let call = 0; call < 3; call += 1) expect(await send(await sign(hops()), { guard })).to.be.an('object');
      expect(await send(await sign(hops()), { guard })).to.equal('fanout_exceeded');
      expect(await send(await sign(hops(), { transaction: 'transaction-2' }), { guard })).to.be.an('object');
      const other = await sign([{ signer: agent, issuer: AGENT, resource: C, tool: 'read' }]);
      expect(await send(other, { guard, tool: 'read', state: signedBy(AGENT) })).to.be.an('object');
    });

    it('are counted for as long as a chain of it can live', async () => {
      const guard = callStackGuard({ ...options, maxCalls: 1 });
      expect(await send(await sign(hops()), { guard })).to.be.an('object');
      seconds = time + 8 * 300;
      expect(await send(await sign(hops()), { guard })).to.equal('fanout_exceeded');
    });

    it('are counted in a store that others share, in windows of its own length', async () => {
      const made: number[] = [];
      const shared = memoryRate({ now });
      void shared.init?.({ windowMs: 2_700_000 } as never);
      const calls = (windowMs: number): ReturnType<typeof memoryRate> => {
        made.push(windowMs);
        return shared;
      };
      const guards = [1, 2].map(() => callStackGuard({ ...options, maxCalls: 1, calls }));
      expect(made).to.deep.equal([2_700_000, 2_700_000]);
      expect(await send(await sign(hops()), guards[0] && { guard: guards[0] })).to.be.an('object');
      expect(await send(await sign(hops()), guards[1] && { guard: guards[1] })).to.equal('fanout_exceeded');
    });

    it('are unknown where the store is down, and then none is let through', async () => {
      const calls = { ...memoryRate({ now }), increment: () => Promise.reject(new Error('down')) };
      const guard = callStackGuard({ ...options, calls });
      expect(await reason(send(await sign(hops()), { guard }))).to.be.instanceOf(Unavailable);
    });
  });

  describe('a request', () => {
    it('without a call has no stack', async () => {
      const guard = callStackGuard(options);
      const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: { [CALL_CHAIN]: ['junk'] } } };
      expect(await run(guard, list, signedBy(B))).to.equal(undefined);
      expect(await guard.run(contextWith({ method: 'GET', state: signedBy(B) }))).to.deep.equal({});
    });

    it('with several calls has no stack, and each of them is decided', async () => {
      const guard = callStackGuard(options);
      const call = (name: string, more: object = {}): object => bodyOf({ name, ...more });
      expect(await run(guard, [call('read'), call('direct')], client())).to.equal(undefined);
      expect(await run(guard, [call('read'), call('nested')], client())).to.equal('caller_blocked');
      expect(await run(guard, [call('read'), call('read')], signedBy(B))).to.equal('chain_missing');
      const chained = call('write', { _meta: { [CALL_CHAIN]: await sign(hops()) } });
      expect(await run(guard, [call('read'), chained], signedBy(B))).to.equal('chain_malformed');
      expect(await run(guard, [{ jsonrpc: '2.0', id: 1, method: 'ping' }, chained], signedBy(B))).to.be.an('object');
    });

    it('may be a notification, which is a call as well', async () => {
      const silent = { jsonrpc: '2.0', method: 'tools/call', params: { name: 'nested' } };
      expect(await run(callStackGuard(options), silent, client())).to.equal('caller_blocked');
    });
  });

  describe('a chain that is none', () => {
    const valid = (): Promise<string[]> => sign(hops());

    it('is denied by its form', async () => {
      const [first = '', second = ''] = await valid();
      const cases: [string, unknown][] = [
        ['nothing', null],
        ['a text', second],
        ['an object', { 0: first, 1: second, length: 2 }],
        ['an empty list', []],
        ['other things', [first, 1]],
        ['two parts', [first, second.split('.').slice(0, 2).join('.')]],
        ['four parts', [first, `${second}.x`]],
        ['padding', [first, `${second}=`]],
        ['white space', [first, ` ${second}`]],
        ['no signature', [first, second.replace(/\.[^.]*$/, '.')]],
        ['nine hops', Array.from({ length: 9 }, () => first)],
        ['a long hop', [first, 'x'.repeat(16_385)]],
        ['long hops', [first, ...Array.from({ length: 7 }, () => 'x'.repeat(2_400))]],
      ];
      for (const [name, chain] of cases) expect(await send(chain), name).to.equal('chain_malformed');
    });

    it('is denied by what a hop says', async () => {
      const cases: [Partial<HopToSign>][] = [
        [{ header: { typ: 'JWT' } }],
        [{ header: { typ: undefined } }],
        [{ header: { alg: undefined } }],
        [{ header: { kid: '../../etc/passwd' } }],
        [{ header: { kid: undefined } }],
        ...[
          { iss: '' },
          { iss: [B] },
          { aud: [C] },
          { aud: undefined },
          { sub: '' },
          { sub: 7 },
          { txn: 'short' },
          { txn: `a\nb${'c'.repeat(10)}` },
          { txn: undefined },
          { jti: 'short' },
          { jti: undefined },
          { iat: String(time) },
          { iat: time + 0.5 },
          { iat: -1 },
          { exp: time },
          { exp: undefined },
          { exp: null },
          { nbf: time },
          { del_depth: '1' },
          { del_depth: -1 },
          { del_max_depth: undefined },
          { par_hash: 'x' },
          { caller: 'no tool' },
          { cnf: {} },
          { cnf: 'x' },
          { cnf: { jkt: 'x' } },
          { scope: undefined },
          { scope: ['audit:log'] },
          { authorization_details: undefined },
          { authorization_details: [] },
          { authorization_details: [{}, {}] },
          { authorization_details: [{ type: 'other' }] },
        ].map((claims): [Partial<HopToSign>] => [{ claims }]),
      ];
      for (const [last] of cases) {
        expect(await send(await sign(hops(last))), JSON.stringify(last)).to.equal('chain_malformed');
      }
    });

    it('is denied by what its details say', async () => {
      const good = {
        type: 'https://mcp-etdi.github.io/tool-call',
        locations: [C],
        actions: ['tools/call'],
        identifier: 'read',
        args_digest: 'RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o',
      };
      const sent = async (change: object): Promise<Outcome> =>
        send(await sign(hops({ tool: 'read', claims: { authorization_details: [{ ...good, ...change }] } })), {
          tool: 'read',
        });
      expect(await sent({})).to.be.an('object');
      const changes = [
        { type: 'https://other.example/tool-call' },
        { locations: [B] },
        { locations: [C, B] },
        { actions: ['tools/list'] },
        { actions: 'tools/call' },
        { identifier: '' },
        { identifier: undefined },
        { args_digest: 'x' },
        { tool_digest: 'x' },
      ];
      for (const change of changes) expect(await sent(change), JSON.stringify(change)).to.equal('chain_malformed');
    });

    it('costs no signature when it is too long', async () => {
      let found = 0;
      const guard = callStackGuard({
        ...options,
        trust: [{ owner: A, mayRoot: true, jwksUri: 'https://a.example/jwks' }],
        fetch: () => {
          found += 1;
          return Promise.reject(new Error('not asked for'));
        },
      });
      const [first = ''] = await valid();
      const long = Array.from({ length: 1000 }, () => first);
      expect(await send(long, { guard, state: signedBy(A) })).to.equal('chain_malformed');
      expect(found).to.equal(0);
    });

    it('is known by its transaction in the record, once its signatures hold', async () => {
      const detail = async (last: Partial<HopToSign>, guard = callStackGuard(options)): Promise<unknown> => {
        const list = hops(last);
        const { tool: name = '' } = list.at(-1) ?? {};
        const body = bodyOf({ name, _meta: { [CALL_CHAIN]: await sign(list) } });
        try {
          await guard.run(contextWith({ body, state: signedBy(B) }));
        } catch (error) {
          return isDenial(error) ? error.detail?.['transaction'] : error;
        }
        return undefined;
      };
      expect(await detail({ signer: a })).to.equal(undefined);
      for (const last of [{ tool: 'closed' }, { tool: 'shy' }, { permissions: [] }]) {
        expect(await detail(last)).to.equal('transaction-1');
      }
      expect(await detail({}, callStackGuard({ ...options, maxDepth: 1 }))).to.equal('transaction-1');
      expect(await detail({}, callStackGuard({ ...options, sameSubject: true }))).to.equal('transaction-1');
    });

    it('says in the record what is wrong with it', async () => {
      const guard = callStackGuard(options);
      const why = async (chain: unknown): Promise<unknown> =>
        reason(
          guard.run(
            contextWith({ body: bodyOf({ name: 'write', _meta: { [CALL_CHAIN]: chain } }), state: signedBy(B) }),
          ),
        );
      const [first = '', second = ''] = await valid();
      expect(await why(Array.from({ length: 9 }, () => first))).to.equal('hops');
      expect(await why(['x'.repeat(16_385)])).to.equal('size');
      expect(await why([second])).to.equal('depth');
      expect(await why([first, first])).to.equal('jti');
      expect(await why(await sign(hops({ claims: { txn: 'transaction-9' } })))).to.equal('transaction');
      expect(await why(await sign(hops({ claims: { scope: 'audit:log more' } })))).to.equal('scope');
    });
  });

  describe('its options', () => {
    const cases: [string, object, RegExp][] = [
      ['an unknown one', { maxDeph: 3 }, /unknown option 'maxDeph'; did you mean 'maxDepth'\?/],
      ['the old name of one', { clockSkew: 30 }, /unknown option 'clockSkew'/],
      ['a wide tolerance', { clockTolerance: 61 }, /'clockTolerance' must be a whole number from 0 to 60/],
      ['no tools', { tools: {} }, /'tools' must be what defineTools/],
      ['no identity', { identity: undefined }, /'identity' must be an object/],
      ['an identity without a URI', { identity: { resource: 'server' } }, /'resource' must be a URI/],
      ['a signer that is none', { identity: { resource: C, signer: {} } }, /'signer' must be a signer/],
      ['a depth of 0', { maxDepth: 0 }, /'maxDepth' must be a whole number from 1 to 9/],
      ['a depth of 10', { maxDepth: 10 }, /'maxDepth'/],
      ['a long lifetime', { lifetime: 301 }, /'lifetime'/],
      ['a long age', { maxAge: 301 }, /'maxAge'/],
      [
        'a peer without keys',
        { trust: [{ owner: A }] },
        /^callStackGuard: 'trust' \[0\] needs either 'jwks' or 'jwksUri'$/,
      ],
      [
        'a peer whose set is empty',
        { trust: [{ owner: A, jwks: { keys: [] } }] },
        /^callStackGuard: 'trust' has no key; /,
      ],
    ];
    for (const [name, change, message] of cases) {
      it(`are not taken with ${name}`, () => {
        expect(() => callStackGuard({ ...options, ...change })).to.throw(TypeError, message);
      });
    }

    it('do not take one client for two owners', () => {
      const trust = [
        { owner: A, clientId: 'same', jwks: a.jwks },
        { owner: B, clientId: 'same', jwks: b.jwks },
      ];
      expect(() => callStackGuard({ ...options, trust })).to.throw(TypeError, /'same' under 'https:\/\/a/);
    });

    it('make it read what earlier checks prove', () => {
      const guard = callStackGuard(options);
      const prove = { name: 'prove', needs: [], adds: ['auth'], run: () => client() } as const;
      expect(() => buildChain([guard])).to.throw(TypeError, /nothing before it adds 'auth' or 'signature'/);
      expect(() => buildChain([prove, guard])).not.to.throw();
      expect(() => buildChain([prove, guard, authorizeScopes({ tools })])).to.throw(TypeError, /mounted too late/);
    });
  });
});
