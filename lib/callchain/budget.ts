import { hash } from 'node:crypto';
import { Unavailable } from '../denial.js';
import { openCounter } from '../stores/counter.js';
import type { RateStore } from '../stores/rate.js';
import { callDenial } from './denials.js';
import { MAX_HOPS } from './hop.js';

export interface BudgetOptions {
  readonly store: RateStore | ((windowMs: number) => RateStore);
  /** How many calls one transaction may cause. */
  readonly maxCalls: number;
  /** The longest lifetime of a hop, in seconds. */
  readonly maxAge: number;
}

/**
 * Takes one call from the budget of a transaction. Depth bounds how far a call goes, this bounds how often.
 * @throws {Denial} 403 `fanout_exceeded`
 * @throws {Unavailable} when the store cannot tell
 */
export type SpendCall = () => Promise<void>;

const TIMEOUT_MS = 2_000;

/** Prepares the budgets of transactions that come from elsewhere. Each is counted for as long as a chain can live. */
export function openBudgets({
  store,
  maxCalls,
  maxAge,
}: BudgetOptions): (root: string, transaction: string) => SpendCall {
  const windowMs = (MAX_HOPS + 1) * maxAge * 1000;
  const counter = typeof store === 'function' ? store(windowMs) : store;
  const count = openCounter(counter, { windowMs, limit: maxCalls, timeoutMs: TIMEOUT_MS });
  return (root, transaction) => async () => {
    // A root chooses its transactions, and must not spend those of another. There is no space in one.
    const key = hash('sha256', `call ${transaction} ${root}`, 'base64url');
    const { totalHits } = await count(key).catch(unavailable);
    if (totalHits > maxCalls) throw callDenial('fanout_exceeded', { transaction });
  };
}

/** The budget of a transaction that starts here. It ends with the request, and needs no store. */
export function ownBudget(maxCalls: number, transaction: string): SpendCall {
  let left = maxCalls;
  // eslint-disable-next-line @typescript-eslint/require-await -- turns a throw into a rejection
  return async () => {
    if (left === 0) throw callDenial('fanout_exceeded', { transaction });
    left -= 1;
  };
}

function unavailable(cause: unknown): never {
  throw cause instanceof Unavailable ? cause : new Unavailable('The counter of calls is unavailable', { cause });
}
