import type { RequestContext } from '../context.js';
import type { Budget } from './budgets.js';

/** What is left of each budget that a request used, and when its window ends, in milliseconds since the epoch. */
export type Spent = Map<Budget, { readonly remaining: number; readonly end: number }>;

const spentBy = new WeakMap<RequestContext, Spent>();

/** What a request used so far, in every limit that is mounted: there is one pair of headers for all of them. */
export function spentOf(ctx: RequestContext): Spent {
  const known = spentBy.get(ctx);
  if (known !== undefined) return known;
  const spent: Spent = new Map();
  spentBy.set(ctx, spent);
  return spent;
}

/** `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-08 has them, one member for each budget. */
export function rateHeaders(ctx: RequestContext, now: Date): Record<string, string> {
  const spent = spentBy.get(ctx);
  if (spent === undefined || spent.size === 0) return {};
  const list = [...spent];
  const limits = list.map(([budget, { remaining, end }]) => {
    return `"${budget.name}";r=${remaining};t=${secondsLeft(budget, end, now)}`;
  });
  const policies = list.map(([{ name, limit, windowMs }]) => `"${name}";q=${limit};w=${Math.ceil(windowMs / 1000)}`);
  return { RateLimit: limits.join(', '), 'RateLimit-Policy': policies.join(', ') };
}

/** Whole seconds until a window ends. The clock of a shared store may differ, so never more than there can be. */
export function secondsLeft({ windowMs }: Budget, end: number, now: Date): number {
  return Math.ceil(Math.min(Math.max(0, end - now.getTime()), windowMs) / 1000);
}
