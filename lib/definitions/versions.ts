/** Whether a definition is the first one of its version, the one that is known, or another one. */
export type Pinned = 'new' | 'same' | 'changed';

/** What a version of a tool stands for in one form. */
export interface KnownForm {
  readonly form: string;
  readonly digest: string;
  /** Whether another definition was seen last. */
  readonly changed: boolean;
}

/** Remembers what each version of a tool stands for. Shared between instances, it holds across all of them. */
export interface VersionStore {
  /**
   * Binds a version of a tool to the digest of its definition, for good. Atomic: of different ones the first wins.
   * @param form which clients get it so; the forms of one version differ
   * @param server the canonical resource URI, where one store serves several servers
   * @throws {Unavailable} when the store cannot tell
   */
  readonly pin: (
    name: string,
    version: string,
    form: string,
    digest: string,
    server: string,
  ) => Pinned | Promise<Pinned>;
  /**
   * What is known of a version. Without it nothing is known after a restart until the tools are listed.
   * @throws {Unavailable} when the store cannot tell
   */
  readonly find?: (
    name: string,
    version: string,
    server: string,
  ) => readonly KnownForm[] | Promise<readonly KnownForm[]>;
}

/** One line of what is remembered. */
export interface Pin {
  readonly server: string;
  readonly name: string;
  readonly version: string;
  readonly form: string;
  readonly digest: string;
  /** Another digest that was seen since. */
  readonly seen?: string;
}

/** Everything that is remembered, and the rules by which it changes. */
export class Pins {
  readonly #pins = new Map<string, Pin>();

  constructor(pins: readonly Pin[] = []) {
    for (const pin of pins) this.#pins.set(keyOf(pin), pin);
  }

  get list(): readonly Pin[] {
    return [...this.#pins.values()];
  }

  find(name: string, version: string, server: string): readonly KnownForm[] {
    return this.list
      .filter((pin) => pin.name === name && pin.version === version && pin.server === server)
      .map(({ form, digest, seen }) => ({ form, digest, changed: seen !== undefined }));
  }

  /** What to answer, and whether there is something to remember. */
  judge(pin: Pin): { readonly answer: Pinned; readonly next?: Pin } {
    const known = this.#pins.get(keyOf(pin));
    if (known === undefined) return { answer: 'new', next: pin };
    if (known.digest === pin.digest) {
      const { seen, ...cleared } = known;
      return seen === undefined ? { answer: 'same' } : { answer: 'same', next: cleared };
    }
    // One mark is enough: a definition that is another one each time must not cost a write each time.
    return known.seen === undefined
      ? { answer: 'changed', next: { ...known, seen: pin.digest } }
      : { answer: 'changed' };
  }

  set(pin: Pin): void {
    this.#pins.set(keyOf(pin), pin);
  }
}

/** Remembers for as long as the process runs: for tests, and for development. */
export function memoryVersions(): VersionStore {
  const pins = new Pins();
  return Object.freeze({
    pin: (name: string, version: string, form: string, digest: string, server: string) => {
      const { answer, next } = pins.judge({ server, name, version, form, digest });
      if (next !== undefined) pins.set(next);
      return answer;
    },
    find: (name: string, version: string, server: string) => pins.find(name, version, server),
  });
}

function keyOf({ server, name, version, form }: Pin): string {
  return JSON.stringify([server, name, version, form]);
}
