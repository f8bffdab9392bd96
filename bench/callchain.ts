// What it costs to prove a call stack: a chain of three hops beside three raw computations, no chain, and far too long a one.
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import type { RequestContext } from '../lib/context.js';
import { isDenial } from '../lib/denial.js';
import { readMessages } from '../lib/rpc.js';
import { memoryReplay } from '../lib/stores/replay.js';
import { CALL_CHAIN, fakeSigner, signCallChain } from '../lib/testing.js';
import { defineTools } from '../lib/tools/defineTools.js';
import { callStackGuard } from '../middleware/callStackGuard.js';
import { compare, ratio, type Contender, type Row } from './harness.js';
import { say } from './report.js';

const RESOURCE = 'https://mcp.example.com/mcp';
const A = 'https://a.example/mcp';
const B = 'https://b.example/mcp';
const ARGUMENTS = { path: 'notes/today.txt', text: 'x'.repeat(200) };

/** The first row is three raw verifications. */
export async function benchCallchain(): Promise<void> {
  const [raw, chain, seen, none, long] = await compare('prove a call stack, ES256', await contenders());
  if (raw === undefined || chain === undefined || seen === undefined || none === undefined || long === undefined)
    return;
  const times = (row: Row): string => ratio(row, raw).toFixed(2);
  say(
    `three hops: ratio ${times(chain)}, and ${times(seen)} where two were seen (target: at most 1.3); no chain: ${text(none)} us (target: under 10); ` +
      `1,000 hops: ${text(long)} us (target: under 1000)`,
  );
}

function text({ cpu }: Row): string {
  return cpu.median.toFixed(1);
}

async function contenders(): Promise<readonly Contender[]> {
  const [a, b, agent] = await Promise.all([fakeSigner(), fakeSigner(), fakeSigner()]);
  const tools = defineTools({ read: { permissions: ['file:read'], allowedCallers: ['@root', `${B}#fetch`] } });
  const store = memoryReplay({ max: 10_000_000, maxPerHolder: 10_000_000 });
  let claims = 0;
  const guard = callStackGuard({
    tools,
    identity: { resource: RESOURCE },
    trust: [
      { owner: 'https://agent.example', mayRoot: true, jwks: agent.jwks },
      { owner: A, jwks: a.jwks },
      { owner: B, jwks: b.jwks },
    ],
    maxCalls: Number.MAX_SAFE_INTEGER,
    // One chain is verified again and again, so each claim gets a key of its own.
    replay: { claim: (key, expiresAt, holder) => store.claim(`${key}:${(claims += 1)}`, expiresAt, holder) },
  });
  const permissions = ['file:read'];
  const sign = (): Promise<string[]> =>
    signCallChain(
      [
        { signer: agent, issuer: 'https://agent.example', resource: A, tool: 'report', permissions },
        { signer: a, issuer: A, resource: B, tool: 'fetch', permissions, arguments: ARGUMENTS },
        { signer: b, issuer: B, resource: RESOURCE, tool: 'read', permissions, arguments: ARGUMENTS },
      ],
      { subject: 'user|1234567890', lifetime: 300 },
    );
  const chain = await sign();
  // More than are remembered, so that each is new when its turn comes.
  const calls = (await Promise.all(Array.from({ length: 700 }, sign))).map(messagesWith);
  const [again, none, long] = [chain, undefined, Array.from({ length: 1000 }, () => chain[0])].map(messagesWith);
  if (again === undefined || none === undefined || long === undefined) throw new Error('there are no calls');
  let turn = 0;
  const run = (received: () => Messages, clientId: string): (() => Promise<void>) => {
    // What a token proves is made once, when it is verified.
    const auth = { ...AUTH, clientId };
    return async () => {
      const { callStack } = await guard.run(contextOf(received(), auth));
      if (callStack === undefined) throw new Error('no call stack was proven');
    };
  };
  return [
    { name: 'three times node:crypto verify', run: threeTimes(chain[0]?.length ?? 0) },
    { name: 'callStackGuard, three hops', run: run(() => calls[(turn += 1) % calls.length] ?? again, B) },
    { name: 'callStackGuard, three hops, two seen', run: run(() => again, B) },
    { name: 'callStackGuard, no chain', run: run(() => none, 'agent') },
    {
      name: 'callStackGuard, 1,000 hops',
      run: async () => {
        const denied = await Promise.resolve(guard.run(contextOf(long, { ...AUTH, clientId: B }))).catch(isDenial);
        if (denied !== true) throw new Error('a chain of 1,000 hops was not denied');
      },
    },
  ];
}

/** Over as many bytes as a hop has. */
function threeTimes(length: number): () => void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const bytes = Buffer.alloc(length, 'b');
  const signature = sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  return () => {
    for (let hop = 0; hop < 3; hop += 1) verify('sha256', bytes, key, signature);
  };
}

const AUTH = {
  issuer: 'https://issuer.example',
  subject: 'user',
  scopes: [],
  roles: [],
  resource: RESOURCE,
  expiresAt: 2e9,
  token: 'token',
  claims: {},
};
const granted: readonly string[] = Object.freeze(['file:read']);
const access = { may: () => 'yes' as const, required: [], granted };

type Messages = ReturnType<typeof readMessages>;

/** What the body of a request holds. It is read once, for all checks. */
function messagesWith(chain: unknown): Messages {
  const named = { name: 'read', arguments: ARGUMENTS };
  const params = chain === undefined ? named : { name: 'read', arguments: ARGUMENTS, _meta: { [CALL_CHAIN]: chain } };
  return readMessages({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
}

function contextOf(messages: Messages, auth: typeof AUTH & { readonly clientId: string }): RequestContext {
  const request = { headers: {}, rpc: () => Promise.resolve(messages) };
  return { request, state: { auth, access } } as unknown as RequestContext;
}
