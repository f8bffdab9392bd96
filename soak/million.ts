// Many requests through one process whose stores are full: what it holds does not grow.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  memoryRate,
  memoryReplay,
  memorySessions,
  memoryStores,
  trailFiles,
  type RateStore,
  type Stores,
} from '../lib/index.js';
import { Authority } from './authority.js';
import { BAD, REVOKED, useUpRate } from './bad.js';
import { GOOD } from './good.js';
import { MemorySender } from './memory.js';
import { openStack } from './stack.js';
import { Tally } from './tally.js';
import { picker } from './traffic.js';
import { judge } from './verdict.js';
import { inTwoHours, openParties, openWorld, type World } from './world.js';

/** How many entries each store may have. */
const CAP = 20_000;
/** What is left for the traffic of the test, and soon used up. */
const ROOM = 500;
const UNDER_WAY = 32;
const WARM_UP = 100_000;
const MOST_GROWTH = 10;

const megabytes = (): number => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) collect();
  return process.memoryUsage().heapUsed / 1024 / 1024;
};

/** Runs so many requests, and says whether they left nothing behind and none had another answer than it should. */
export async function runMillion(requests: number, say: (line: string) => void): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'etdi-soak-'));
  const authority = await Authority.open();
  const parties = await openParties(directory);
  const stores = fullStores();
  const auditFile = join(directory, 'audit.jsonl');
  const setting = { issuer: authority.issuer, directory, auditFile, ...parties.trusted };
  const { app, keyStore, audit } = await openStack(setting, stores);
  const world = openWorld(parties, authority, new MemorySender(createServer(app)));
  const cleaner = setInterval(() => void dropFull(auditFile), 1000);
  try {
    await useUpRate(world);
    await stores.revocations.revoke({ issuer: authority.issuer, tokenId: REVOKED }, inTwoHours());
    await fill(stores);
    return await drive(world, requests, say);
  } finally {
    clearInterval(cleaner);
    await audit.close();
    await keyStore.close();
    await parties.close();
    await authority.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function drive(world: World, requests: number, say: (line: string) => void): Promise<boolean> {
  const tally = new Tally([...GOOD, ...BAD]);
  const next = picker([...GOOD, ...BAD]);
  const warmUp = Math.min(WARM_UP, requests / 2);
  let sent = 0;
  const work = async (upTo: number): Promise<void> => {
    while (sent < upTo) {
      const id = `m-${(sent += 1)}`;
      const kind = next();
      const answer = await kind.run(world, id);
      // What is full is 503, whoever asks.
      if (answer !== undefined) tally.add(kind, judge(kind.expected, answer, true), answer, sent);
    }
  };
  let before = 0;
  let growth = 0;
  for (let upTo = warmUp; upTo <= requests; upTo += warmUp) {
    await Promise.all(Array.from({ length: UNDER_WAY }, () => work(upTo)));
    const heap = megabytes();
    if (upTo === warmUp) before = heap;
    growth = heap - before;
    say(`${sent} requests: heap ${heap.toFixed(1)} MB, growth ${growth.toFixed(1)} MB; ${outcome(tally)}`);
  }
  for (const wrong of tally.wrong) say(`  ${wrong}`);
  const isRight = tally.judged() === tally.total('right') + tally.total('unavailable');
  return isRight && growth < MOST_GROWTH;
}

function outcome(tally: Tally): string {
  const wrong = (['wrongly allowed', 'wrongly denied', 'other reason'] as const).map(
    (worth) => `${tally.total(worth)} ${worth}`,
  );
  return [`${tally.total('right')} as expected`, `${tally.total('unavailable')} with 503`, ...wrong].join(', ');
}

function fullStores(): Stores {
  const counters = new Map<number, RateStore>();
  return {
    ...memoryStores({ singleProcess: true }),
    replay: memoryReplay({ max: CAP, maxPerHolder: CAP }),
    sessions: memorySessions({ max: CAP }),
    rate: (windowMs) => {
      const known = counters.get(windowMs) ?? memoryRate({ max: CAP });
      counters.set(windowMs, known);
      return known;
    },
  };
}

/** Leaves a little room in each store. */
async function fill(stores: Stores): Promise<void> {
  const soon = new Date(Date.now() + 3_500_000);
  const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
  const rate = stores.rate(3_600_000);
  for (let count = ROOM; count < CAP; count += 1) {
    const name = digest(`${count} ${randomBytes(8).toString('hex')}`);
    await stores.replay.claim(name, soon);
    await stores.sessions.bind(name, 'somebody', 86_400_000);
    await rate.increment(name);
  }
}

/** Nobody reads this trail. */
async function dropFull(file: string): Promise<void> {
  for (const one of await trailFiles(file).catch(() => [])) if (one !== file) await rm(one, { force: true });
}
