import type { AuditEvent, AuditEventType, EventBase } from '../events.js';
import type {
  AuditedAccess,
  AuditedCallStack,
  AuditedContent,
  AuditedDecision,
  AuditedHttp,
  AuditedMessage,
  AuditedObservation,
  AuditedPrincipal,
  AuditedSignature,
} from '../record.js';
import { CATALOGUE, type EventKind, type Result, type Severity } from './catalogue.js';

/** Any event, without telling apart which members which type has. Every event is one. */
export interface EventFacts extends EventBase {
  readonly type: AuditEventType;
  readonly outcome?: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly http?: AuditedHttp;
  readonly trace?: string;
  readonly principal?: AuditedPrincipal;
  readonly signature?: AuditedSignature;
  readonly rpc?: readonly AuditedMessage[];
  readonly decisions?: readonly AuditedDecision[];
  readonly middleware?: string;
  readonly code?: string;
  readonly detail?: AuditedDecision['detail'];
  readonly error?: AuditedDecision['error'];
  readonly access?: AuditedAccess;
  readonly observed?: AuditedObservation;
  readonly callStack?: AuditedCallStack;
  readonly method?: string;
  readonly tool?: string;
  readonly arguments?: AuditedContent;
  readonly result?: AuditedContent;
  readonly settings?: AuditedContent;
  readonly failure?: string;
  readonly errorCode?: number;
  readonly server?: string;
  readonly version?: string;
  readonly digest?: string;
  readonly reason?: string;
  readonly approver?: string;
  readonly actor?: string;
  readonly keyId?: string;
  readonly component?: string;
  readonly name?: string;
  readonly instance?: string;
  readonly host?: string;
  readonly pid?: number;
}

/** The place of an event in a trail. */
export interface Seal {
  readonly hash: string;
  readonly chain: string;
  readonly prev: string;
  readonly seq: number;
}

export function kindOf({ type }: EventFacts): EventKind {
  return CATALOGUE[type];
}

/** How it ended. A request says it itself. */
export function resultOf(event: EventFacts): Result | undefined {
  if (event.type !== 'request') return kindOf(event).result;
  if (event.outcome === 'allowed') return 'success';
  return event.outcome === 'aborted' ? 'unknown' : 'failure';
}

export function severityOf(event: EventFacts): Severity {
  // A tool that waits for its approval is nothing unusual.
  if (event.type === 'definition_refused' && event.outcome === 'ask') return 2;
  if (event.type !== 'request' || event.outcome === 'allowed') return kindOf(event).severity;
  return event.outcome === 'failed' ? 3 : 2;
}

/** The code of the denial, of a request that is over too. */
export function codeOf({ code, decisions }: EventFacts): string | undefined {
  return code ?? decisions?.find(({ effect }) => effect === 'deny')?.code;
}

/** The messages that an event is about: of a request all, of the call of a tool that one. */
export function messagesOf({ type, rpc = [], tool, method }: EventFacts): readonly AuditedMessage[] {
  if (type.startsWith('call_') && tool !== undefined) return [{ kind: 'request', method: 'tools/call', tool }];
  if (type === 'discovery_requested' && method !== undefined) return [{ kind: 'request', method }];
  return rpc;
}

/** Members that hold no plain value, or that every format has a place for. */
const PLACED: ReadonlySet<string> = new Set(['v', 'time', 'id', 'type', 'trace', 'status', 'durationMs']);

/** The further members of an event that are plain values or lists of texts. Their names are ours, never a client's. */
export function plainMembers(event: AuditEvent): readonly (readonly [string, string | number | boolean | string[]])[] {
  return Object.entries(event).filter(
    (member): member is [string, string | number | boolean | string[]] =>
      !PLACED.has(member[0]) && (['string', 'number', 'boolean'].includes(typeof member[1]) || isTexts(member[1])),
  );
}

/** Which tools called each other and what would have been denied, under the same names in every format. */
export function callMembers({ callStack, observed }: EventFacts): Partial<AuditedCallStack> & Observed {
  return {
    ...callStack,
    ...(observed && { observed_middleware: observed.middleware, observed_code: observed.code }),
  };
}

interface Observed {
  readonly observed_middleware?: string;
  readonly observed_code?: string;
}

/** What a tool got or gave, as one text: its names are a client's, and must not become names of fields. */
export function contentText(content: AuditedContent | AuditedDecision['detail']): string | undefined {
  return content === undefined ? undefined : JSON.stringify(content);
}

/** An object without the members that are undefined. */
export function given<Value extends object>(
  members: Value,
): { [Name in keyof Value]: Exclude<Value[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
