// Requests that must be served.
import { isServed, remember, type Kind } from './kind.js';
import { bearer, call, chained, chainFor, goodCall, list, nextUser, proven, rpc, signed, user } from './requests.js';
import { serve, type Answer, type Expected } from './verdict.js';
import type { Session, World } from './world.js';

const good = (name: string, weight: number, run: Kind['run'], expected: Expected = serve): Kind => ({
  name,
  group: 'good',
  weight,
  expected,
  run,
});

const plain = (...given: Parameters<typeof good>): Kind => ({ ...good(...given), isPlain: true });

export const GOOD: readonly Kind[] = [
  plain('list, with a token', 10, async ({ authority, sender }, id) =>
    sender.send({ headers: bearer(await authority.token(user())), body: list(id) }),
  ),
  good('list, with a bound token', 6, async (world, id) => {
    const outgoing = { headers: await proven(world), body: list(id) };
    const answer = await world.sender.send(outgoing);
    if (isServed(answer)) remember(world.proven, { outgoing, at: performance.now() });
    return answer;
  }),
  plain('list, with a token nobody has seen', 3, async ({ authority, sender }, id) =>
    sender.send({ headers: bearer(await authority.fresh(user())), body: list(id) }),
  ),
  good('call, signed', 12, async (world, id) => {
    const outgoing = await goodCall(world, id);
    const answer = await world.sender.send(outgoing);
    if (isServed(answer)) remember(world.signed, { outgoing, at: performance.now() });
    return answer;
  }),
  good('call, signed, with a bound token', 8, async (world, id) =>
    world.sender.send(await signed(world.agent.signer('request'), await proven(world), call(id))),
  ),
  good('call of what needs more, signed', 2, async (world, id) => {
    const token = await world.authority.token(user(nextUser(), 'mcp data:write'));
    return world.sender.send(await signed(world.agent.signer('request'), bearer(token), call(id, 'purge')));
  }),
  good('call, answered by an event stream', 4, async (world, id) => {
    const token = await world.authority.token(user());
    return world.sender.send(await signed(world.agent.signer('request'), bearer(token), call(id, 'watch')));
  }),
  good('call, by a tool', 6, async (world, id) => {
    const chain = await chainFor(world, id);
    const answer = await world.sender.send(await chained(world, id, chain, { text: id }));
    if (isServed(answer)) remember(world.chains, { chain, id, at: performance.now() });
    return answer;
  }),
  good('session opened', 2, openSession),
  good('session used', 5, useSession),
  good('session ended', 1, endSession),
];

async function openSession({ authority, sender, sessions }: World, id: string): Promise<Answer> {
  const owner = nextUser();
  const body = rpc(id, 'initialize', {});
  const answer = await sender.send({ headers: bearer(await authority.token(user(owner))), body });
  if (isServed(answer) && answer.session === undefined) return { status: undefined };
  if (answer.session !== undefined) sessions.push({ id: answer.session, user: owner, busy: 0 });
  return answer;
}

async function useSession(world: World, id: string): Promise<Answer | undefined> {
  const { authority, sender, sessions, agent } = world;
  const session = sessions[Math.floor(Math.random() * sessions.length)];
  if (session === undefined) return undefined;
  session.busy += 1;
  const headers = bearer(await authority.token(user(session.user)), { 'mcp-session-id': session.id });
  const answer = await sender.send(await signed(agent.signer('request'), headers, call(id)));
  session.busy -= 1;
  return answer;
}

/** Some are left open, for others to try. */
async function endSession({ authority, sender, sessions }: World): Promise<Answer | undefined> {
  const session = sessions.find(({ busy }) => busy === 0);
  if (session === undefined || sessions.length < 20) return undefined;
  sessions.splice(sessions.indexOf(session), 1);
  return sender.send({ method: 'DELETE', headers: headersOf(session, await authority.token(user(session.user))) });
}

function headersOf({ id }: Session, token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}`, 'mcp-session-id': id };
}
