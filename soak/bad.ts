// Requests that are wrong in one way, each of which has its own answer.
import { randomUUID } from 'node:crypto';
import { anyOf, isServed, type Kind } from './kind.js';
import {
  bearer,
  call,
  chained,
  chainFor,
  goodCall,
  list,
  nextUser,
  proven,
  reports,
  signed,
  user,
} from './requests.js';
import type { Outgoing } from './send.js';
import { deny, type Answer } from './verdict.js';
import type { World } from './world.js';

/** The id of a token that was revoked before the traffic began. */
export const REVOKED = 'revoked-before-the-traffic';
/** Whose call of the tool `scarce` was the last for a while. */
const GREEDY = 'greedy';

type Make = (world: World, id: string) => Promise<Outgoing | undefined>;

/** One request, and why it is denied. */
function bad(name: string, [status, code]: readonly [number, string], make: Make, weight = 1): Kind {
  const run: Kind['run'] = async (world, id) => {
    const outgoing = await make(world, id);
    return outgoing && world.sender.send(outgoing);
  };
  return { name, group: 'bad', weight, expected: deny(status, code), run };
}

const seconds = (): number => Math.floor(Date.now() / 1000);
const listing = (id: string, token: string, more: Readonly<Record<string, string>> = {}): Outgoing => ({
  headers: bearer(token, more),
  body: list(id),
});
const signing = ({ agent }: World) => agent.signer('request');

const TOKEN = [401, 'token_invalid'] as const;
const PROOF = [401, 'proof_invalid'] as const;
const SIGNATURE = [403, 'signature_invalid'] as const;

const TOKENS: readonly Kind[] = [
  bad('no token', [401, 'token_missing'], async (_world, id) =>
    Promise.resolve({ headers: { 'content-type': 'application/json' }, body: list(id) }),
  ),
  bad('token that has expired', TOKEN, async ({ authority }, id) =>
    listing(id, await authority.fresh({ ...user(), iat: seconds() - 700, exp: seconds() - 400 })),
  ),
  bad('token for another audience', TOKEN, async ({ authority }, id) =>
    listing(id, await authority.fresh({ ...user(), aud: 'https://other.example/mcp' })),
  ),
  bad('token of an impostor', TOKEN, async ({ authority }, id) => listing(id, await authority.impostor.token(user()))),
  bad(
    'token under a key that was withdrawn',
    TOKEN,
    async ({ authority: { withdrawn } }, id) => withdrawn && listing(id, await withdrawn.token(user())),
  ),
  bad('token that was revoked', TOKEN, async ({ authority }, id) =>
    listing(id, await authority.fresh({ ...user(), jti: REVOKED })),
  ),
  bad('token without a signature', TOKEN, async ({ authority }, id) => {
    const [, claims = ''] = (await authority.fresh(user())).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
    return listing(id, `${header}.${claims}.`);
  }),
  bad('bound token without a proof', TOKEN, async ({ authority, prover }, id) =>
    listing(id, await authority.token({ ...user(), cnf: { jkt: prover.jkt } })),
  ),
  bad('proof by another key', PROOF, async (world, id) => ({
    headers: await proven(world, { by: world.otherProver }),
    body: list(id),
  })),
  bad('proof for another address', PROOF, async (world, id) => ({
    headers: await proven(world, { url: 'https://mcp.example.com/other' }),
    body: list(id),
  })),
  bad('proof that was used', PROOF, ({ proven: used }) => Promise.resolve(anyOf(used)?.outgoing), 3),
];

const RIGHTS: readonly Kind[] = [
  bad('scope that a tool needs is missing', [403, 'scope_insufficient'], async (world, id) =>
    signed(signing(world), bearer(await world.authority.token(user(nextUser(), 'mcp'))), call(id)),
  ),
  bad('scope that the server needs is missing', [403, 'scope_insufficient'], async ({ authority }, id) =>
    listing(id, await authority.token(user(nextUser(), 'data:read'))),
  ),
  bad('tool that is not defined', [403, 'tool_undefined'], async (world, id) =>
    signed(signing(world), bearer(await world.authority.token(user())), call(id, 'erase')),
  ),
  bad('tool with the name of a prototype', [403, 'tool_undefined'], async (world, id) =>
    signed(signing(world), bearer(await world.authority.token(user())), call(id, '__proto__')),
  ),
  bad('batch with one call too many', [403, 'tool_undefined'], async (world, id) =>
    signed(signing(world), bearer(await world.authority.token(user())), `[${list(id)},${call(id, 'erase')}]`),
  ),
  bad('call over the rate', [429, 'rate_limited'], async (world, id) => greedyCall(world, id)),
  bad('page of another origin', [403, 'origin_denied'], async ({ authority }, id) =>
    listing(id, await authority.token(user()), { origin: 'https://evil.example' }),
  ),
  bad('host of another name', [403, 'host_denied'], async ({ authority }, id) =>
    listing(id, await authority.token(user()), { host: 'evil.example' }),
  ),
  bad('session of somebody else', [404, 'session_unknown'], async ({ authority, sessions }, id) => {
    const session = sessions.at(-1);
    const token = await authority.token(user('somebody-else'));
    return session && listing(id, token, { 'mcp-session-id': session.id });
  }),
  bad('session that does not exist', [404, 'session_unknown'], async ({ authority }, id) =>
    listing(id, await authority.token(user()), { 'mcp-session-id': randomUUID() }),
  ),
  bad('header that says another method', [400, 'header_mismatch'], async ({ authority }, id) =>
    listing(id, await authority.token(user()), { 'mcp-method': 'tools/call' }),
  ),
];

const SIGNATURES: readonly Kind[] = [
  bad('call without a signature', [403, 'signature_required'], async ({ authority }, id) => ({
    headers: bearer(await authority.token(user())),
    body: call(id),
  })),
  bad('body that was changed', SIGNATURE, async (world, id) => {
    const outgoing = await goodCall(world, id);
    return { ...outgoing, body: call(id, 'read', { arguments: { text: 'changed' } }) };
  }),
  bad('token that was exchanged for another', SIGNATURE, async (world, id) => {
    const { headers, ...outgoing } = await goodCall(world, id, {}, user('user-1'));
    return {
      ...outgoing,
      headers: { ...headers, authorization: `Bearer ${await world.authority.token(user('user-2'))}` },
    };
  }),
  bad('signature by a stranger', SIGNATURE, async (world, id) =>
    signed(world.stranger, bearer(await world.authority.token(user())), call(id)),
  ),
  bad('signature by another client', SIGNATURE, async (world, id) =>
    signed(world.reports, bearer(await world.authority.token(user())), call(id)),
  ),
  bad('signature that has expired', SIGNATURE, async (world, id) => {
    const times = { created: seconds() - 400, expires: seconds() - 200 };
    return signed(signing(world), bearer(await world.authority.token(user())), call(id), times);
  }),
  bad('signature that was used', SIGNATURE, ({ signed: used }) => Promise.resolve(anyOf(used)?.outgoing), 4),
  {
    name: 'signature that is used four times at once',
    group: 'bad',
    weight: 1,
    expected: deny(...SIGNATURE),
    run: race,
  },
];

const CHAINS: readonly Kind[] = [
  bad('call by a tool without a chain', [403, 'chain_missing'], async (world, id) =>
    signed(world.reports, bearer(await world.authority.token(reports)), call(id)),
  ),
  bad(
    'chain that was used',
    [403, 'chain_replayed'],
    async (world, id) => {
      const used = anyOf(world.chains);
      return used && chained(world, id, used.chain, { text: used.id });
    },
    2,
  ),
  bad('chain for other arguments', [403, 'arguments_mismatch'], async (world, id) =>
    chained(world, id, await chainFor(world, id), { text: 'other' }),
  ),
  bad('chain for another tool', [403, 'tool_mismatch'], async (world, id) =>
    chained(world, id, await chainFor(world, id, { tool: 'watch' }), { text: id }),
  ),
  bad('chain by a stranger', [403, 'chain_untrusted'], async (world, id) =>
    chained(world, id, await chainFor(world, id, { signer: world.stranger }), { text: id }),
  ),
];

export const BAD: readonly Kind[] = [...TOKENS, ...RIGHTS, ...SIGNATURES, ...CHAINS];

/** A call that its caller may make once in an hour. */
async function greedyCall(world: World, id: string): Promise<Outgoing> {
  return signed(signing(world), bearer(await world.authority.token(user(GREEDY))), call(id, 'scarce'));
}

/** Makes the one call that there is in an hour, which also says whether the server is up. */
export async function useUpRate(world: World): Promise<void> {
  const answer = await world.sender.send(await greedyCall(world, 'first'));
  if (!isServed(answer)) throw new Error(`the server is not up: ${answer.status ?? 'no answer'} ${answer.code ?? ''}`);
}

/** One of the four is served, or none where something is down. A second one is the answer that counts. */
async function race(world: World, id: string): Promise<Answer | undefined> {
  const outgoing = await goodCall(world, `race-${id}`);
  const answers = await Promise.all(Array.from({ length: 4 }, () => world.sender.send(outgoing)));
  const served = answers.filter(isServed);
  return served[1] ?? answers.find((answer) => !isServed(answer));
}
