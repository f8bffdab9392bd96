import type { RequestContext } from '../context.js';
import type { Decision } from '../decision.js';

/** Notices an audit log that stands behind a mount which it hears nothing of, and says so once. */
export interface LatePlace {
  /** Told of every verdict that the log hears of. */
  readonly decided: (ctx: RequestContext, decision: Decision) => void;
  /** Asked when it is the turn of the log itself. */
  readonly entered: (ctx: RequestContext) => void;
}

const OWN = 'auditLog';

export function latePlace(warn: (error: Error, ctx: RequestContext) => void): LatePlace {
  // Only requests that the log did not see first: one that is mounted as it should be pays nothing.
  const heardFromTheStart = new WeakSet<RequestContext>();
  let isDone = false;
  return {
    decided(ctx, { middleware }) {
      if (!isDone && ctx.decisions.length === 1 && middleware !== OWN) heardFromTheStart.add(ctx);
    },
    entered(ctx) {
      const { decisions } = ctx;
      if (isDone || decisions.length === 0 || heardFromTheStart.has(ctx)) return;
      // Where an earlier mount has a log of its own, this one is there for something else.
      if (decisions.some(({ middleware }) => middleware === OWN)) return;
      isDone = true;
      const names = [...new Set(decisions.map(({ middleware }) => middleware))].join(', ');
      warn(new Error(`auditLog: denials by ${names} are not recorded: mount auditLog before them, or with them`), ctx);
    },
  };
}
