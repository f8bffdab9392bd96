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
  at(key: string, make: () => Row = this.#make, most: number = this.#most): Row {
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    if (this.#rows.size >= most) return (this.#rest ??= this.#make());
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

/** The rows that count most, at most so many of them, and what all others count together. */
export function ranked<Row extends { readonly count: number }>(
  rows: Bounded<Row>,
  most: number,
): { readonly shown: readonly (readonly [key: string, row: Row])[]; readonly others: number } {
  const sorted = [...rows.entries()].sort(([, a], [, b]) => b.count - a.count);
  const others = sorted.slice(most).reduce((sum, [, { count }]) => sum + count, rows.rest?.count ?? 0);
  return { shown: sorted.slice(0, most), others };
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

/** Things that are alike, of one owner. */
export interface Group<Item> {
  /** The newest. */
  readonly item: Item;
  readonly count: number;
}

/** The last groups of each owner: whoever makes many pushes out none but its own. */
export class Groups<Item> {
  /** In the order of their newest things, owners and groups alike. */
  readonly #owners = new Map<string, Map<string, Group<Item> & { readonly turn: number }>>();
  readonly #most: { readonly owners: number; readonly each: number };
  #count = 0;

  constructor(most: { readonly owners: number; readonly each: number }) {
    this.#most = most;
  }

  /** How many things there were in all. */
  get count(): number {
    return this.#count;
  }

  add(owner: string, key: string, item: Item): void {
    this.#count += 1;
    const groups = this.#owners.get(owner) ?? new Map<string, Group<Item> & { readonly turn: number }>();
    putLast(this.#owners, owner, groups, this.#most.owners);
    const count = (groups.get(key)?.count ?? 0) + 1;
    putLast(groups, key, { item, count, turn: this.#count }, this.#most.each);
  }

  /** The newest first. */
  list(): readonly Group<Item>[] {
    const groups = [...this.#owners.values()].flatMap((one) => [...one.values()]);
    return groups.sort((a, b) => b.turn - a.turn);
  }
}

function putLast<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  // Only then: behind many that were deleted it takes long to find the first.
  const [oldest] = map.size > most ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}
