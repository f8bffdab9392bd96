// What goes wrong when, and until when that may be felt.

/** Something that the server depends on. */
export interface Fault {
  readonly name: string;
  /** When in a cycle, and for how much of it. */
  readonly at: number;
  readonly lasts: number;
  /** For how many seconds at the least: shorter ones would not be noticed. */
  readonly least: number;
  /** For how many seconds afterwards 503 is still right: nobody asks what has just failed again at once. */
  readonly grace: number;
  readonly begin: () => unknown;
  readonly end: () => unknown;
}

/** Something that happens and must not be felt at all. */
export interface Event {
  readonly name: string;
  readonly at: number;
  readonly happen: () => unknown;
}

/** The longest time in which everything happens once, in seconds. */
const CYCLE = 120;

interface Window {
  readonly name: string;
  readonly from: number;
  /** Not known while it lasts. */
  to: number;
}

/** Keeps to the schedule, and remembers when what was down. */
export class Faults {
  readonly windows: Window[] = [];
  readonly happened: string[] = [];
  readonly #began = performance.now();

  /** Whether anything was down, or had just come back, at some time since then. Both in milliseconds. */
  outageSince(from: number): boolean {
    return this.windows.some((window) => window.to >= from);
  }

  /** How long something was down, grace included, in milliseconds. */
  total(name: string): number {
    return this.windows.filter((one) => one.name === name).reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** Runs cycles until the time is over. Resolves once everything is up again. */
  async run(seconds: number, faults: readonly Fault[], events: readonly Event[]): Promise<void> {
    const cycle = Math.min(seconds, CYCLE);
    for (let start = 0; start + cycle <= seconds; start += cycle) {
      await Promise.all([
        ...faults.map((fault) => this.#suffer(fault, start, cycle)),
        ...events.map((event) => this.#pass(event, start, cycle)),
      ]);
    }
  }

  async #suffer(fault: Fault, start: number, cycle: number): Promise<void> {
    await this.#until(start + fault.at * cycle);
    const window = { name: fault.name, from: performance.now(), to: Infinity };
    this.windows.push(window);
    await fault.begin();
    await this.#until(start + fault.at * cycle + Math.max(fault.lasts * cycle, fault.least));
    await fault.end();
    window.to = performance.now() + fault.grace * 1000;
  }

  async #pass({ name, at, happen }: Event, start: number, cycle: number): Promise<void> {
    await this.#until(start + at * cycle);
    await happen();
    this.happened.push(name);
  }

  async #until(seconds: number): Promise<void> {
    const left = this.#began + seconds * 1000 - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }
}
