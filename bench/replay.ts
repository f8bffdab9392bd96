// What the replay store in memory holds and costs as it fills with a million nonces.
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memoryReplay } from '../lib/stores/replay.js';
import { figureOf, say, table, type Line } from './report.js';

const NONCES = 1_000_000;
const STAGES = 10;
const TARGET_MB = 150;
/** As many as a server of that size would serve. */
const HOLDERS = 100;

/** One row for each tenth of the way: the CPU time of a claim and the memory held so far. */
export async function benchReplay(): Promise<void> {
  const store = memoryReplay({ max: NONCES + 1 });
  const collect = collector();
  collect();
  const before = used();
  const lines: Line[] = [];
  for (let stage = 1; stage <= STAGES; stage += 1) {
    const samples: number[] = [];
    for (let sample = 0; sample < 10; sample += 1) samples.push(await claim(store, NONCES / STAGES / 10));
    collect();
    const figures = { 'CPU us/claim': figureOf(samples), 'MB held': figureOf([(used() - before) / 1e6]) };
    lines.push({ name: `${((NONCES / STAGES) * stage).toLocaleString('en')} nonces`, figures });
  }
  table('the replay store in memory', { bench: 'replay' }, lines);
  const held = (used() - before) / 1e6;
  say(`one million nonces: ${held.toFixed(0)} MB (target: at most ${TARGET_MB} MB)`);
  // Alive until here, or it would have been collected before it was measured.
  await store.claim('one more', new Date(Date.now() + 60_000));
}

/** Claims fresh nonces, in the form and with the lifetimes that signatures have, and returns the CPU time of each. */
async function claim(store: ReturnType<typeof memoryReplay>, count: number): Promise<number> {
  const keyId = randomBytes(32).toString('base64url');
  const keys = Array.from({ length: count }, () => `${keyId}:${randomBytes(16).toString('base64url')}`);
  const now = Date.now();
  const before = process.cpuUsage();
  for (const [index, key] of keys.entries()) {
    const isNew = await store.claim(key, new Date(now + 60_000 + (index % 300) * 1000), `peer ${index % HOLDERS}`);
    if (!isNew) throw new Error('a fresh nonce was taken for a used one');
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

function used(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  return () => {
    gc();
    gc();
  };
}
