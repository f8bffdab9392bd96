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
import type { Load, Meter } from './server.js';

const WARM_UP = 3_000;
/** Short visits, and many: whatever disturbs the machine disturbs all alike. */
const BATCH = 200;
const CPU_ROUNDS = ROUNDS * 3;
/** The share of the requests per second that is to be left at level `enhanced`. */
const TARGET = 0.8;

export async function benchProfiles(): Promise<void> {
  const { setup, tokens, close } = await startIssuer('RS256');
  const agent = await fakeSigner('ES256');
  const given = JSON.stringify({ ...setup, agent: agent.jwks });
  const children: ChildProcess[] = [];
  try {
    const ships: LoadedShip[] = [];
    for (const contender of profileContenders) {
      const child = fork(fileURLToPath(new URL('server.js', import.meta.url)), [contender.name, given]);
      children.push(child);
      const { port } = (await answerOf(child)) as { port: number };
      ships.push({
        contender,
        url: `http://127.0.0.1:${port}/mcp`,
        meter: () => meterOf(child),
        serve: (requests) => loadOn(child, requests),
      });
    }
    const make = requestsFor(setup.audience, tokens.good, agent);
    for (const ship of ships) await verify(ship, make);
    await measure(ships, make);
  } finally {
    for (const child of children) child.kill();
    close();
  }
}

/** A server that can be given requests in memory, and tells what CPU all of them took, in microseconds. */
interface LoadedShip extends Ship {
  readonly serve: (requests: readonly Headers[]) => Promise<number>;
}

async function loadOn(child: ChildProcess, requests: readonly Headers[]): Promise<number> {
  const answer = answerOf(child);
  child.send({ requests } satisfies Load);
  return ((await answer) as Meter).cpu;
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

async function measure(ships: readonly LoadedShip[], make: Make): Promise<void> {
  for (const ship of ships) await fire(ship, await make(ship.contender, WARM_UP));
  const [rps, cpu] = [await measureRate(ships, make), await measureCpu(ships, make)];
  headlines(rps, cpu);
}

/** Over HTTP: what a client sees that has one of the two cores. */
async function measureRate(ships: readonly LoadedShip[], make: Make): Promise<Samples> {
  const measured = await inRounds(ships, ROUNDS, (ship) =>
    visit(ship, (amount) => make(ship.contender, amount), sliceMs(400) * 2),
  );
  const rps = samplesOf(measured, (sample: Sample) => sample.rps);
  const lines = [...rps].map(([contender, values]) => ({
    name: contender.name,
    figures: {
      'requests/s': figureOf(values),
      'x no check': figureOf(pairwise(values, baselineOf(contender, rps), (value, base) => value / base)),
    },
  }));
  table(`levels in front of an MCP server, RS256, ${ROUNDS} interleaved rounds`, { bench: 'profiles' }, lines);
  return rps;
}

/** In memory: without the noise of sockets, which is larger than what is measured. */
async function measureCpu(ships: readonly LoadedShip[], make: Make): Promise<Samples> {
  const measured = await inRounds(ships, CPU_ROUNDS, async ({ contender, serve }) => {
    // The caches of the machine have forgotten a process that was not visited for a while.
    await serve(await make(contender, BATCH / 4));
    return (await serve(await make(contender, BATCH))) / BATCH;
  });
  const cpu = samplesOf(measured, (value) => value);
  const lines = [...cpu].map(([contender, values]) => ({
    name: contender.name,
    figures: { 'server CPU us/request': figureOf(values), 'added us': figureOf(addedBy(contender, cpu)) },
  }));
  const title = `levels in front of an MCP server, in memory, RS256, ${CPU_ROUNDS} interleaved rounds`;
  table(title, { bench: 'profiles-cpu' }, lines);
  return cpu;
}

function samplesOf<Value>(
  measured: ReadonlyMap<LoadedShip, readonly Value[]>,
  figure: (value: Value) => number,
): Samples {
  return new Map([...measured].map(([{ contender }, values]) => [contender, values.map(figure)]));
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
  // Not round by round: where a round adds little to the baseline, its ratio can be anything.
  const [ours, theirs] = [figureOf(added(levelName('enhanced'))), figureOf(added(WITH_SDK))];
  const times = ours.median / theirs.median;
  record({ bench: 'profiles', headline: { share, ours, theirs, times }, targets: { share: TARGET, times: 1 } });
  const verdict = (met: boolean): string => (met ? 'met' : 'MISSED');
  say(
    `=> level enhanced serves ${share.median.toFixed(2)} times the requests of no check (target >= ${TARGET}: ` +
      `${verdict(share.median >= TARGET)}) and adds ${ours.median.toFixed(0)} us of CPU, ${times.toFixed(2)} times what ` +
      `requireBearerAuth + jose adds (target < 1: ${verdict(times < 1)})`,
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
