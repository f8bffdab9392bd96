// Bound tokens over HTTP: every request brings a proof of its own, made before the clock starts.
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createProof, importProofKey, type ProofKey } from '../lib/dpop/createProof.js';
import { openNonces } from '../lib/dpop/nonces.js';
import { generateKey } from '../lib/keys/generateKey.js';
import type { Contender, Setup } from './contenders/contender.js';
import { dpopContenders, NONCE_SECRET, OURS, PEER } from './contenders/dpop.js';
import { addedBy, baselineOf } from './costs.js';
import { answerOf, meterOf, type Ship } from './fleet.js';
import { inRounds, pairwise, ROUNDS, sliceMs } from './harness.js';
import { startIssuer } from './issuer.js';
import { BODY, headersWith } from './message.js';
import { fire, visit, type Headers, type Sample } from './prepared.js';
import { figureOf, record, say, table } from './report.js';

/** Enough for the optimizing compiler to have settled. */
const WARM_UP = 3_000;
/** How many times the requests per second of the peer are wanted, with the replay check that it lacks. */
const TARGET = 1.5;

interface Client {
  readonly token: string;
  readonly key: ProofKey;
}

export async function benchDPoP(): Promise<void> {
  for (const algorithm of ['RS256', 'ES256'] as const) await benchAlgorithm(algorithm);
}

async function benchAlgorithm(algorithm: Setup['algorithm']): Promise<void> {
  const { setup, sign, close } = await startIssuer(algorithm);
  const { keyId, privateJwk } = await generateKey('ES256');
  const client = { token: await sign({ cnf: { jkt: keyId } }), key: await importProofKey(privateJwk) };
  const children: ChildProcess[] = [];
  try {
    const ships: Ship[] = [];
    for (const contender of dpopContenders) {
      const child = fork(fileURLToPath(new URL('server.js', import.meta.url)), [contender.name, JSON.stringify(setup)]);
      children.push(child);
      const { port } = (await answerOf(child)) as { port: number };
      ships.push({ contender, url: `http://127.0.0.1:${port}/mcp`, meter: () => meterOf(child) });
    }
    for (const ship of ships) await verify(ship, client, setup);
    await measure(ships, client, setup);
  } finally {
    for (const child of children) child.kill();
    close();
  }
}

async function measure(ships: readonly Ship[], client: Client, setup: Setup): Promise<void> {
  for (const ship of ships) await fire(ship, await requestsOf(ship, client, setup, WARM_UP));
  const amount = sliceMs(400) * 3;
  const measured = await inRounds(ships, ROUNDS, (ship) =>
    visit(ship, (count) => requestsOf(ship, client, setup, count), amount),
  );
  const of = (key: keyof Sample): ReadonlyMap<Contender, readonly number[]> =>
    new Map([...measured].map(([{ contender }, values]) => [contender, values.map((sample) => sample[key])]));
  const [rps, cpu] = [of('rps'), of('cpu')];
  const lines = [...rps].map(([contender, values]) => ({
    name: contender.name,
    figures: {
      'requests/s': figureOf(values),
      'x baseline': figureOf(pairwise(values, baselineOf(contender, rps), (value, base) => value / base)),
      'server CPU us/request': figureOf(cpu.get(contender) ?? []),
      'added us': figureOf(addedBy(contender, cpu)),
    },
  }));
  const { algorithm } = setup;
  table(`DPoP, tokens of ${algorithm}, ${ROUNDS} interleaved rounds`, { bench: 'dpop', algorithm }, lines);
  compareWithPeer(algorithm, 'requests/s', rps);
  // The same without the share of the machine that makes and sends the requests.
  const perCpu = [...cpu].map(([one, values]) => [one, values.map((us) => 1e6 / us)] as const);
  compareWithPeer(algorithm, 'requests per second of server CPU', new Map(perCpu));
}

function compareWithPeer(algorithm: string, what: string, rates: ReadonlyMap<Contender, readonly number[]>): void {
  const of = (wanted: string): readonly number[] => [...rates].find(([{ name }]) => name === wanted)?.[1] ?? [];
  const ratio = figureOf(pairwise(of(OURS), of(PEER), (ours, theirs) => ours / theirs));
  record({ bench: 'dpop', algorithm, what, headline: { ratio }, target: TARGET });
  say(
    `=> ${algorithm}: ${ratio.median.toFixed(2)} [${ratio.low.toFixed(2)} .. ${ratio.high.toFixed(2)}] times the ` +
      `${what} of express-oauth2-jwt-bearer (target >= ${TARGET}: ${ratio.median >= TARGET ? 'met' : 'MISSED'})`,
  );
}

/** The headers of one request each. Each contender takes its own URL for the one that a proof must name. */
async function requestsOf(ship: Ship, client: Client, setup: Setup, amount: number): Promise<readonly Headers[]> {
  const url = new URL(ship.contender.name === PEER ? ship.url : setup.audience);
  const nonce = openNonces('bench', { secret: NONCE_SECRET }, () => new Date()).current();
  return Promise.all(Array.from({ length: amount }, () => headersOf(client, url, nonce)));
}

async function headersOf({ token, key }: Client, url: URL, nonce: string): Promise<Headers> {
  const iat = Math.floor(Date.now() / 1000);
  const dpop = await createProof(key, { method: 'POST', url, token, nonce, jti: randomUUID(), iat });
  return { ...headersWith(token), authorization: `DPoP ${token}`, dpop };
}

/** Nothing is measured that would not protect; and what the peer lets through is said by its name. */
async function verify(ship: Ship, client: Client, setup: Setup): Promise<void> {
  const { name, denies } = ship.contender;
  const send = async (headers: Headers): Promise<number> =>
    (await fetch(ship.url, { method: 'POST', body: BODY, headers })).status;
  const expectStatus = async (what: string, expected: number, headers: Headers): Promise<void> => {
    const status = await send(headers);
    if (status !== expected) throw new Error(`${name}: ${what} is answered with ${status}, not with ${expected}`);
  };
  const [good] = await requestsOf(ship, client, setup, 1);
  if (good === undefined) return;
  await expectStatus('a good proof', 200, good);
  if (denies === 'nothing') return;
  const { dpop: _, ...without } = good;
  const thief = await importProofKey((await generateKey('ES256')).privateJwk);
  const [stolen] = await requestsOf(ship, { ...client, key: thief }, setup, 1);
  // The peer answers 400 where no proof is, which is a denial all the same.
  await expectStatus('no proof', name === PEER ? 400 : 401, without);
  await expectStatus('a proof of another key', 401, stolen ?? {});
  await expectStatus('the token as Bearer', name === PEER ? 400 : 401, {
    ...without,
    authorization: `Bearer ${client.token}`,
  });
  await expectStatus('the same proof again', name === PEER ? 200 : 401, good);
}
