import { expect } from 'chai';
import { isDenial, type Denial, type RequestContext } from '../../lib/index.js';
import { CALL_CHAIN, fakeSigner, signCallChain, type FakeSigner, type HopToSign } from '../../lib/testing.js';
import { defineTools } from '../../lib/tools/defineTools.js';
import { callStackGuard, type CallStackGuardOptions } from '../../middleware/callStackGuard.js';
import { ALL_RIGHTS, client, contextWith, signedBy } from '../support/callNetwork.js';

const A = 'https://a.example/mcp';
const B = 'https://b.example/mcp';
const C = 'https://c.example/mcp';
const time = 1_800_000_000;
const txn = 'transaction-1';
const now = (): Date => new Date(time * 1000);

const tools = defineTools({
  write: { permissions: ['audit:log'] },
  closed: { permissions: [], allowedCallers: [] },
  shy: { permissions: [], blockedCallers: [`${B}#fetch`] },
  leaf: { permissions: [], maxCallDepth: 1 },
  strict: { permissions: [], allowedCallees: [] },
  wary: { permissions: [], blockedCallees: ['*'] },
  read: { permissions: [] },
});

const shown = (value: unknown): string => JSON.stringify(value ?? 'nothing').slice(0, 60);

interface Sent {
  readonly chain?: unknown;
  readonly tool?: string;
  readonly args?: unknown;
  readonly state?: RequestContext['state'];
  readonly more?: Partial<CallStackGuardOptions>;
}

describe('the record of what callStackGuard denies', () => {
  let a: FakeSigner;
  let b: FakeSigner;
  let c: FakeSigner;
  let options: CallStackGuardOptions;

  before(async () => {
    [a, b, c] = await Promise.all([fakeSigner(), fakeSigner(), fakeSigner()]);
    options = {
      tools,
      identity: { resource: C, signer: c },
      trust: [
        { owner: A, mayRoot: true, jwks: a.jwks },
        { owner: B, jwks: b.jwks },
        { owner: C, jwks: c.jwks },
      ],
      now,
    };
  });

  const hops = (last: Partial<HopToSign> = {}, first: Partial<HopToSign> = {}): HopToSign[] => [
    { signer: a, issuer: A, caller: 'report', resource: B, tool: 'fetch', permissions: ['audit:log', 'x'], ...first },
    { signer: b, issuer: B, resource: C, tool: 'write', permissions: ['audit:log'], ...last },
  ];
  const sign = (list: readonly HopToSign[], more: object = {}): Promise<string[]> =>
    signCallChain(list, { now, subject: 'alice', transaction: txn, ...more });

  const denial = async ({ chain, tool = 'write', args, state = signedBy(B), more = {} }: Sent): Promise<Denial> => {
    const meta = chain === undefined ? {} : { _meta: { [CALL_CHAIN]: chain } };
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: args, ...meta } };
    try {
      await callStackGuard({ ...options, ...more }).run(contextWith({ body, state }));
    } catch (error) {
      if (isDenial(error)) return error;
      throw error;
    }
    throw new Error('it was allowed');
  };
  /** The code and what is recorded beside it. */
  const recorded = async (sent: Sent): Promise<unknown> => {
    const { code, detail } = await denial(sent);
    return { code, ...detail };
  };

  it('says in which way hops do not belong together', async () => {
    const table: readonly (readonly [string, Partial<HopToSign>, Partial<HopToSign>])[] = [
      ['jti', { claims: { jti: 'j'.repeat(22), iss: A } }, { claims: { jti: 'j'.repeat(22) } }],
      ['depth', { claims: { del_depth: 2 } }, {}],
      ['depth', {}, { claims: { del_depth: 1 } }],
      ['par_hash', {}, { claims: { par_hash: 'x'.repeat(43) } }],
      ['par_hash', { claims: { par_hash: 'x'.repeat(43) } }, {}],
      ['par_hash', { claims: { par_hash: undefined } }, {}],
      ['issuer', { claims: { iss: A } }, {}],
      ['key', {}, { calleeKey: 'k'.repeat(43) }],
      ['caller', { caller: 'fetch' }, {}],
      ['limit', { claims: { del_max_depth: 8 } }, {}],
      ['time', { claims: { iat: time - 1 } }, {}],
      ['time', {}, { claims: { iat: time - 20, exp: time - 1 } }],
      ['transaction', { claims: { txn: 'transaction-2' } }, {}],
      ['subject', { claims: { sub: 'bob' } }, {}],
      ['subject', { claims: { sub: undefined } }, {}],
      ['scope', { permissions: ['audit:log', 'y'] }, {}],
    ];
    for (const [reason, last, first] of table) {
      const chain = await sign(hops(last, first));
      expect(await recorded({ chain }), `${reason} ${JSON.stringify([last.claims, first.claims])}`).to.deep.equal({
        code: 'chain_broken',
        reason,
      });
    }
  });

  it('says in which way a chain is not of its time', async () => {
    const table: readonly (readonly [string, Record<string, number>, Record<string, number>])[] = [
      ['lifetime', { exp: time + 301 }, {}],
      ['lifetime', {}, { exp: time + 301 }],
      ['premature', { iat: time + 31, exp: time + 60 }, {}],
      ['premature', {}, { iat: time + 31, exp: time + 60 }],
      ['expired', { iat: time - 60, exp: time - 30 }, {}],
    ];
    for (const [reason, last, first] of table) {
      const chain = await sign(hops({ claims: last }, { claims: first }));
      expect(await recorded({ chain }), reason).to.deep.equal({ code: 'chain_stale', reason });
    }
  });

  it('says in which way a chain is malformed', async () => {
    const [first = '', second = ''] = await sign(hops());
    const [header, claims, signature] = second.split('.');
    const object = (text: string): string => Buffer.from(text).toString('base64url');
    const table: readonly (readonly [string, unknown])[] = [
      ['shape', null],
      ['shape', []],
      ['shape', { length: 1, 0: second }],
      ['shape', [first, 7]],
      ['hops', Array.from({ length: 9 }, () => first)],
      ['size', [first, 'x'.repeat(16_384)]],
      ['format', [first, `${second}.x`]],
      ['format', [first, `${second}=`]],
      ['format', [first, '']],
      ['format', [first, 'x'.repeat(16_384 - first.length)]],
      ['json', [first, `${object('[]')}.${claims}.${signature}`]],
      ['json', [first, `${object('{')}.${claims}.${signature}`]],
      ['json', [first, `${header}.${object('{"a":1,"a":2}')}.${signature}`]],
      ['json', [first, `${header}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`]],
      ['type', await sign(hops({ header: { typ: 'JWT' } }))],
      ['header', await sign(hops({ header: { alg: '' } }))],
      ['header', await sign(hops({ header: { alg: 'x'.repeat(2049) } }))],
      ['header', await sign(hops({ header: { kid: 'x' } }))],
      ['header', await sign(hops({ header: { kid: `${'x'.repeat(43)}x` } }))],
      ['header', await sign(hops({ header: { crit: ['b64'] } }))],
    ];
    for (const [reason, chain] of table) {
      const expected = { code: 'chain_malformed', reason };
      expect(await recorded({ chain }), `${reason} ${shown(chain)}`).to.deep.equal(expected);
    }
  });

  it('says which claim is not what it must be', async () => {
    const long = 'x'.repeat(2049);
    const table: readonly (readonly [string, readonly unknown[]])[] = [
      ['iss', ['', 7, long, undefined]],
      ['aud', ['', [C], long, undefined]],
      ['sub', ['', null, long]],
      ['txn', ['short67', 'x'.repeat(129), 'white space', '\ntransaction', 'transaction\n', undefined]],
      ['jti', ['j'.repeat(21), 'j'.repeat(129), `${'j'.repeat(22)}.`, `.${'j'.repeat(22)}`, undefined]],
      ['iat', ['1', -1, 0.5, null, undefined]],
      ['exp', ['1', -1, time, time - 1, undefined]],
      ['nbf', [0, null]],
      ['del_depth', [-1, '1', 1.5, undefined]],
      ['del_max_depth', [-1, '7', undefined]],
      ['par_hash', ['', 'x'.repeat(42), 'x'.repeat(44), `${'x'.repeat(42)}.`, 7]],
      ['caller', ['', 'no tool', 7]],
      ['cnf', [{}, null, { jkt: 'x' }, 'x'.repeat(43)]],
      ['scope', [7, ' ', 'audit:log ', 'audit:*', undefined]],
      ['authorization_details', [undefined, [], [{}], 'x', [{}, {}]]],
    ];
    for (const [claim, values] of table) {
      for (const value of values) {
        const chain = await sign(hops({ claims: { [claim]: value } }));
        expect(await recorded({ chain }), `${claim} ${shown(value)}`).to.deep.equal({
          code: 'chain_malformed',
          reason: 'claim',
          claim,
        });
      }
    }
  });

  it('says which member of the details is not what it must be', async () => {
    const good = {
      type: 'https://mcp-etdi.github.io/tool-call',
      locations: [C],
      actions: ['tools/call'],
      identifier: 'write',
      args_digest: 'RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o',
    };
    const table: readonly (readonly [string, object])[] = [
      ['authorization_details', { type: 'other' }],
      ['authorization_details', { locations: [B] }],
      ['authorization_details', { locations: C }],
      ['authorization_details', { actions: ['tools/call', 'tools/call'] }],
      ['identifier', { identifier: 'no tool' }],
      ['args_digest', { args_digest: 'x' }],
      ['tool_digest', { tool_digest: 'x' }],
    ];
    for (const [claim, change] of table) {
      const chain = await sign(hops({ claims: { authorization_details: [{ ...good, ...change }] } }));
      expect(await recorded({ chain }), JSON.stringify(change)).to.deep.equal({
        code: 'chain_malformed',
        reason: 'claim',
        claim,
      });
    }
    const approved = { ...good, tool_digest: `sha256:${'a'.repeat(64)}` };
    const chain = await sign(hops({ claims: { authorization_details: [approved] } }));
    expect(await recorded({ chain })).to.deep.equal({ code: 'tool_mismatch', reason: 'digest' });
  });

  it('says of which call a chain is not', async () => {
    const chain = await sign(hops());
    expect(await recorded({ chain, tool: 'read' })).to.deep.equal({ code: 'tool_mismatch', reason: 'name' });
    expect(await recorded({ chain, args: { a: 1 } })).to.deep.equal({ code: 'arguments_mismatch' });
    const ambiguous = { code: 'arguments_mismatch', reason: 'ambiguous' };
    expect(await recorded({ chain, args: { a: 2 ** 53 } })).to.deep.equal(ambiguous);
    const batch = [1, 2].map((id) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'read', _meta: { [CALL_CHAIN]: chain } },
    }));
    const run = async (): Promise<unknown> =>
      callStackGuard(options).run(contextWith({ body: batch, state: signedBy(B) }));
    const error: unknown = await run().catch((thrown: unknown) => thrown);
    expect(error).to.deep.include({ code: 'chain_malformed', detail: { reason: 'batch' } });
  });

  it('names who brings no chain, and who may not start one', async () => {
    expect(await recorded({})).to.deep.equal({ code: 'chain_missing', caller: B });
    const chain = await sign([{ signer: b, issuer: B, resource: C, tool: 'write' }]);
    expect(await recorded({ chain })).to.deep.equal({ code: 'root_denied', caller: B });
  });

  it('names both tools where one of them does not agree', async () => {
    const caller = `${B}#fetch`;
    const sent = async (tool: string): Promise<unknown> => recorded({ chain: await sign(hops({ tool })), tool });
    const detail = { caller, transaction: txn };
    expect(await sent('closed')).to.deep.equal({ code: 'caller_denied', callee: `${C}#closed`, ...detail });
    expect(await sent('shy')).to.deep.equal({ code: 'caller_blocked', callee: `${C}#shy`, ...detail });
    const alone = { caller: '@root', callee: `${C}#closed`, transaction: undefined };
    expect(await recorded({ tool: 'closed', state: client() })).to.deep.equal({ code: 'caller_denied', ...alone });
  });

  it('asks the rules of a calling tool of its own', async () => {
    for (const [tool, code] of [
      ['strict', 'callee_denied'],
      ['wary', 'callee_blocked'],
    ] as const) {
      const chain = await sign([
        { signer: a, issuer: A, resource: C, tool },
        { signer: c, issuer: C, resource: C, tool: 'read' },
      ]);
      const detail = { caller: `${C}#${tool}`, callee: `${C}#read`, transaction: txn };
      expect(await recorded({ chain, tool: 'read', state: signedBy(C) })).to.deep.equal({ code, ...detail });
      const other = await sign([
        { signer: a, issuer: A, resource: B, tool },
        { signer: b, issuer: B, resource: C, tool: 'read' },
      ]);
      const allowed = await recorded({ chain: other, tool: 'read' }).catch((error: unknown) => error);
      expect(allowed, 'a tool of the same name elsewhere').to.have.property('message', 'it was allowed');
    }
  });

  it('says what is missing to whom', async () => {
    const expected = {
      code: 'privilege_escalated',
      required: ['audit:log'],
      missing: ['audit:log'],
      callee: `${C}#write`,
    };
    const none = await sign(hops({ permissions: ['x'] }));
    expect(await recorded({ chain: none })).to.deep.equal({ ...expected, granted: ['x'], transaction: txn });
    const state = { ...signedBy(B), access: { ...ALL_RIGHTS, granted: ['x'] } };
    const given = await sign(hops({ permissions: ['audit:log', 'x'] }));
    expect(await recorded({ chain: given, state })).to.deep.equal({ ...expected, granted: ['x'], transaction: txn });
    const own = { ...client(), access: { ...ALL_RIGHTS, granted: [] } };
    expect(await recorded({ state: own })).to.deep.equal({ ...expected, granted: [], transaction: undefined });
  });

  it('says who limits the depth', async () => {
    const chain = await sign(hops());
    const code = 'call_depth_exceeded';
    const policy = { code, reason: 'policy', transaction: txn };
    expect(await recorded({ chain, more: { maxDepth: 2 } })).to.deep.equal(policy);
    const short = await sign(hops(), { maxDepth: 0 });
    expect(await recorded({ chain: short })).to.deep.equal({ code, reason: 'chain', transaction: txn });
    const nested = await sign([
      { signer: a, issuer: A, resource: C, tool: 'leaf' },
      { signer: c, issuer: C, resource: C, tool: 'read' },
    ]);
    const sent = { chain: nested, tool: 'read', state: signedBy(C) };
    expect(await recorded(sent)).to.deep.equal({ code, reason: 'tool', transaction: txn });
  });

  it('names the transaction of what was too much, in a circle, a replay or of another subject', async () => {
    const chain = await sign(hops());
    const full = { increment: () => Promise.resolve({ totalHits: 2, resetTime: undefined }) };
    const counted = { chain, more: { maxCalls: 1, calls: full as never } };
    expect(await recorded(counted)).to.deep.equal({ code: 'fanout_exceeded', transaction: txn });
    const replay = { claim: () => Promise.resolve(false) };
    expect(await recorded({ chain, more: { replay } })).to.deep.equal({ code: 'chain_replayed', transaction: txn });
    const other = await recorded({ chain, more: { sameSubject: true } });
    expect(other).to.deep.equal({ code: 'subject_mismatch', transaction: txn });
    const circle = await sign([
      { signer: a, issuer: A, resource: C, tool: 'read' },
      { signer: c, issuer: C, resource: C, tool: 'read' },
    ]);
    const round = await recorded({ chain: circle, tool: 'read', state: signedBy(C) });
    expect(round).to.deep.equal({ code: 'call_circular', transaction: txn });
  });

  it('claims a hop under its issuer, until it has ended by every clock', async () => {
    const claimed: unknown[] = [];
    const replay = {
      claim: (...args: unknown[]) => {
        claimed.push(args);
        return Promise.resolve(false);
      },
    };
    const chain = await sign(hops({ claims: { jti: 'j'.repeat(22) } }));
    await denial({ chain, more: { replay } });
    expect(claimed).to.deep.equal([[`call:${B}:${'j'.repeat(22)}`, new Date((time + 60 + 30) * 1000), B]]);
  });

  it('is about the last of three hops', async () => {
    const three = (permissions: readonly string[]): Promise<string[]> =>
      sign([
        { signer: a, issuer: A, caller: 'report', resource: B, tool: 'fetch', permissions: ['audit:log'] },
        { signer: b, issuer: B, resource: B, tool: 'format', permissions: ['audit:log'] },
        { signer: b, issuer: B, resource: C, tool: 'write', permissions, claims: { jti: 'l'.repeat(22) } },
      ]);
    expect(await recorded({ chain: await three([]) })).to.deep.include({ code: 'privilege_escalated', granted: [] });
    const claimed: unknown[] = [];
    const replay = { claim: (key: string) => Promise.resolve(claimed.push(key) < 0) };
    await denial({ chain: await three(['audit:log']), more: { replay } });
    expect(claimed).to.deep.equal([`call:${B}:${'l'.repeat(22)}`]);
  });

  it('starts with the name of the guard, where a developer is told', () => {
    const table: readonly (readonly [string, object])[] = [
      ["'calls' must be a store", { calls: 7 }],
      ["'maxCalls'", { maxCalls: 0 }],
      ["'identity': 'resource'", { identity: { resource: '' } }],
      [
        "'trust' has the client",
        {
          trust: ['x', 'y'].map((name) => ({ owner: `${A}/${name}`, clientId: 'same', jwksUri: `${A}/${name}/keys` })),
        },
      ],
    ];
    for (const [problem, change] of table) {
      expect(() => callStackGuard({ ...options, ...change }), problem).to.throw(
        TypeError,
        `callStackGuard: ${problem}`,
      );
    }
  });

  it('has a sentence for each', async () => {
    const chain = await sign(hops());
    const table: readonly (readonly [Sent, string])[] = [
      [{}, 'A tool server must bring a call chain'],
      [{ chain: [] }, 'The call chain is malformed'],
      [{ chain, tool: 'read' }, 'The call chain is for another tool'],
      [{ tool: 'gone', state: client() }, 'The tool is not defined'],
    ];
    for (const [sent, message] of table) expect(await denial(sent)).to.have.property('message', message);
  });

  it('is of a guard that reads who calls, and may add the stack', () => {
    expect(callStackGuard(options)).to.deep.include({
      name: 'callStackGuard',
      needs: [],
      oneOf: ['auth', 'signature'],
      reads: ['auth', 'signature', 'access'],
      adds: [],
      mayAdd: ['callStack'],
    });
  });
});
