import type { RequestContext } from '../context.js';
import type { Hooks } from '../middleware.js';
import { auditOutcome, describeRequest } from './describe.js';
import type { AuditEvent } from './events.js';
import { OutcomeWatch } from './outcomes.js';
import { Privacy, type PrivacyOptions } from './privacy.js';
import { RequestEvents } from './requestEvents.js';
import type { Trail } from './trail/trail.js';

/** How much is written about requests. */
export type AuditLevel = 'denials' | 'requests' | 'all';

export interface AuditHooksOptions {
  readonly put: (event: AuditEvent) => unknown;
  readonly level: AuditLevel;
  readonly privacy: PrivacyOptions;
  readonly now: () => Date;
  /** Where the admission of each request is on the disk before its handler runs. */
  readonly ahead?: Trail;
}

/** An event stream that is still open after so many milliseconds has a record of its own. */
const LONG_STREAM_MS = 10_000;

/** The hooks that a level takes, and no others: each costs every request something. */
export function auditHooks(options: AuditHooksOptions): Hooks {
  const { put, level, now, privacy, ahead } = options;
  // One for all events of a request: its messages are looked through once.
  const privacies = new WeakMap<RequestContext, Privacy>();
  const eventsOf = (ctx: RequestContext): RequestEvents => {
    const own = privacies.get(ctx) ?? new Privacy(privacy, ctx.request);
    privacies.set(ctx, own);
    return new RequestEvents(ctx, ctx.state, own, now);
  };
  const streams = new WeakMap<RequestContext, NodeJS.Timeout>();
  const settled: NonNullable<Hooks['settled']> = (ctx, outcome) => {
    clearTimeout(streams.get(ctx));
    if (level === 'denials' && auditOutcome(ctx.decisions, outcome) === 'allowed') return;
    const own = privacies.get(ctx) ?? new Privacy(privacy, ctx.request);
    put(describeRequest(ctx, outcome, now(), ctx.state, own));
  };
  const common: Hooks = {
    decided(ctx, decision) {
      if (decision.effect === 'deny') put(eventsOf(ctx).denial(decision));
    },
    called(ctx, call) {
      if (call.phase === 'denied' || level === 'all') put(eventsOf(ctx).called(call));
    },
    settled,
    ...(ahead === undefined ? {} : aheadOf(ahead, eventsOf)),
  };
  if (level === 'denials') return common;
  const until: Hooks['until'] = (ctx) => {
    const record = (): void => {
      put(eventsOf(ctx).stream());
    };
    if (!streams.has(ctx)) streams.set(ctx, setTimeout(record, LONG_STREAM_MS).unref());
    return undefined;
  };
  return level === 'all' ? withAll({ ...common, until }, options, eventsOf) : { ...common, until };
}

/** What was let through, and what was denied, is on the disk before anybody hears of it. */
function aheadOf(ahead: Trail, eventsOf: (ctx: RequestContext) => RequestEvents): Hooks {
  return {
    admitted: (ctx) => ahead.commit(eventsOf(ctx).admitted()),
    refused: () => ahead.flush(),
  };
}

function withAll(
  hooks: Hooks,
  { put, ahead }: AuditHooksOptions,
  eventsOf: (ctx: RequestContext) => RequestEvents,
): Hooks {
  const outcomes = new OutcomeWatch((ctx, outcome) => {
    put(eventsOf(ctx).ended(outcome));
  });
  const begun = new WeakSet<RequestContext>();
  return {
    ...hooks,
    decided(ctx, decision) {
      hooks.decided?.(ctx, decision);
      const proof = decision.effect === 'allow' ? eventsOf(ctx).proof(decision.middleware) : undefined;
      if (proof !== undefined) put(proof);
    },
    async admitted(ctx) {
      if (ahead !== undefined) await hooks.admitted?.(ctx);
      // Each mount lets the request through once more; a later one may be the first that has read its messages.
      if (begun.has(ctx) || ctx.request.messages === undefined) return;
      begun.add(ctx);
      outcomes.begin(ctx);
      for (const event of eventsOf(ctx).started()) put(event);
    },
    async refused(ctx) {
      outcomes.refuse(ctx);
      await hooks.refused?.(ctx);
    },
    seesMessages: (ctx) => outcomes.waits(ctx),
    message(ctx, message) {
      outcomes.see(ctx, message);
      return message;
    },
    settled(ctx, outcome) {
      outcomes.end(ctx, outcome);
      hooks.settled?.(ctx, outcome);
    },
  };
}
