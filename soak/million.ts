// Many requests through one process whose stores are full: what it holds does not grow.
import { hash } from 'node:crypto';
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
import { openDisk } from './disk.js';
import { BAD, REVOKED, useUpRate } from './bad.js';
import { describeFull, isSoundWhenFull, judgeFull } from './full.js';
import { GOOD } from './good.js';
import type { Kind } from './kind.js';
import { MemorySender } from './memory.js';
import { openStack } from './stack.js';
import { Tally } from './tally.js';
import { picker } from './traffic.js';
import { inTwoHours, openParties, openWorld, type World } from './world.js';

/** How many entries each store may have. */
const CAP = 20_000;
/** What is left for the traffic of the test, and soon used up. */
const ROOM = 500;
const UNDER_WAY = 32;
const WARM_UP = 100_000;
const MOST_GROWTH = 10;

/** Most requests are those that cost least, so that the others are worth their time. */
const [LIST, ...OTHERS] = GOOD;
const KINDS: readonly Kind[] = [...(LIST === undefined ? [] : [{ ...LIST, weight: 100 }]), ...OTHERS, ...BAD];

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
  const { stores, fill } = limitedStores();
  // In memory where that may be: the disk of the machine is not what is tried here.
  const disk = await openDisk();
  const auditFile = join(disk.directory, 'audit.jsonl');
  const setting = { issuer: authority.issuer, directory, auditFile, ...parties.trusted };
  const { app, keyStore, audit } = await openStack(setting, stores, { cache: { max: 1000 } });
  const sender = new MemorySender(createServer(app));
  const world = openWorld(parties, authority, sender);
  const cleaner = setInterval(() => void dropFull(auditFile), 1000);
  try {
    await useUpRate(world);
    await stores.revocations.revoke({ issuer: authority.issuer, tokenId: REVOKED }, inTwoHours());
    await fill();
    return await drive(world, sender, requests, say);
  } finally {
    clearInterval(cleaner);
    await audit.close();
    await keyStore.close();
    await parties.close();
    await authority.close();
    await disk.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function drive(
  world: World,
  sender: MemorySender,
  requests: number,
  say: (line: string) => void,
): Promise<boolean> {
  const tally = new Tally(KINDS);
  const next = picker(KINDS);
  const warmUp = Math.min(WARM_UP, requests / 2);
  let made = 0;
  const work = async (upTo: number): Promise<void> => {
    while (sender.count < upTo) {
      const id = `m-${(made += 1)}`;
      const kind = next();
      const answer = await kind.run(world, id);
      if (answer !== undefined) tally.add(kind, judgeFull(kind, answer), answer, performance.now() / 1000);
    }
  };
  let before = 0;
  let growth = 0;
  for (let upTo = warmUp; upTo <= requests; upTo += warmUp) {
    await Promise.all(Array.from({ length: UNDER_WAY }, () => work(upTo)));
    const heap = megabytes();
    if (upTo === warmUp) before = heap;
    growth = heap - before;
    say(`${sender.count} requests: heap ${heap.toFixed(1)} MB, growth ${growth.toFixed(1)} MB; ${describeFull(tally)}`);
  }
  for (const wrong of tally.wrong) say(`  ${wrong}`);
  return isSoundWhenFull(tally) && growth < MOST_GROWTH;
}

/** Stores with room for a few, and what fills them but for a little. */
function limitedStores(): { readonly stores: Stores; readonly fill: () => Promise<void> } {
  const counters = new Map<number, RateStore>();
  const stores: Stores = {
    ...memoryStores({ singleProcess: true }),
    replay: memoryReplay({ max: CAP, maxPerHolder: CAP }),
    sessions: memorySessions({ max: CAP }),
    rate: (windowMs) => {
      const known = counters.get(windowMs) ?? memoryRate({ max: CAP });
      counters.set(windowMs, known);
      return known;
    },
  };
  const fill = async (): Promise<void> => {
    const soon = new Date(Date.now() + 3_500_000);
    for (let count = ROOM; count < CAP; count += 1) {
      const name = hash('sha256', `somebody ${count}`, 'base64url');
      await stores.replay.claim(name, soon);
      await stores.sessions.bind(name, 'somebody', 86_400_000);
      for (const counter of counters.values()) await counter.increment(name);
    }
  };
  return { stores, fill };
}

/** Nobody reads this trail. */
async function dropFull(file: string): Promise<void> {
  for (const one of await trailFiles(file).catch(() => [])) if (one !== file) await rm(one, { force: true });
}
