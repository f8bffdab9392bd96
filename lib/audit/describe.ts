import type { RequestContext } from '../context.js';
import type { Decision, Denied, Outcome } from '../decision.js';
import type { DenialCode } from '../denial.js';
import {
  auditCallStack,
  auditHttp,
  auditMessages,
  auditObservation,
  auditPrincipal,
  auditSignature,
  auditTrace,
  deniedTransaction,
  MAX_ID,
  type Facts,
  type Writable,
} from './about.js';
import { auditAccess, auditDecision, roundMs } from './detail.js';
import type { Privacy } from './privacy.js';
import type { AuditOutcome, AuditRecord } from './record.js';
import { timestamp } from './time.js';

/** What is denied only because the client is gone. */
const OF_LEAVING: ReadonlySet<string> = new Set<DenialCode>(['body_incomplete', 'exchange_closed']);

/** The record of a request that is over. */
export function describeRequest(
  ctx: RequestContext,
  outcome: Outcome,
  time: Date,
  facts: Facts,
  privacy: Privacy,
): AuditRecord {
  const { request, decisions } = ctx;
  // Filled member by member, not spread: V8 makes a hidden class for each object that is spread and added to.
  const record: Writable<AuditRecord> = {
    v: 1,
    time: timestamp(time),
    type: 'request',
    id: privacy.id(ctx.id, MAX_ID),
    outcome: auditOutcome(decisions, outcome),
    durationMs: roundMs(outcome.ms),
    http: auditHttp(request, privacy),
    decisions: Object.freeze(decisions.map((decision) => auditDecision(decision, privacy))),
  };
  if (outcome.status !== undefined) record.status = outcome.status;
  if (facts.auth !== undefined) record.principal = auditPrincipal(facts.auth);
  if (facts.signature !== undefined) record.signature = auditSignature(facts.signature);
  if (request.messages !== undefined) record.rpc = auditMessages(request.messages, privacy);
  const trace = auditTrace(request);
  if (trace !== undefined) record.trace = trace;
  const access = auditAccess(decisions, facts.access, privacy);
  if (access !== undefined) record.access = access;
  const transaction = facts.callStack?.transaction ?? deniedTransaction(decisions);
  if (transaction !== undefined) record.transaction = privacy.id(transaction, MAX_ID);
  if (facts.callStack !== undefined) record.callStack = auditCallStack(facts.callStack, privacy);
  if (facts.observed !== undefined) record.observed = auditObservation(facts.observed);
  return Object.freeze(record);
}

/** A denial outweighs everything: a client cannot turn it into something else by leaving early. */
export function auditOutcome(decisions: readonly Decision[], { status, aborted }: Outcome): AuditOutcome {
  const denied = decisions.find(
    (decision): decision is Denied => decision.effect === 'deny' && !(aborted && OF_LEAVING.has(decision.code)),
  );
  if (denied !== undefined) return denied.status >= 500 ? 'failed' : 'denied';
  if (aborted) return 'aborted';
  return status !== undefined && status >= 500 ? 'failed' : 'allowed';
}
