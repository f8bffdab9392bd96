/**
 * A function that makes something of a text once, for as long as it is remembered. After `most` texts all are forgotten:
 * to look for the oldest would take longer. What is undefined is not remembered, so that nothing useless fills it.
 */
export function memo<Made>(most: number, make: (text: string) => Made): (text: string) => Made {
  const known = new Map<string, Made>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const made = make(text);
    if (made === undefined) return made;
    if (known.size >= most) known.clear();
    known.set(ownText(text), made);
    return made;
  };
}

/** Adds to a map that forgets what it has held for longest. */
export function keep<Key, Value>(map: Map<Key, Value>, most: number, key: Key, value: Value): void {
  map.delete(key);
  for (const oldest of map.keys()) {
    if (map.size < most) break;
    map.delete(oldest);
  }
  map.set(key, value);
}

/** A text that holds no other: a part of a long one keeps all of that in memory for as long as it is kept itself. */
export function ownText(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
