/** Whether a value must be waited for. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Visits one item after the other. Waits, and returns a promise, only where a visit returned one. */
export function inTurn<Item>(items: readonly Item[], visit: (item: Item) => unknown): Promise<void> | undefined {
  for (const [index, item] of items.entries()) {
    const result = visit(item);
    if (isPromise(result)) return result.then(() => inTurn(items.slice(index + 1), visit));
  }
  return undefined;
}
