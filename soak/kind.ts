import type { Answer, Expected } from './verdict.js';
import type { World } from './world.js';

/** One kind of request. */
export interface Kind {
  readonly name: string;
  readonly group: 'good' | 'bad' | 'hostile';
  /** How often it is sent, compared with the others. */
  readonly weight: number;
  readonly expected: Expected;
  /** Whether it needs no room in a store, so that it must be served by a server whose stores are full. */
  readonly isPlain?: true;
  /** Sends one. Nothing is judged where there was nothing to send, such as a request to repeat. */
  readonly run: (world: World, id: string) => Promise<Answer | undefined>;
}

/** What was served is remembered for so long, which is less than a signature holds. */
const FRESH_MS = 45_000;
const MOST = 300;

/** Keeps what was served, to be sent again. */
export function remember<Item extends { readonly at: number }>(items: Item[], item: Item): void {
  items.push(item);
  while (items.length > MOST || (items[0]?.at ?? Infinity) < performance.now() - FRESH_MS) items.shift();
}

/** Something that was served a moment ago. */
export function anyOf<Item extends { readonly at: number }>(items: readonly Item[]): Item | undefined {
  const usable = items.filter(({ at }) => at > performance.now() - FRESH_MS);
  return usable[Math.floor(Math.random() * usable.length)];
}

export const isServed = ({ status }: Answer): boolean => status !== undefined && status < 300;
