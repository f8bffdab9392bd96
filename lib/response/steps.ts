import { isPromise } from '../promise.js';

/** Something to do now. What it returns is waited for. */
export type Step = () => Promise<void> | undefined;

/** Who is told how steps went. */
export interface StepOwner {
  /** A step failed. It was the last one. */
  readonly failed: (error: unknown) => void;
  /** Nothing waits any more. */
  readonly caughtUp: () => void;
}

/** Takes steps in order: at once while none is under way, else as soon as those before are done. */
export class Steps {
  /** The steps behind one that is under way; nothing when none is. */
  #waiting: Step[] | undefined;
  #stopped = false;
  readonly #owner: StepOwner;

  constructor(owner: StepOwner) {
    this.#owner = owner;
  }

  get idle(): boolean {
    return this.#waiting === undefined;
  }

  /** Whether the step is done already. */
  take(step: Step): boolean {
    if (this.#waiting !== undefined) {
      this.#waiting.push(step);
      return false;
    }
    const underWay = this.#attempt(step);
    if (underWay === undefined) return true;
    this.#waiting = [];
    void this.#takeAfter(underWay, this.#waiting);
    return false;
  }

  /** Drops what waits and what is still to come. */
  stop(): void {
    this.#stopped = true;
  }

  #attempt(step: Step): Promise<void> | undefined {
    if (this.#stopped) return undefined;
    try {
      const result = step();
      if (!isPromise(result)) return undefined;
      return result.catch((error: unknown) => {
        this.#fail(error);
      });
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#owner.failed(error);
  }

  async #takeAfter(first: Promise<void>, waiting: Step[]): Promise<void> {
    await first;
    // Steps are added while the list is worked off.
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await this.#attempt(step);
    this.#waiting = undefined;
    if (!this.#stopped) this.#owner.caughtUp();
  }
}
