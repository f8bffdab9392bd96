import type { RequestContext } from '../context.js';
import type { Decision, Denied, Outcome } from '../decision.js';
import type { DenialCode } from '../denial.js';
import type { RpcMessage } from '../rpc.js';
import { escapeText } from '../text.js';
import { auditAccess, auditDecision, roundMs } from './detail.js';
import type {
  AuditedAccess,
  AuditedHttp,
  AuditedMessage,
  AuditedObservation,
  AuditedPrincipal,
  AuditedSignature,
  AuditOutcome,
  AuditRecord,
} from './record.js';

type Writable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

/** What was proven about the request, as far as it is recorded. */
export interface Facts {
  readonly auth?: AuditedPrincipal;
  readonly signature?: AuditedSignature;
  readonly access?: AuditedAccess;
  readonly observed?: AuditedObservation;
}

/** What is denied only because the client is gone. */
const OF_LEAVING: ReadonlySet<string> = new Set<DenialCode>(['body_incomplete', 'exchange_closed']);
const MAX_METHOD = 128;
const MAX_ID = 128;
const ORIGIN = /^[a-z][a-z0-9+.-]*:[\\/]*[^\\/]*/i;
/** The longest URI that is parsed. */
const MAX_URI = 8192;

/** The record of a request that is over. */
export function describeRequest(ctx: RequestContext, outcome: Outcome, time: Date, facts: Facts): AuditRecord {
  const { request, decisions } = ctx;
  // Filled member by member, not spread: V8 makes a hidden class for each object that is spread and added to.
  const record: Writable<AuditRecord> = {
    v: 1,
    time: time.toISOString(),
    type: 'request',
    id: escapeText(ctx.id, MAX_ID),
    outcome: auditOutcome(decisions, outcome),
    durationMs: roundMs(outcome.ms),
    http: auditHttp(request),
    decisions: Object.freeze(decisions.map(auditDecision)),
  };
  if (outcome.status !== undefined) record.status = outcome.status;
  if (facts.auth !== undefined) record.principal = auditPrincipal(facts.auth);
  if (facts.signature !== undefined) record.signature = auditSignature(facts.signature);
  // All of a batch: a list cut short would be a place to hide a call. The core reads 100 messages at most.
  if (request.messages !== undefined) record.rpc = Object.freeze(request.messages.map(auditMessage));
  const access = auditAccess(decisions, facts.access);
  if (access !== undefined) record.access = access;
  if (facts.observed !== undefined) record.observed = auditObservation(facts.observed);
  return Object.freeze(record);
}

/** A denial outweighs everything: a client cannot turn it into something else by leaving early. */
function auditOutcome(decisions: readonly Decision[], { status, aborted }: Outcome): AuditOutcome {
  const denied = decisions.find(
    (decision): decision is Denied => decision.effect === 'deny' && !(aborted && OF_LEAVING.has(decision.code)),
  );
  if (denied !== undefined) return denied.status >= 500 ? 'failed' : 'denied';
  if (aborted) return 'aborted';
  return status !== undefined && status >= 500 ? 'failed' : 'allowed';
}

function auditHttp({ method, target, ip }: RequestContext['request']): AuditedHttp {
  const path = target.replace(/[?#].*$/s, '').replace(ORIGIN, '');
  return Object.freeze({ method: escapeText(method, 32), path: escapeText(path), ip: escapeText(ip, 64) });
}

function auditPrincipal({ issuer, subject, clientId }: AuditedPrincipal): AuditedPrincipal {
  return Object.freeze({ issuer: escapeText(issuer), subject: escapeText(subject), clientId: escapeText(clientId) });
}

function auditSignature({ owner, clientId, keyId }: AuditedSignature): AuditedSignature {
  return Object.freeze({ owner: escapeText(owner), clientId: escapeText(clientId), keyId: escapeText(keyId) });
}

function auditObservation({ middleware, code }: AuditedObservation): AuditedObservation {
  return Object.freeze({ middleware, code: escapeText(code) });
}

function auditMessage(message: RpcMessage): AuditedMessage {
  const audited: Writable<AuditedMessage> = { kind: message.kind };
  if (message.kind !== 'notification') audited.id = auditId(message.id);
  if (message.kind === 'response') return Object.freeze(audited);
  audited.method = escapeText(message.method, MAX_METHOD);
  const { kind, name } = message.target;
  if (kind !== 'method') audited[kind] = escapeText(kind === 'resource' ? bareUri(name) : name);
  return Object.freeze(audited);
}

function auditId(id: string | number): string | number {
  return typeof id === 'string' ? escapeText(id, MAX_ID) : id;
}

/** A URI without the places where secrets travel: user information, query and fragment. */
function bareUri(uri: string): string {
  if (uri.length > MAX_URI || !URL.canParse(uri)) return bareText(uri);
  const url = new URL(uri);
  url.username = url.password = url.search = url.hash = '';
  return url.toString();
}

/** Of what is no URL it is not known where user information ends: whatever is before an `@` may be some. */
function bareText(text: string): string {
  const end = text.search(/[?#]/);
  // Nothing is left when the `@` is behind that end.
  return text.slice(text.lastIndexOf('@') + 1, end < 0 ? undefined : end);
}
