import { defined } from '../../lib/profile/defined.js';
import type { Measures } from '../../lib/profile/levels.js';
import { isTools } from '../../lib/tools/defineTools.js';
import type { SecurityProfileOptions } from './options.js';

/** What the options ask for on top of the level. */
export function askedBy({ signatures, requireBinding, auditing, ...given }: SecurityProfileOptions): Partial<Measures> {
  const onRateFailure = typeof given.rate === 'object' ? given.rate.onFailure : undefined;
  const mode = typeof signatures === 'object' ? signatures.mode : signatures;
  return defined({
    signatures: mode,
    binding: requireBinding,
    auditOrDeny: auditing?.onFailure === undefined ? undefined : auditing.onFailure === 'deny',
    auditAhead: auditing?.writeAhead,
    events: auditing?.level,
    sessions: isAsked(given.sessions),
    rate: isAsked(given.rate),
    rateOrDeny: given.rate === undefined ? undefined : onRateFailure !== 'continue',
    callChains: isAsked(given.callChains) ?? hasCallRules(given.tools),
    definitions: isAsked(given.definitions),
  });
}

/** Without the guard, what a tool says about callers would mean nothing. */
function hasCallRules(tools: SecurityProfileOptions['tools']): true | undefined {
  const rules = ['allowedCallers', 'blockedCallers', 'allowedCallees', 'blockedCallees', 'maxCallDepth'] as const;
  const found = isTools(tools) && [...tools].some(([, policy]) => rules.some((rule) => policy[rule] !== undefined));
  return found ? true : undefined;
}

function isAsked(extra: object | true | undefined): true | undefined {
  return extra === undefined ? undefined : true;
}
