import type { AuditEvent, AuditEventType, DenialType } from '../../lib/audit/events.js';
import type { AuditRecord } from '../../lib/audit/record.js';

const TIME = '2026-11-22T12:00:00.123Z';
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const KEY = 'pWnQ0yBTQF2mWmTHAV5l8pCwJTj6i8e7vWb9QvVQ0aA';

/** Texts that a client chooses, wherever an event holds one. */
export interface Texts {
  readonly text: string;
  readonly name: string;
}

const PLAIN: Texts = { text: 'ann', name: 'report' };

/** One event of each type, with every member that it may have. */
export function everyEvent({ text, name }: Texts = PLAIN): Readonly<Record<AuditEventType, AuditEvent>> {
  const base = { v: 1, time: TIME } as const;
  const about = {
    ...base,
    id: `id-${text}`,
    http: { method: 'POST', path: `/mcp/${text}`, ip: '192.0.2.7' },
    trace: '0af7651916cd43dd8448eb211c80319c',
    transaction: '8f14e45f-ceea-467f-9575-6b3a5e1d9c11',
    principal: { issuer: 'https://as.example.com', subject: text, clientId: text },
    signature: { owner: 'https://agent.example.com', clientId: text, keyId: KEY },
    rpc: [{ kind: 'request', id: text, method: 'tools/call', tool: name, arguments: { value: { [text]: text } } }],
  } as const;
  const access = { required: ['file:delete'], granted: [text], missing: ['file:delete'] };
  const denial = (type: DenialType, status: number, code: string): AuditEvent => ({
    ...about,
    type,
    middleware: 'authenticate',
    ms: 0.1,
    status,
    code,
    access,
    detail: { reason: text, roles: [text] },
    error: { name: 'TypeError', code: 'ECONNREFUSED' },
  });
  const proof = (
    type: 'authentication_succeeded' | 'authorization_succeeded' | 'signature_verified',
    middleware: string,
  ): AuditEvent => ({ ...about, type, middleware, access });
  const key = { ...base, keyId: KEY, purpose: 'audit', algorithm: 'ES256' } as const;
  const tool = { ...base, tool: name, version: '1.0.0', form: 'modern', digest: DIGEST };
  const verdict = { ...base, tool: name, server: 'https://mcp.example.com/mcp', version: text, publisher: text };
  const instance = '5b0f1c9e-6b0c-4a33-9f3a-7e9f3c0c9f11';
  return {
    request: everyRequest(about, { text, name }),
    request_admitted: { ...about, type: 'request_admitted' },
    stream_opened: { ...about, type: 'stream_opened' },
    discovery_requested: { ...about, type: 'discovery_requested', method: 'tools/list' },
    call_started: { ...about, type: 'call_started', tool: name, rpcId: text, arguments: { keys: [text], masked: 1 } },
    call_sent: { ...about, type: 'call_sent', tool: name, caller: 'https://a.example/mcp#report' },
    call_succeeded: {
      ...callEnded(about, name),
      type: 'call_succeeded',
      result: { value: { [text]: [text, 1, null] } },
    },
    call_failed: { ...callEnded(about, name), type: 'call_failed', failure: 'rpc_error', errorCode: -32603 },
    authentication_succeeded: proof('authentication_succeeded', 'authenticate'),
    authorization_succeeded: proof('authorization_succeeded', 'authorizeScopes'),
    signature_verified: proof('signature_verified', 'verifySignature'),
    call_stack_proven: {
      ...about,
      type: 'call_stack_proven',
      middleware: 'callStackGuard',
      callStack: {
        caller: '@root',
        depth: 1,
        frames: [`https://a.example/mcp#${name}`],
        root: 'https://a.example/mcp',
      },
    },
    authentication_failed: denial('authentication_failed', 401, 'token_invalid'),
    authorization_failed: denial('authorization_failed', 403, 'scope_insufficient'),
    signature_failed: denial('signature_failed', 403, 'signature_invalid'),
    replay_detected: denial('replay_detected', 403, 'signature_replayed'),
    header_mismatched: denial('header_mismatched', 400, 'header_mismatch'),
    call_chain_violated: denial('call_chain_violated', 403, 'call_cycle'),
    rate_exceeded: denial('rate_exceeded', 429, 'rate_limited'),
    session_denied: denial('session_denied', 404, 'session_unknown'),
    origin_denied: denial('origin_denied', 403, 'origin_denied'),
    definition_denied: denial('definition_denied', 403, 'definition_changed'),
    message_malformed: denial('message_malformed', 400, 'json_malformed'),
    dependency_failed: denial('dependency_failed', 503, 'unavailable'),
    check_failed: denial('check_failed', 500, 'internal_error'),
    request_denied: denial('request_denied', 403, text),
    definition_pinned: { ...tool, type: 'definition_pinned' },
    definition_changed: { ...tool, type: 'definition_changed' },
    definition_restored: { ...tool, type: 'definition_restored' },
    definition_unsignable: { ...tool, type: 'definition_unsignable' },
    tool_undefined: { ...tool, type: 'tool_undefined' },
    tool_missing: { ...base, type: 'tool_missing', tool: name },
    definition_verified: { ...verdict, type: 'definition_verified', outcome: 'allow', reason: 'approved' },
    definition_refused: { ...verdict, type: 'definition_refused', outcome: 'deny', reason: 'definition_changed' },
    approval_granted: {
      ...verdict,
      type: 'approval_granted',
      approver: text,
      permissions: [text],
      expiresAt: '2027-02-20T12:00:00.000Z',
    },
    approval_revoked: { ...verdict, type: 'approval_revoked', approver: text },
    key_generated: { ...key, type: 'key_generated' },
    key_activated: { ...key, type: 'key_activated' },
    key_retiring: { ...key, type: 'key_retiring' },
    key_retired: { ...key, type: 'key_retired' },
    key_revoked: { ...key, type: 'key_revoked' },
    key_upkeep_failed: { ...base, type: 'key_upkeep_failed', error: { name: 'Error', code: 'ENOSPC' } },
    configuration_loaded: {
      ...base,
      type: 'configuration_loaded',
      component: 'authorizeScopes',
      settings: { value: { [text]: text } },
    },
    configuration_changed: { ...base, type: 'configuration_changed', component: 'rateLimit', actor: text },
    server_started: { ...base, type: 'server_started', name, version: '1.2.3' },
    server_stopped: { ...base, type: 'server_stopped', name },
    trail_started: { ...base, type: 'trail_started', instance, host: 'mcp-1', pid: 4711, clean: false },
    trail_stopped: { ...base, type: 'trail_stopped', instance },
    trail_segment: { ...base, type: 'trail_segment', after: 'audit.000000000001.jsonl' },
    trail_checkpoint: { ...base, type: 'trail_checkpoint', jws: 'e30.e30.AAAA' },
    trail_recovered: { ...base, type: 'trail_recovered', bytes: 17, digest: 'cd'.repeat(32) },
    trail_gap: { ...base, type: 'trail_gap', lost: 3, reason: 'queue_full', since: TIME, sink: 0 },
  };
}

type AboutName = 'v' | 'time' | 'id' | 'http' | 'trace' | 'transaction' | 'principal' | 'signature' | 'rpc';
type About = Required<Pick<AuditRecord, AboutName>>;

function everyRequest(about: About, { text, name }: Texts): Required<AuditRecord> {
  const checks = [
    { middleware: 'auditLog', effect: 'allow', ms: 0.001 },
    { middleware: 'authenticate', effect: 'allow', ms: 0.01 },
  ] as const;
  const called = `https://mcp.example.com/mcp#${name}`;
  const caller = `https://a.example/mcp#${text}`;
  return {
    ...about,
    type: 'request',
    outcome: 'allowed',
    status: 200,
    durationMs: 12.345,
    decisions: checks,
    access: { required: ['file:read'], granted: [text] },
    observed: { middleware: 'verifySignature', code: 'signature_required' },
    callStack: { root: 'https://agent.example.com', depth: 2, caller, frames: [caller, called] },
  };
}

function callEnded({ v, time, id, principal }: About, tool: string) {
  return { v, time, id, tool, rpcId: 7, principal };
}

/** A request that ended in each way. */
export function everyOutcome(): readonly AuditRecord[] {
  const { request } = everyEvent();
  const allowed = request as AuditRecord;
  const denied = {
    middleware: 'authorizeScopes',
    effect: 'deny',
    ms: 0.1,
    status: 403,
    code: 'role_insufficient',
  } as const;
  const { status: _status, ...aborted } = allowed;
  return [
    allowed,
    { ...allowed, outcome: 'denied', status: 403, decisions: [...allowed.decisions, denied] },
    { ...allowed, outcome: 'failed', status: 500 },
    { ...aborted, outcome: 'aborted' },
    { ...allowed, http: { ...allowed.http, method: 'GET', ip: 'unknown' }, rpc: [] },
  ];
}
