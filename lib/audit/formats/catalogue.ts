import type { AuditEventType } from '../events.js';

/** How much an event matters, with the numbers of OCSF: from 1, informational, to 5, critical. */
export type Severity = 1 | 2 | 3 | 4 | 5;

export type Result = 'success' | 'failure' | 'unknown';

/** The OCSF 1.8 classes that events are mapped to. */
export type OcsfClass =
  | 'detection_finding'
  | 'authentication'
  | 'entity_management'
  | 'application_lifecycle'
  | 'api_activity'
  | 'application_error';

type EcsCategory = 'api' | 'authentication' | 'configuration' | 'iam' | 'intrusion_detection' | 'process';

type EcsType =
  'access' | 'admin' | 'allowed' | 'change' | 'creation' | 'deletion' | 'denied' | 'end' | 'info' | 'start';

/** What a kind of event is in the terms of others. */
export interface EventKind {
  /** One constant sentence for people. */
  readonly text: string;
  readonly severity: Severity;
  /** Absent where an event has no outcome, or says it itself. */
  readonly result?: Result;
  /** Whether somebody should look at it. */
  readonly alert?: true;
  /** The class, and what of it happened; an API activity without a number takes it from the method. */
  readonly ocsf: readonly [name: OcsfClass, activity?: number, activityName?: string];
  readonly ecs: readonly [category: readonly EcsCategory[], type: readonly EcsType[]];
}

const API = { ocsf: ['api_activity'] } as const;
const DENIED = { ...API, result: 'failure', ecs: [['api'], ['access', 'denied']] } as const;
const VIOLATION = { ...DENIED, alert: true, ecs: [['api', 'intrusion_detection'], ['denied']] } as const;
const PROVEN = { severity: 1, result: 'success', ecs: [['authentication'], ['start']] } as const;
const LISTED = { ocsf: ['detection_finding', 1], ecs: [['configuration'], ['info']] } as const;
const RUNS = { severity: 1, result: 'success' } as const;
const TRAIL = { ...RUNS, ecs: [['process'], ['info']] } as const;

/** Every event there is. */
export const CATALOGUE: Readonly<Record<AuditEventType, EventKind>> = {
  request: { ...API, text: 'A request is over', severity: 1, ecs: [['api'], ['access', 'end']] },
  request_admitted: {
    ...API,
    text: 'A request passed every check',
    severity: 1,
    result: 'unknown',
    ecs: [['api'], ['access', 'allowed']],
  },
  stream_opened: {
    ...API,
    text: 'An event stream is open',
    severity: 1,
    result: 'unknown',
    ecs: [['api'], ['access', 'start']],
  },
  discovery_requested: {
    ...API,
    text: 'A list of what the server offers was asked for',
    severity: 1,
    result: 'unknown',
    ecs: [['api'], ['access']],
  },
  call_started: {
    ocsf: ['api_activity', 99, 'Execute'],
    text: 'A tool is called',
    severity: 1,
    result: 'unknown',
    ecs: [['api'], ['access', 'start']],
  },
  call_sent: {
    ocsf: ['api_activity', 99, 'Execute'],
    text: 'A tool calls one of another server',
    severity: 1,
    result: 'unknown',
    ecs: [['api'], ['access', 'start']],
  },
  call_succeeded: {
    ocsf: ['api_activity', 99, 'Execute'],
    text: 'A tool answered',
    severity: 1,
    result: 'success',
    ecs: [['api'], ['access', 'end']],
  },
  call_failed: {
    ocsf: ['api_activity', 99, 'Execute'],
    text: 'A tool failed',
    severity: 2,
    result: 'failure',
    ecs: [['api'], ['access', 'end']],
  },
  authentication_succeeded: { ...PROVEN, ocsf: ['authentication', 1], text: 'The caller proved who it is' },
  authorization_succeeded: {
    ...API,
    text: 'The caller may do what it asked for',
    severity: 1,
    result: 'success',
    ecs: [['api'], ['access', 'allowed']],
  },
  signature_verified: {
    ...PROVEN,
    ocsf: ['authentication', 99, 'Verify Signature'],
    text: 'A known key signed the request',
  },
  call_stack_proven: {
    ...API,
    text: 'It is proven which tools called each other',
    severity: 1,
    result: 'success',
    ecs: [['api'], ['access', 'allowed']],
  },
  authentication_failed: {
    ocsf: ['authentication', 1],
    text: 'The caller did not prove who it is',
    severity: 3,
    result: 'failure',
    ecs: [['authentication'], ['start']],
  },
  authorization_failed: { ...DENIED, text: 'The caller may not do what it asked for', severity: 3 },
  signature_failed: { ...VIOLATION, text: 'The signature of a request is missing or wrong', severity: 3 },
  replay_detected: { ...VIOLATION, text: 'A request was sent a second time', severity: 4 },
  header_mismatched: { ...VIOLATION, text: 'A header contradicts the body', severity: 3 },
  call_chain_violated: { ...VIOLATION, text: 'Tools called each other as they may not', severity: 4 },
  rate_exceeded: { ...DENIED, text: 'The caller went beyond its rate', severity: 2 },
  session_denied: { ...VIOLATION, text: 'A session was used by another caller than its own, or is none', severity: 3 },
  origin_denied: { ...VIOLATION, text: 'A foreign web page is behind the request', severity: 3 },
  definition_denied: { ...VIOLATION, text: 'A tool is not what was approved, or not what was published', severity: 4 },
  message_malformed: { ...DENIED, text: 'A request cannot be read', severity: 2 },
  dependency_failed: { ...DENIED, text: 'Something that a check depends on is down', severity: 4 },
  check_failed: { ...DENIED, text: 'A check crashed, and the request was denied', severity: 4 },
  request_denied: { ...DENIED, text: 'A request was denied', severity: 2 },
  definition_pinned: {
    ocsf: ['entity_management', 1],
    text: 'The definition of a tool was published for the first time',
    severity: 1,
    result: 'success',
    ecs: [['configuration'], ['creation']],
  },
  definition_changed: {
    ...LISTED,
    text: 'The definition of a tool changed without a new version',
    severity: 4,
    alert: true,
    ecs: [
      ['configuration', 'intrusion_detection'],
      ['change', 'info'],
    ],
  },
  definition_restored: {
    ocsf: ['entity_management', 3],
    text: 'The definition of a tool is again what it was',
    severity: 2,
    result: 'success',
    ecs: [['configuration'], ['change']],
  },
  definition_unsignable: { ...LISTED, text: 'The definition of a tool cannot be signed', severity: 3 },
  tool_undefined: { ...LISTED, text: 'The server lists a tool without a policy', severity: 3 },
  tool_missing: { ...LISTED, text: 'A tool with a policy is not listed by the server', severity: 2 },
  definition_verified: {
    ocsf: ['entity_management', 99, 'Verify'],
    text: 'A tool is what was approved',
    severity: 1,
    result: 'success',
    ecs: [['configuration'], ['info']],
  },
  definition_refused: {
    ...LISTED,
    text: 'A tool is not what was approved, or not approved yet',
    severity: 4,
    alert: true,
    ecs: [['intrusion_detection'], ['denied']],
  },
  approval_granted: {
    ocsf: ['entity_management', 8],
    text: 'A tool was approved',
    severity: 2,
    result: 'success',
    ecs: [['iam'], ['creation', 'admin']],
  },
  approval_revoked: {
    ocsf: ['entity_management', 9],
    text: 'The approval of a tool was taken back',
    severity: 2,
    result: 'success',
    ecs: [['iam'], ['deletion', 'admin']],
  },
  key_generated: { ...RUNS, ocsf: ['entity_management', 1], text: 'A key was generated', ecs: key('creation') },
  key_activated: { ...RUNS, ocsf: ['entity_management', 10], text: 'A key signs from now on', ecs: key('change') },
  key_retiring: { ...RUNS, ocsf: ['entity_management', 11], text: 'A key signs no longer', ecs: key('change') },
  key_retired: { ...RUNS, ocsf: ['entity_management', 9], text: 'A key is no longer published', ecs: key('change') },
  key_revoked: {
    ocsf: ['entity_management', 4],
    text: 'A key was revoked',
    severity: 3,
    result: 'success',
    ecs: key('deletion'),
  },
  key_upkeep_failed: {
    ocsf: ['application_error', 1],
    text: 'The keys could not be looked after',
    severity: 4,
    result: 'failure',
    ecs: key('info'),
  },
  configuration_loaded: {
    ...RUNS,
    ocsf: ['entity_management', 10],
    text: 'A configuration is in force',
    ecs: [['configuration'], ['info']],
  },
  configuration_changed: {
    ocsf: ['entity_management', 3],
    text: 'A configuration changed',
    severity: 3,
    result: 'success',
    ecs: [['configuration'], ['change']],
  },
  server_started: {
    ...RUNS,
    ocsf: ['application_lifecycle', 3],
    text: 'The server started',
    ecs: [['process'], ['start']],
  },
  server_stopped: {
    ...RUNS,
    ocsf: ['application_lifecycle', 4],
    text: 'The server stopped',
    ecs: [['process'], ['end']],
  },
  trail_started: {
    ...RUNS,
    ocsf: ['application_lifecycle', 3],
    text: 'The audit trail started',
    ecs: [['process'], ['start']],
  },
  trail_stopped: {
    ...RUNS,
    ocsf: ['application_lifecycle', 4],
    text: 'The audit trail was closed',
    ecs: [['process'], ['end']],
  },
  trail_segment: { ...TRAIL, ocsf: ['application_lifecycle', 99, 'Rotate'], text: 'The audit trail has a new file' },
  trail_checkpoint: { ...TRAIL, ocsf: ['application_lifecycle', 99, 'Checkpoint'], text: 'The audit trail was signed' },
  trail_recovered: {
    ...TRAIL,
    ocsf: ['application_lifecycle', 99, 'Recover'],
    text: 'A crash left half a line in the audit trail',
    severity: 3,
  },
  trail_gap: {
    ocsf: ['application_error', 1],
    text: 'Events were lost',
    severity: 5,
    result: 'failure',
    alert: true,
    ecs: [['process'], ['info']],
  },
};

function key(type: EcsType): EventKind['ecs'] {
  return [['iam'], [type, 'admin']];
}
