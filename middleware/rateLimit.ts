import { hash } from 'node:crypto';
import type { HttpRequest, RequestContext } from '../lib/context.js';
import { Denial, Unavailable } from '../lib/denial.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, integer, object, oneOf, optional, readOptions, text, type Check } from '../lib/options.js';
import { principalOf, type Principal } from '../lib/principal.js';
import { isStore, openBudgets, type Budget, type Budgets, type RateBudget } from '../lib/rate/budgets.js';
import { rateHeaders, secondsLeft, spentOf, type Spent } from '../lib/rate/headers.js';
import { reportError } from '../lib/report.js';
import type { RateStore } from '../lib/stores/rate.js';
import { tell } from '../lib/tell.js';

declare module '../lib/denial.js' {
  interface DenialCodes {
    rate_limited: 429;
  }
}

/** Options of `rateLimit`. */
export interface RateLimitOptions {
  /** How many messages a caller may send within one window, those to tools with a budget of their own left out. */
  readonly limit: number;
  /** The length of a window, in milliseconds up to 2,147,483,647 (24 days). */
  readonly windowMs: number;
  /**
   * What the budget is called in headers and records: up to 64 letters, digits and `._-`. Two limits on one request need
   * two names. Default: `default`.
   */
  readonly name?: string;
  /** Budgets of single tools, by name. Calls of these count there and nowhere else. Default: none. */
  readonly tools?: Readonly<Record<string, RateBudget>>;
  /**
   * Where calls are counted: a store for `express-rate-limit`, or, for windows of several lengths, a function that makes
   * one for each. Default: the memory of this process; several instances need a shared one.
   */
  readonly store?: RateStore | ((windowMs: number) => RateStore);
  /** What happens while the store is down. `deny`: 503. `continue`: requests pass uncounted. Default: `deny`. */
  readonly onFailure?: 'deny' | 'continue';
  /** How long the store may take to answer, in milliseconds, before it counts as down. Default: 2,000. */
  readonly timeoutMs?: number;
  /** Sees why a request passed uncounted. Default: one escaped line on standard error. */
  readonly onError?: (error: unknown, ctx: RequestContext) => void | Promise<void>;
  /** What a caller over the limit is told. Default: `Too many requests`. */
  readonly message?: string;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** The longest delay of a timer, which many stores clear their windows with. */
const LONGEST_WINDOW = 2_147_483_647;

const storeOrFactory: Check = (value) =>
  typeof value === 'function' || isStore(value) ? undefined : 'must be a store for express-rate-limit, or make one';

/** It stands in a quoted string of a header. */
const budgetName: Check = (value) =>
  typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? undefined : 'must be 1 to 64 letters, digits and ._-';

/**
 * Requires that the caller stays within a number of messages in a window of time: per user, client or signer, and per
 * tool where a tool has a budget of its own. Never by address, which all callers behind a proxy share.
 *
 * Every message of a batch counts, and so do GET, DELETE, notifications, malformed bodies and denied requests. Sets
 * `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-08) on every response, once for all limits
 * that are mounted.
 *
 * @throws {Denial} 429 `rate_limited` with `Retry-After`, 401 `caller_unproven`, and what reading the body throws
 * @throws {Unavailable} when the store is down, unless `onFailure` is `continue`
 * @throws {TypeError} when an option is not what it must be
 */
export function rateLimit(options: RateLimitOptions): Middleware<never, never, 'auth' | 'signature'> {
  const given = readOptions<RateLimitOptions>('rateLimit', options, {
    limit: integer(1),
    windowMs: integer(1, LONGEST_WINDOW),
    name: optional(budgetName),
    tools: optional(object),
    store: optional(storeOrFactory),
    onFailure: optional(oneOf('deny', 'continue')),
    timeoutMs: optional(integer(1, LONGEST_WINDOW)),
    onError: optional(callback),
    message: optional(text),
    now: optional(callback),
  });
  const { onFailure = 'deny', message = 'Too many requests', now = () => new Date() } = given;
  const { onError = reportTo } = given;
  const budgets = openBudgets(given, now);

  const keyOf = rateKeys();

  const spend = async (uses: readonly Budget[], principal: Principal, spent: Spent): Promise<void> => {
    // One after the other: what one message may still do depends on those before it.
    for (const budget of uses) {
      const { totalHits, resetTime } = await budget.count(keyOf(budget, principal));
      const end = resetTime?.getTime() ?? now().getTime() + budget.windowMs;
      spent.set(budget, { remaining: Math.max(0, budget.limit - totalHits), end });
      if (totalHits > budget.limit) throw tooMany(budget, secondsLeft(budget, end, now()), message);
    }
  };

  return {
    name: 'rateLimit',
    needs: [],
    oneOf: ['auth', 'signature'],
    reads: ['auth', 'signature'],
    adds: [],
    async run(ctx) {
      const principal = principalOf(ctx.state);
      const { uses, fault } = await usesOf(ctx.request, budgets);
      try {
        await spend(uses, principal, spentOf(ctx));
      } catch (error) {
        if (error instanceof Denial) throw error;
        if (onFailure === 'deny') throw new Unavailable('The rate store is unavailable', { cause: error });
        tell(ctx.id, onError, error, ctx);
      }
      if (fault !== undefined) throw fault.error;
      return {};
    },
    hooks: {
      headers: (ctx) => rateHeaders(ctx, now()),
    },
  };
}

const reportTo = (error: unknown, { id }: RequestContext): void => {
  reportError(error, id);
};

/** What a request uses. One that cannot be read is counted too, or it would be the cheap way to flood. */
async function usesOf(
  { rpc }: HttpRequest,
  { base, ofTool }: Budgets,
): Promise<{ readonly uses: readonly Budget[]; readonly fault?: { readonly error: unknown } }> {
  try {
    const uses = (await rpc()).map((one) =>
      one.kind !== 'response' && one.target.kind === 'tool' ? (ofTool.get(one.target.name) ?? base) : base,
    );
    return { uses: uses.length === 0 ? [base] : uses };
  } catch (error) {
    return { uses: [base], fault: { error } };
  }
}

/** Names budgets of callers. Requests with the same token share what was proven, so that each name is made once for it. */
function rateKeys(): (budget: Budget, principal: Principal) => string {
  const known = new WeakMap<object, Map<Budget, string>>();
  return (budget, principal) => {
    const who = principal.auth ?? principal.signature;
    const keys = known.get(who) ?? new Map<Budget, string>();
    const key = keys.get(budget) ?? rateKey(budget, principal);
    known.set(who, keys.set(budget, key));
    return key;
  };
}

function rateKey({ name, windowMs }: Budget, principal: Principal): string {
  return hash('sha256', JSON.stringify([name, windowMs, ...partsOf(principal)]), 'base64url');
}

/**
 * Who shares a budget. The clients of a user do, or each new registration would bring a new one. A client that acts for
 * itself is kept apart from users, since it may have registered under the name of one (RFC 9700 section 4.15).
 */
function partsOf({ auth, signature }: Principal): readonly string[] {
  if (auth === undefined) return ['signature', signature.owner];
  const { issuer, subject, clientId } = auth;
  return [subject === clientId ? 'client' : 'user', issuer, subject];
}

function tooMany({ name }: Budget, seconds: number, message: string): Denial {
  const headers = { 'Retry-After': String(Math.max(1, seconds)) };
  return new Denial(429, 'rate_limited', message, { headers, policy: true, detail: { reason: name } });
}
