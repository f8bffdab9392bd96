import type { KeyPurpose } from '../keys/keyRecord.js';
import type {
  AuditedAccess,
  AuditedCallStack,
  AuditedContent,
  AuditedDecision,
  AuditedHttp,
  AuditedMessage,
  AuditedPrincipal,
  AuditedSignature,
  AuditRecord,
} from './record.js';

/** What every event has. Texts are escaped and cut, so that each stays in its line. */
export interface EventBase {
  readonly v: 1;
  /** When it happened: RFC 3339, UTC, milliseconds. */
  readonly time: string;
  /** The request it belongs to, as in `ctx.id`: what happened to one request is found by this one id. */
  readonly id?: string;
}

/** What is known about the request at the time of an event. The members are those of `AuditRecord`. */
interface AboutRequest extends EventBase {
  readonly id: string;
  readonly http: AuditedHttp;
  readonly trace?: string;
  readonly principal?: AuditedPrincipal;
  readonly signature?: AuditedSignature;
  readonly rpc?: readonly AuditedMessage[];
  /** The same in all events that one request of a client leads to, on all servers, by calls of tools. */
  readonly transaction?: string;
}

/** Why a request was denied, by theme. The reason itself is the `code` of the denial. */
export type DenialType =
  | 'authentication_failed'
  | 'authorization_failed'
  | 'signature_failed'
  | 'replay_detected'
  | 'header_mismatched'
  | 'call_chain_violated'
  | 'rate_exceeded'
  | 'session_denied'
  | 'origin_denied'
  | 'definition_denied'
  | 'message_malformed'
  /** Something that a check depends on is down. */
  | 'dependency_failed'
  /** A check, or a hook of one, crashed. */
  | 'check_failed'
  /** A denial with a code of somebody else's middleware. */
  | 'request_denied';

/** A denial, written at once. A request may have several, of different mounts. */
export interface DenialEvent extends AboutRequest, Omit<AuditedDecision, 'effect'> {
  readonly type: DenialType;
  readonly status: number;
  readonly code: string;
  readonly access?: AuditedAccess;
}

/** Every check let the request through; its handler has not run yet. */
export interface AdmittedEvent extends AboutRequest {
  readonly type: 'request_admitted';
}

/** An event stream that has been open for a while. Its terminal record follows when it ends. */
export interface StreamEvent extends AboutRequest {
  readonly type: 'stream_opened';
}

/** A check has proven something. */
export interface ProofEvent extends AboutRequest {
  readonly type: 'authentication_succeeded' | 'authorization_succeeded' | 'signature_verified' | 'call_stack_proven';
  readonly middleware: string;
  readonly access?: AuditedAccess;
  /** Of `call_stack_proven`. */
  readonly callStack?: AuditedCallStack;
}

/** The lists of a server were asked for: `tools/list` and its like. */
export interface DiscoveryEvent extends AboutRequest {
  readonly type: 'discovery_requested';
  readonly method: string;
}

/**
 * A tool is about to be called: the request was let through, one for each call of a batch; or a tool calls another one of
 * this server (`callTool`), and that is allowed.
 */
export interface CallStartedEvent extends AboutRequest {
  readonly type: 'call_started';
  readonly tool: string;
  readonly rpcId?: string | number;
  /** The tool that calls, such as `https://a.example/mcp#report`, where it is one of this server. */
  readonly caller?: string;
  readonly arguments?: AuditedContent;
}

/** A tool is about to call one of another server (`chainFetch`), whose records tell how that ends. */
export interface CallSentEvent extends AboutRequest {
  readonly type: 'call_sent';
  /** Such as `https://b.example/mcp#fetch`. */
  readonly tool: string;
  readonly caller: string;
  readonly arguments?: AuditedContent;
}

/** How a call of a tool ended. */
export interface CallEndedEvent extends EventBase {
  readonly type: 'call_succeeded' | 'call_failed';
  readonly id: string;
  readonly tool: string;
  /** Absent where a tool of this server called. */
  readonly rpcId?: string | number;
  /** The tool that called, where it is one of this server. */
  readonly caller?: string;
  readonly principal?: AuditedPrincipal;
  readonly transaction?: string;
  /**
   * Of a failure: the tool answered `isError`, the server answered a JSON-RPC error, the response ended without an answer
   * to the call, or a tool that another one of this server called threw, was aborted or late.
   */
  readonly failure?: 'tool_error' | 'rpc_error' | 'unanswered' | 'thrown';
  /** The number of a JSON-RPC error. */
  readonly errorCode?: number;
  readonly result?: AuditedContent;
}

/** What `publishTools` notices about the tools of a server. */
export interface DefinitionEvent extends EventBase {
  readonly type:
    | 'definition_pinned'
    | 'definition_changed'
    | 'definition_restored'
    | 'definition_unsignable'
    | 'tool_undefined'
    | 'tool_missing';
  readonly tool: string;
  readonly version?: string;
  readonly form?: string;
  readonly digest?: string;
}

/** What a client's `toolVerifier` found. */
export interface VerdictEvent extends EventBase {
  readonly type: 'definition_verified' | 'definition_refused';
  readonly tool: string;
  readonly server: string;
  readonly outcome: 'allow' | 'ask' | 'deny';
  readonly reason: string;
  readonly version?: string;
  readonly publisher?: string;
  readonly digest?: string;
}

export interface ApprovalEvent extends EventBase {
  readonly type: 'approval_granted' | 'approval_revoked';
  readonly tool: string;
  readonly server: string;
  /** Who approved it, or took that back. */
  readonly approver?: string;
  readonly version?: string;
  readonly publisher?: string;
  readonly permissions?: readonly string[];
  /** RFC 3339. */
  readonly expiresAt?: string;
}

export interface KeyLifecycleEvent extends EventBase {
  readonly type: 'key_generated' | 'key_activated' | 'key_retiring' | 'key_retired' | 'key_revoked';
  /** The RFC 7638 thumbprint. */
  readonly keyId: string;
  readonly purpose: KeyPurpose;
  readonly algorithm: string;
}

/** A key store could not be read, or not be changed when a rotation was due. */
export interface KeyUpkeepEvent extends EventBase {
  readonly type: 'key_upkeep_failed';
  readonly error: NonNullable<AuditedDecision['error']>;
}

/** What is in force from now on. Values are texts, numbers and flags; secrets are masked as everywhere. */
export interface ConfigurationEvent extends EventBase {
  readonly type: 'configuration_loaded' | 'configuration_changed';
  /** What is configured, such as `authorizeScopes`. */
  readonly component: string;
  readonly settings?: AuditedContent;
  readonly actor?: string;
}

export interface ServerEvent extends EventBase {
  readonly type: 'server_started' | 'server_stopped';
  readonly name: string;
  readonly version?: string;
}

/** The first record of each run of a process. */
export interface TrailStartedEvent extends EventBase {
  readonly type: 'trail_started';
  /** Tells runs apart; a random UUID. */
  readonly instance: string;
  readonly host: string;
  readonly pid: number;
  /** Whether the run before ended with `trail_stopped`. Absent in the first run. */
  readonly clean?: boolean;
}

/** The last record of a run that was closed. */
export interface TrailStoppedEvent extends EventBase {
  readonly type: 'trail_stopped';
  readonly instance: string;
}

/** The first record of each further file. `prev` of its record links it to the last one of the file before. */
export interface TrailSegmentEvent extends EventBase {
  readonly type: 'trail_segment';
  /** The name of the file before, without its directory. */
  readonly after: string;
}

/** A signed statement about a record shortly before this one. */
export interface TrailCheckpointEvent extends EventBase {
  readonly type: 'trail_checkpoint';
  /** Compact JWS, `typ` `etdi-checkpoint+jws`; see `Checkpoint`. */
  readonly jws: string;
}

/** A crash left half a line behind, which stays where it is: right before this record. */
export interface TrailRecoveredEvent extends EventBase {
  readonly type: 'trail_recovered';
  /** How many bytes it has, its line break not included. */
  readonly bytes: number;
  /** SHA-256 of them, lower-case hex. */
  readonly digest: string;
}

/** Events were lost, and are not in the trail. */
export interface TrailGapEvent extends EventBase {
  readonly type: 'trail_gap';
  readonly lost: number;
  readonly reason: 'queue_full' | 'too_long' | 'write_failed' | 'sink_full' | 'sink_failed';
  /** When the first was lost. */
  readonly since: string;
  /** Which sink lost them, of a trail or of `auditLog`, counted from 0. Absent where the trail itself did. */
  readonly sink?: number;
}

export type TrailEvent =
  | TrailStartedEvent
  | TrailStoppedEvent
  | TrailSegmentEvent
  | TrailCheckpointEvent
  | TrailRecoveredEvent
  | TrailGapEvent;

/** Every security event there is, told apart by `type`. Codes are stable; members are only ever added within `v: 1`. */
export type AuditEvent =
  | AuditRecord
  | DenialEvent
  | AdmittedEvent
  | StreamEvent
  | ProofEvent
  | DiscoveryEvent
  | CallStartedEvent
  | CallSentEvent
  | CallEndedEvent
  | DefinitionEvent
  | VerdictEvent
  | ApprovalEvent
  | KeyLifecycleEvent
  | KeyUpkeepEvent
  | ConfigurationEvent
  | ServerEvent
  | TrailEvent;

/** The stable code of an event. */
export type AuditEventType = AuditEvent['type'];
