import type { Chain } from './chain.js';
import type { Slot, State } from './context.js';
import type { AnyMiddleware } from './middleware.js';
import { isObject } from './rpc.js';

/** Facts without a prototype, so that nothing counts as proven because something polluted `Object.prototype`. */
export function noProofs(): Partial<State> {
  return Object.create(null) as Partial<State>;
}

/**
 * Files what a middleware proved: every slot it declared, none that it did not, each only once.
 * @throws {TypeError} when it broke its word, or is mounted after something of an earlier mount that reads its slot
 */
export function fileProofs(
  state: Partial<State>,
  { name, adds, mayAdd = [] }: AnyMiddleware,
  proven: unknown,
  earlier: readonly Chain[],
): void {
  if (!isObject(proven)) throw new TypeError(`${name} returned no object: return what it proves, or {}`);
  const missing = adds.find((slot) => proven[slot] === undefined);
  if (missing !== undefined) throw new TypeError(`${name} declared '${missing}' but did not prove it`);
  for (const slot of [...adds, ...mayAdd]) {
    if (proven[slot] === undefined || proven[slot] === state[slot]) continue;
    assertInTime(state, name, slot, earlier);
    Object.defineProperty(state, slot, { value: Object.freeze(proven[slot]), enumerable: true });
  }
}

function assertInTime(state: Partial<State>, name: string, slot: Slot, earlier: readonly Chain[]): void {
  if (state[slot] !== undefined) throw new TypeError(`${name} would replace '${slot}', which is already proven`);
  for (const { reads } of earlier) {
    const reader = reads.get(slot);
    if (reader === undefined) continue;
    throw new TypeError(`${name} is mounted too late: ${reader} reads '${slot}', so mount ${name} before it`);
  }
}
