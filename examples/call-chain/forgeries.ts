// What somebody sends who broke into the server in the middle: its keys and tokens are real, the chains are not.
import { createHmac, randomUUID } from 'node:crypto';
import type { Signer } from '../../lib/index.js';
import { fakeSigner, signCallChain, type HopToSign } from '../../lib/testing.js';
import { userToken } from './tokens.js';
import type { Workshop } from './workshop.js';

type Members = Readonly<Record<string, unknown>>;

const [STALE, BROKEN, MALFORMED] = ['chain_stale', 'chain_broken', 'chain_malformed'];

/** A chain or whatever else stands in its place, and how it is sent. */
export interface Forgery {
  readonly what: string;
  readonly expected: string;
  readonly chain?: unknown;
  readonly tool?: string;
  readonly args?: Members;
  readonly to?: 'reports' | 'audit';
  readonly token?: string;
}

/** Hops that were left out, moved, put in or changed. */
async function changed({ world, chain, hops }: Workshop): Promise<readonly Forgery[]> {
  const { resources } = world;
  const transaction = randomUUID();
  const [first = '', last = ''] = await chain({}, { transaction });
  const [, leaf] = hops();
  const another = { ...leaf, resource: resources.files, tool: 'file_list', arguments: {} };
  const between = (await signCallChain([another], { after: [first], transaction })).at(-1);
  const edited = (token: string, changes: object): string => {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    return [header, encode({ ...claims, ...changes }), signature].join('.');
  };
  return [
    { what: 'an honest chain', expected: 'allowed', chain: await chain() },
    { what: 'the first hop left out', expected: BROKEN, chain: [last] },
    { what: 'hops in another order', expected: BROKEN, chain: [last, first] },
    { what: 'a hop put in', expected: BROKEN, chain: [first, between, last] },
    { what: 'hops of two honest chains spliced', expected: BROKEN, chain: [(await chain())[0], last] },
    { what: 'a chain that starts in the middle', expected: 'root_denied', chain: await signCallChain([leaf]) },
    { what: 'no chain at all', expected: 'chain_missing' },
    {
      what: 'frames instead of a chain',
      expected: MALFORMED,
      chain: [{ resource: resources.files, tool: 'file_list' }],
    },
    {
      what: 'claims edited under the signature',
      expected: 'chain_invalid',
      chain: [first, edited(last, { jti: randomUUID() })],
    },
    {
      what: 'a higher limit of the depth',
      expected: BROKEN,
      chain: await chain({ last: { claims: { del_max_depth: 8 } } }),
    },
    {
      what: 'more permissions than the caller has',
      expected: BROKEN,
      chain: await chain({ last: { permissions: ['file:delete'] } }),
    },
    {
      what: 'fewer permissions than the tool needs',
      expected: 'privilege_escalated',
      chain: await chain({ last: { permissions: [] } }),
    },
    { what: 'another transaction', expected: BROKEN, chain: await chain({ last: { claims: { txn: randomUUID() } } }) },
    { what: 'another subject', expected: BROKEN, chain: await chain({ last: { claims: { sub: 'admin' } } }) },
    { what: 'a lifetime of an hour', expected: STALE, chain: await chain({}, { lifetime: 3600 }) },
    {
      what: 'a chain of an hour ago',
      expected: STALE,
      chain: await chain({}, { now: () => new Date(Date.now() - 3.6e6) }),
    },
    {
      what: 'a chain of tomorrow',
      expected: STALE,
      chain: await chain({}, { now: () => new Date(Date.now() + 8.64e7) }),
    },
  ];
}

/** Chains of others, for others, or for another call. */
async function mixed({ world, tokens, chain, revoked }: Workshop): Promise<readonly Forgery[]> {
  const { keys, resources } = world;
  const outsider = await userToken(world, 'audit', 'file:read audit:log');
  const stranger = await fakeSigner();
  const by = (signer: Signer): Partial<HopToSign> => ({ signer });
  const calleeKey = (await keys.audit.signer('call-chain').current()).keyId;
  const toReports = { resource: resources.reports, tool: 'report_builder', arguments: { name: 'notes.txt' } };
  return [
    {
      what: 'a chain that somebody else stole',
      expected: 'possession_unproven',
      chain: await chain(),
      token: outsider,
    },
    {
      what: 'a chain for another server',
      expected: 'audience_mismatch',
      chain: await chain(),
      to: 'reports',
      tool: 'report_any',
    },
    { what: 'a chain for another tool', expected: 'tool_mismatch', chain: await chain(), tool: 'audit_read' },
    {
      what: 'a chain for other arguments',
      expected: 'arguments_mismatch',
      chain: await chain(),
      args: { entry: 'nothing' },
    },
    { what: 'a key that nobody trusts', expected: 'chain_untrusted', chain: await chain({ last: by(stranger) }) },
    {
      what: 'the key of another server',
      expected: 'chain_untrusted',
      chain: await chain({ last: by(keys.audit.signer('call-chain')) }),
    },
    {
      what: 'a key that its owner revoked',
      expected: 'chain_untrusted',
      chain: revoked,
      token: tokens.agent,
      tool: 'audit_read',
    },
    { what: 'a key that the caller did not name', expected: BROKEN, chain: await chain({ first: { calleeKey } }) },
    {
      what: 'a circle that the chain itself shows',
      expected: 'call_circular',
      chain: await chain({ last: toReports }),
      to: 'reports',
      tool: 'report_builder',
      args: toReports.arguments,
    },
    {
      what: 'a token that may not what the chain may',
      expected: 'scope_insufficient',
      chain: await chain(),
      token: tokens.fewer,
    },
  ];
}

/** One type, key or algorithm taken for another. */
async function confused({ world, chain }: Workshop): Promise<readonly Forgery[]> {
  const [first = '', last = ''] = await chain();
  const [, payload = '', signature = ''] = last.split('.');
  const { keyId: kid } = await world.keys.files.signer('call-chain').current();
  const [jwk] = (await world.keys.files.jwks('call-chain')).keys;
  const typ = 'etdi-call+jwt';
  const unsigned = `${encode({ typ, alg: 'none', kid })}.${payload}.`;
  const input = `${encode({ typ, alg: 'HS256', kid })}.${payload}`;
  const symmetric = `${input}.${createHmac('sha256', JSON.stringify(jwk)).update(input).digest('base64url')}`;
  const renamed = `${encode({ typ, alg: 'ES256', kid: '../../keys/audit' })}.${payload}.${signature}`;
  const header = (members: Members): Promise<string[]> => chain({ last: { header: members } });
  return [
    { what: 'no algorithm, and no signature', expected: MALFORMED, chain: [first, unsigned] },
    { what: 'no algorithm, and some signature', expected: 'chain_invalid', chain: [first, `${unsigned}${signature}`] },
    { what: 'the public key as a secret', expected: 'chain_invalid', chain: [first, symmetric] },
    { what: 'an access token as a hop', expected: MALFORMED, chain: await header({ typ: 'at+jwt' }) },
    { what: 'a hop that brings its key', expected: MALFORMED, chain: await header({ jwk }) },
    { what: 'a key id that is a path', expected: MALFORMED, chain: [first, renamed] },
    { what: 'an extension that nobody knows', expected: MALFORMED, chain: await header({ crit: ['b64'], b64: false }) },
  ];
}

/** Chains that are only there to cost something, or are too deep. */
async function limits({ world, chain, hops }: Workshop): Promise<readonly Forgery[]> {
  const { resources, keys } = world;
  const [first = '', last = ''] = await chain();
  const [root, leaf] = hops();
  const within = ['file_list', 'file_share', 'file_copy'].map((tool) => ({ ...leaf, resource: resources.files, tool }));
  const deep = await signCallChain([root, ...within, leaf]);
  const own = { ...root, signer: keys.reports.signer('call-chain') };
  const shallow = await signCallChain([own, leaf], { maxDepth: 0 });
  return [
    { what: 'a chain of nine hops', expected: MALFORMED, chain: [first, ...Array<string>(8).fill(last)] },
    { what: 'a chain of a thousand hops', expected: MALFORMED, chain: Array<string>(1000).fill(last) },
    { what: 'a hop of 16 KiB', expected: MALFORMED, chain: [first, `${last}${'A'.repeat(16_384)}`] },
    { what: 'more tools than the server allows', expected: 'call_depth_exceeded', chain: deep },
    { what: 'more tools than the first hop allows', expected: 'call_depth_exceeded', chain: shallow },
  ];
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

export const FORGERIES: readonly ((shop: Workshop) => Promise<readonly Forgery[]>)[] = [
  changed,
  mixed,
  confused,
  limits,
];
