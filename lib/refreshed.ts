import { Unavailable } from './denial.js';

/** How long a fetched document is used. All in seconds. */
export interface RefreshPeriods {
  /** A document older than this is fetched anew before it is used. */
  readonly maxAge: number;
  /** The least time between two fetches for the sake of something that was not in it. */
  readonly cooldown: number;
  /** How long a document stays in use after `maxAge` while it cannot be fetched. */
  readonly staleIfError: number;
  /** The longest wait for one fetch. */
  readonly timeout: number;
}

/** After a failure nothing is fetched for this long, in milliseconds: an outage is not met with a fetch for each request. */
const FAILURE_PAUSE_MS = 5000;

/** A document of another server: fetched when needed, once for all who wait, and not again too soon. */
export class Refreshed<Value> {
  readonly #load: (signal: AbortSignal) => Promise<Value>;
  readonly #periods: RefreshPeriods;
  readonly #now: () => Date;
  readonly #outage: string;
  #value: Value | undefined;
  #fetchedAt = 0;
  #triedAt = 0;
  #failure: unknown;
  #flight: Promise<void> | undefined;

  /** `outage` is the constant sentence of a 503. */
  constructor(load: (signal: AbortSignal) => Promise<Value>, periods: RefreshPeriods, now: () => Date, outage: string) {
    this.#load = load;
    this.#periods = periods;
    this.#now = now;
    this.#outage = outage;
  }

  /**
   * Looks something up, and once more in a newer document when it is not there.
   * @throws {Unavailable} when it cannot be known, because the document cannot be fetched
   */
  async find<Found>(look: (value: Value) => Found | undefined): Promise<Found | undefined> {
    if (!this.isFresh) await this.update();
    const known = look(this.#usable());
    if (known !== undefined) return known;
    await this.#refresh(this.#periods.cooldown * 1000);
    const found = look(this.#usable());
    // It may have been added since, which nobody can tell now.
    if (found === undefined && this.#failure !== undefined) throw this.#unavailable();
    return found;
  }

  /** The document in memory, as long as it may be used. Nothing is fetched. */
  get current(): Value | undefined {
    return this.#isUsable() ? this.#value : undefined;
  }

  /** Whether the document is younger than `maxAge`. */
  get isFresh(): boolean {
    return this.#value !== undefined && this.#since(this.#fetchedAt) < this.#periods.maxAge * 1000;
  }

  /** Fetches the document when it is not there or too old. Never fails. */
  async update(): Promise<void> {
    if (this.isFresh) return;
    const refreshed = this.#refresh(0);
    // During an outage nobody waits for the next try while an old document can still be used.
    if (this.#failure === undefined || !this.#isUsable()) await refreshed;
  }

  /** Fetches unless that was done, or failed, a moment ago. A fetch under way is shared. */
  async #refresh(pauseMs: number): Promise<void> {
    const pause = this.#failure === undefined ? pauseMs : FAILURE_PAUSE_MS;
    if (this.#flight === undefined && this.#since(this.#triedAt) < pause) return;
    await (this.#flight ??= this.#fetch());
  }

  async #fetch(): Promise<void> {
    this.#triedAt = this.#now().getTime();
    try {
      this.#value = await this.#load(AbortSignal.timeout(this.#periods.timeout * 1000));
      this.#fetchedAt = this.#triedAt;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
      // A fetch that took its time to fail would else be over its pause at once.
      this.#triedAt = this.#now().getTime();
    } finally {
      this.#flight = undefined;
    }
  }

  #isUsable(): boolean {
    const { maxAge, staleIfError } = this.#periods;
    return this.#value !== undefined && this.#since(this.#fetchedAt) < (maxAge + staleIfError) * 1000;
  }

  #usable(): Value {
    if (this.#value === undefined || !this.#isUsable()) throw this.#unavailable();
    return this.#value;
  }

  /** Milliseconds since then; without end when the clock was set back, so that nothing is kept for too long. */
  #since(time: number): number {
    const elapsed = this.#now().getTime() - time;
    return elapsed < 0 ? Infinity : elapsed;
  }

  #unavailable(): Unavailable {
    return new Unavailable(this.#outage, { cause: this.#failure });
  }
}
