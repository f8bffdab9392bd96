import { integer, optional, readOptions } from '../options.js';
import { isObject } from '../rpc.js';
import { openCounter, type Counter } from '../stores/counter.js';
import { memoryRate, type RateStore } from '../stores/rate.js';

/** How often something may be done. */
export interface RateBudget {
  readonly limit: number;
  /** The length of a window, in milliseconds. Default: that of `rateLimit` itself. */
  readonly windowMs?: number;
}

/** A budget and where it is counted. */
export interface Budget extends Required<RateBudget> {
  /** Tells budgets apart, in keys and headers. */
  readonly name: string;
  readonly count: Counter;
}

export interface Budgets {
  /** For whatever has no budget of its own. */
  readonly base: Budget;
  /** A map, since a client may name a tool `__proto__`. */
  readonly ofTool: ReadonlyMap<string, Budget>;
}

export interface BudgetsOptions extends Required<RateBudget> {
  readonly name?: string;
  readonly tools?: Readonly<Record<string, RateBudget>>;
  readonly store?: RateStore | ((windowMs: number) => RateStore);
  readonly timeoutMs?: number;
}

/**
 * Prepares the budgets of one `rateLimit`: one store for each length of window.
 * @throws {TypeError} when a budget is not one, or one store is to count in windows of several lengths
 */
export function openBudgets(
  { limit, windowMs, name: own, tools = {}, store, timeoutMs = 2_000 }: BudgetsOptions,
  now: () => Date,
): Budgets {
  const stores = new Map<number, RateStore>();
  const make = typeof store === 'function' ? store : () => store ?? memoryRate({ now });
  const open = (name: string, budget: Required<RateBudget>): Budget => {
    const known = stores.get(budget.windowMs) ?? make(budget.windowMs);
    if (!isStore(known)) throw new TypeError("rateLimit: what 'store' makes is not a store for express-rate-limit");
    stores.set(budget.windowMs, known);
    return { name, ...budget, count: openCounter(known, { ...budget, timeoutMs }) };
  };
  const base = open(own ?? 'default', { limit, windowMs });
  const ofTool = Object.entries(tools).map(([name, budget]) => {
    const given = readBudget(name, budget);
    // Encoded, since the name stands in a quoted string of a header.
    const label = `tool:${encodeURIComponent(name)}`;
    return [name, open(own === undefined ? label : `${own}:${label}`, { windowMs, ...given })] as const;
  });
  return { base, ofTool: new Map(ofTool) };
}

/** Whether something counts. */
export function isStore(value: unknown): value is RateStore {
  return isObject(value) && typeof value['increment'] === 'function';
}

function readBudget(name: string, budget: RateBudget): RateBudget {
  const given = readOptions<RateBudget>(`rateLimit 'tools.${name}'`, budget, {
    limit: integer(1),
    windowMs: optional(integer(1, 2_147_483_647)),
  });
  return given.windowMs === undefined ? { limit: given.limit } : given;
}
