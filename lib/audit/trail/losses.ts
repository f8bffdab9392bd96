import type { TrailGapEvent } from '../events.js';

type Loss = Omit<TrailGapEvent, 'v' | 'time' | 'type'>;

/** How often losses of sinks are recorded at most, in milliseconds: one that is down loses all the time. */
const SINKS_EVERY_MS = 10_000;

/** Counts what was lost, until that can be recorded. */
export class Losses {
  /** All losses of the trail itself, recorded or not. */
  total = 0;
  readonly #now: () => Date;
  readonly #losses = new Map<string, Loss>();
  #sinksDue = 0;

  constructor(now: () => Date) {
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#losses.size === 0;
  }

  add(reason: Loss['reason'], sink?: number): void {
    if (sink === undefined) this.total += 1;
    const key = `${reason} ${sink ?? ''}`;
    const known = this.#losses.get(key);
    const since = known?.since ?? this.#now().toISOString();
    this.#losses.set(key, { lost: (known?.lost ?? 0) + 1, reason, since, ...(sink === undefined ? {} : { sink }) });
  }

  /** What it is time to record. */
  take(): readonly Loss[] {
    const time = performance.now();
    const due = [...this.#losses].filter(([, { sink }]) => sink === undefined || time >= this.#sinksDue);
    for (const [key] of due) this.#losses.delete(key);
    if (due.some(([, { sink }]) => sink !== undefined)) this.#sinksDue = time + SINKS_EVERY_MS;
    return due.map(([, loss]) => loss);
  }

  takeAll(): readonly Loss[] {
    this.#sinksDue = 0;
    return this.take();
  }
}
