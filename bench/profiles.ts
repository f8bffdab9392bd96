// What a whole level costs in front of a real MCP server. Calls are signed where a level asks for it.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fakeSigner, signRequest, type FakeSigner } from '../lib/testing.js';
import type { Contender } from './contenders/contender.js';
import { BARE, levelName, profileContenders, WITH_SDK } from './contenders/profiles.js';
import { addedBy, baselineOf } from './costs.js';
import { answerOf, meterOf, type Ship } from './fleet.js';
import { inRounds, pairwise, ROUNDS, sliceMs } from './harness.js';
import { startIssuer } from './issuer.js';
import { BODY, headersWith } from './message.js';
import { fire, visit, type Headers, type Sample } from './prepared.js';
import { figureOf, record, say, table } from './report.js';

const WARM_UP = 3_000;
/** The share of the requests per second that is to be left at level `enhanced`. */
const TARGET = 0.8;

export async function benchProfiles(): Promise<void> {
  const { setup, tokens, close } = await startIssuer('RS256');
  const agent = await fakeSigner('ES256');
  const given = JSON.stringify({ ...setup, agent: agent.jwks });
  const children: ChildProcess[] = [];
  try {
    const ships: Ship[] = [];
    for (const contender of profileContenders) {
      const child = fork(fileURLToPath(new URL('server.js', import.meta.url)), [contender.name, given]);
      children.push(child);
      const { port } = (await answerOf(child)) as { port: number };
      ships.push({ contender, url: `http://127.0.0.1:${port}/mcp`, meter: () => meterOf(child) });
    }
    const make = requestsFor(setup.audience, tokens.good, agent);
    for (const ship of ships) await verify(ship, make);
    await measure(ships, make);
  } finally {
    for (const child of children) child.kill();
    close();
  }
}

type Make = (contender: Contender, amount: number) => Promise<readonly Headers[]>;

function requestsFor(url: string, token: string, signer: FakeSigner): Make {
  const plain = headersWith(token);
  const signed = async (): Promise<Headers> => {
    const created = Math.floor(Date.now() / 1000);
    return signRequest({ url, headers: plain, body: BODY }, { signer, created, expires: created + 300 });
  };
  return ({ name }, amount) =>
    Promise.all(Array.from({ length: amount }, async () => (name === levelName('high') ? signed() : plain)));
}

async function measure(ships: readonly Ship[], make: Make): Promise<void> {
  for (const ship of ships) await fire(ship, await make(ship.contender, WARM_UP));
  const measured = await inRounds(ships, ROUNDS, (ship) =>
    visit(ship, (amount) => make(ship.contender, amount), sliceMs(400) * 2),
  );
  const of = (key: keyof Sample): ReadonlyMap<Contender, readonly number[]> =>
    new Map([...measured].map(([{ contender }, values]) => [contender, values.map((sample) => sample[key])]));
  const [rps, cpu] = [of('rps'), of('cpu')];
  const lines = [...rps].map(([contender, values]) => ({
    name: contender.name,
    figures: {
      'requests/s': figureOf(values),
      'x no check': figureOf(pairwise(values, baselineOf(contender, rps), (value, base) => value / base)),
      'server CPU us/request': figureOf(cpu.get(contender) ?? []),
      'added us': figureOf(addedBy(contender, cpu)),
    },
  }));
  table(`levels in front of an MCP server, RS256, ${ROUNDS} interleaved rounds`, { bench: 'profiles' }, lines);
  headlines(rps, cpu);
}

type Samples = ReadonlyMap<Contender, readonly number[]>;

function headlines(rps: Samples, cpu: Samples): void {
  const named = (samples: Samples, wanted: string) => [...samples.keys()].find(({ name }) => name === wanted);
  const added = (wanted: string): readonly number[] => {
    const found = named(cpu, wanted);
    return found === undefined ? [] : addedBy(found, cpu);
  };
  const enhanced = named(rps, levelName('enhanced'));
  const bare = named(rps, BARE);
  if (enhanced === undefined || bare === undefined) return;
  const share = figureOf(pairwise(rps.get(enhanced) ?? [], rps.get(bare), (value, base) => value / base));
  const ratio = figureOf(pairwise(added(levelName('enhanced')), added(WITH_SDK), (ours, theirs) => ours / theirs));
  record({ bench: 'profiles', headline: { share, ratio }, targets: { share: TARGET, ratio: 1 } });
  const verdict = (met: boolean): string => (met ? 'met' : 'MISSED');
  say(
    `=> level enhanced serves ${share.median.toFixed(2)} times the requests of no check (target >= ${TARGET}: ` +
      `${verdict(share.median >= TARGET)}) and adds ${ratio.median.toFixed(2)} times the CPU of requireBearerAuth + jose ` +
      `(target < 1: ${verdict(ratio.median < 1)})`,
  );
}

/** Nothing is measured that would not protect. */
async function verify(ship: Ship, make: Make): Promise<void> {
  const { name, denies } = ship.contender;
  const statusOf = async (headers: Headers, body = BODY): Promise<number> =>
    (await fetch(ship.url, { method: 'POST', body, headers })).status;
  const [good = {}, another = {}] = await make(ship.contender, 2);
  const answer = await (await fetch(ship.url, { method: 'POST', body: BODY, headers: another })).text();
  if (!answer.includes('"content":[{"type":"text","text":"xxx')) throw new Error(`${name}: answers ${answer}`);
  const seen = [await statusOf(good)];
  const expected = [200];
  if (denies !== 'nothing') {
    const { authorization: _, ...stranger } = good;
    seen.push(await statusOf(stranger));
    expected.push(401);
  }
  if (name === levelName('high')) {
    seen.push(await statusOf(good), await statusOf(headersWith((good['authorization'] ?? '').slice(7))));
    expected.push(403, 403);
  }
  if (seen.join() !== expected.join()) throw new Error(`${name}: ${seen.join()} instead of ${expected.join()}`);
}
