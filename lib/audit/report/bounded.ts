/** Rows by key, up to a number of them: what clients may choose the keys of must not fill the memory. */
export class Bounded<Row> {
  readonly #rows = new Map<string, Row>();
  readonly #most: number;
  readonly #make: () => Row;
  /** Counts whatever comes when there is no more room. */
  #rest: Row | undefined;

  constructor(most: number, make: () => Row) {
    this.#most = most;
    this.#make = make;
  }

  /** The row of a key: the one it has, a new one, or that of the rest. */
  at(key: string, make: () => Row = this.#make): Row {
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    if (this.#rows.size >= this.#most) return (this.#rest ??= this.#make());
    const row = make();
    this.#rows.set(key, row);
    return row;
  }

  get rest(): Row | undefined {
    return this.#rest;
  }

  /** The rows that are kept apart. */
  entries(): readonly (readonly [key: string, row: Row])[] {
    return [...this.#rows];
  }
}

/** The last ones of a long row of things. */
export class Latest<Item> {
  readonly #items: Item[] = [];
  readonly #most: number;
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** How many there were in all. */
  get count(): number {
    return this.#count;
  }

  add(item: Item): void {
    this.#count += 1;
    this.#items.push(item);
    if (this.#items.length > this.#most) this.#items.shift();
  }

  /** The newest first. */
  list(): readonly Item[] {
    return [...this.#items].reverse();
  }
}
