import type { Chain } from './chain.js';
import type { Slot, State } from './context.js';
import type { AnyMiddleware } from './middleware.js';
import { isObject } from './rpc.js';

/** Made by a constructor, since V8 takes what `Object.create(null)` makes for a dictionary, which is slow. */
const Facts = function () {
  // Nothing is proven.
} as unknown as new () => Partial<State>;
Facts.prototype = Object.freeze(Object.create(null) as object);

/** Facts that inherit nothing, so that none counts as proven because something polluted `Object.prototype`. */
export function noProofs(): Partial<State> {
  return new Facts();
}

/**
 * Files what a middleware proved: every slot it declared, none that it did not, each only once.
 * @throws {TypeError} when it proved something other than it declared, or is mounted after something of an earlier mount that reads its slot
 */
export function fileProofs(
  state: Partial<State>,
  { name, adds, mayAdd = [] }: AnyMiddleware,
  proven: unknown,
  earlier: readonly Chain[],
): void {
  if (!isObject(proven)) throw new TypeError(`${name} returned no object: return what it proves, or {}`);
  for (const slot of adds) {
    if (proven[slot] === undefined) throw new TypeError(`${name} declared '${slot}' but did not prove it`);
  }
  const file = (slot: Slot): void => {
    if (proven[slot] === undefined || proven[slot] === state[slot]) return;
    assertInTime(state, name, slot, earlier);
    Object.defineProperty(state, slot, { value: Object.freeze(proven[slot]), enumerable: true });
  };
  adds.forEach(file);
  mayAdd.forEach(file);
}

function assertInTime(state: Partial<State>, name: string, slot: Slot, earlier: readonly Chain[]): void {
  if (state[slot] !== undefined) throw new TypeError(`${name} would replace '${slot}', which is already proven`);
  for (const { reads } of earlier) {
    const reader = reads.get(slot);
    if (reader === undefined) continue;
    throw new TypeError(`${name} is mounted too late: ${reader} reads '${slot}', so mount ${name} before it`);
  }
}
