// Sends requests of all kinds at a steady pace, whether those before them were answered or not.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { BAD } from './bad.js';
import { GOOD } from './good.js';
import { HOSTILE } from './hostile.js';
import { isServed, type Kind } from './kind.js';
import type { Tally } from './tally.js';
import { judge } from './verdict.js';
import type { World } from './world.js';

export const KINDS: readonly Kind[] = [...GOOD, ...BAD, ...HOSTILE];

const TICK_MS = 20;
/** More are not under way at once, and none are made up for: a generator that is late would else be later still. */
const MOST_UNDER_WAY = 500;
const MOST_LATE_S = 0.1;

export interface TrafficOptions {
  readonly rate: number;
  readonly seconds: number;
  readonly tally: Tally;
  /** Whether anything was down at some time since then. */
  readonly outageSince: (from: number) => boolean;
}

/** What was sent, by the ids of the messages. */
export interface Sent {
  /** Of good requests that were served: each of them is in the audit trail. */
  readonly served: Set<string>;
  /** Requests that were not sent: too many were under way, or it was too late for them. */
  readonly held: number;
  /** By how much the generator itself was late at the most, in milliseconds. */
  readonly late: number;
}

export async function sendTraffic(world: World, { rate, seconds, tally, outageSince }: TrafficOptions): Promise<Sent> {
  const next = picker(KINDS);
  const underWay = new Set<Promise<void>>();
  const served = new Set<string>();
  const began = performance.now();
  const lateness = monitorEventLoopDelay({ resolution: 10 });
  lateness.enable();
  let sent = 0;
  let held = 0;

  const sendOne = async (kind: Kind, id: string): Promise<void> => {
    const from = performance.now();
    const answer = await kind.run(world, id);
    if (answer === undefined) return;
    tally.add(kind, judge(kind.expected, answer, outageSince(from)), answer, (performance.now() - began) / 1000);
    if (kind.group === 'good' && isServed(answer) && kind.name !== 'session ended') served.add(id);
  };

  for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - began) / 1000) {
    for (; sent < elapsed * rate; sent += 1) {
      if (underWay.size >= MOST_UNDER_WAY || sent < (elapsed - MOST_LATE_S) * rate) {
        held += 1;
        continue;
      }
      const kind = next();
      const one: Promise<void> = sendOne(kind, `${kind.group}-${sent}`).finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(underWay);
  lateness.disable();
  return { served, held, late: lateness.max / 1e6 };
}

/** Picks one after the other, each as often as its weight says. */
export function picker(kinds: readonly Kind[], random: () => number = Math.random): () => Kind {
  const [first] = kinds;
  if (first === undefined) throw new TypeError('there is nothing to pick from');
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  return () => {
    let left = random() * total;
    return kinds.find(({ weight }) => (left -= weight) < 0) ?? first;
  };
}
