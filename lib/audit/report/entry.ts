import type { AuditEventType } from '../events.js';
import { CATALOGUE, type EventKind } from '../formats/catalogue.js';
import type { AuditOutcome } from '../record.js';

/** What is shown of a record. Read with care: somebody may have changed the file. */
export interface Entry {
  /** Milliseconds since 1970. Absent where the record says no time. */
  readonly time?: number;
  readonly type: string;
  readonly id: string;
  /** How a request ended. Absent for other events. */
  readonly outcome?: AuditOutcome;
  readonly status?: number;
  readonly caller: string;
  /** The issuer of a caller's token. */
  readonly issuer: string;
  readonly ip: string;
  /** What was asked for, one for each message of a request. */
  readonly targets: readonly Target[];
  /** The code of the denial. */
  readonly code?: string;
  /** What the check said more of it, such as `expired`, or what was down. */
  readonly reason: string;
  readonly missing: readonly string[];
  /** Further facts, for people. */
  readonly note: string;
}

export interface Target {
  readonly kind: 'tool' | 'prompt' | 'resource' | 'method';
  readonly name: string;
}

const OUTCOMES: ReadonlySet<unknown> = new Set<AuditOutcome>(['allowed', 'denied', 'failed', 'aborted']);
const NAMED = ['tool', 'prompt', 'resource'] as const;
/** What says more about an event without a request, in the order in which it is told. */
const NOTES = ['server', 'name', 'component', 'keyId', 'purpose', 'version', 'reason', 'outcome', 'approver', 'actor'];
const TRAIL_NOTES = ['host', 'pid', 'after', 'lost', 'since', 'bytes'];

/** Reads an event of a log that may hold anything. */
export function entryOf(event: unknown): Entry {
  const members = objectOf(event);
  const type = textOf(members['type']) || 'unknown';
  const time = Date.parse(textOf(members['time']));
  const outcome =
    type === 'request' && OUTCOMES.has(members['outcome']) ? (members['outcome'] as AuditOutcome) : undefined;
  const denial = denialOf(members);
  const { status } = members;
  return {
    ...(Number.isNaN(time) ? {} : { time }),
    type,
    id: textOf(members['id']),
    ...(outcome === undefined ? {} : { outcome }),
    ...(typeof status === 'number' ? { status } : {}),
    ...callerOf(members),
    ip: textOf(objectOf(members['http'])['ip']),
    targets: targetsOf(members),
    ...(denial === undefined ? {} : { code: textOf(denial['code']) || 'unknown' }),
    reason: textOf(objectOf(denial?.['detail'])['reason']),
    missing: listOf(objectOf(members['access'])['missing']).map(textOf),
    note: noteOf(type, members),
  };
}

const KINDS: ReadonlyMap<string, EventKind> = new Map(Object.entries(CATALOGUE));

/** `token_invalid (expired)`. */
export function denialText({ code = '', reason }: Pick<Entry, 'code' | 'reason'>): string {
  return reason === '' ? code : `${code} (${reason})`;
}

/** What happened, in one sentence. */
export function textOfType(type: string): string {
  return KINDS.get(type)?.text ?? 'Unknown kind of event';
}

/** Of little weight where they are expected, and not where nobody meant to add a tool or lose one. */
const NEWS: ReadonlySet<string> = new Set<AuditEventType>(['definition_pinned', 'tool_missing']);

/** Whether somebody should look at it: what alerts, what matters, and what nobody should find in a log. */
export function isNotable(entry: Entry): boolean {
  if (NEWS.has(entry.type)) return true;
  const kind = KINDS.get(entry.type);
  if (kind === undefined || kind.alert === true) return true;
  return kind.severity >= (entry.code === undefined ? 3 : 4);
}

type Members = Readonly<Record<string, unknown>>;

function callerOf(members: Members): Pick<Entry, 'caller' | 'issuer'> {
  const { issuer, subject, clientId } = objectOf(members['principal']);
  const owner = textOf(objectOf(members['signature'])['owner']);
  const [who, through] = [textOf(subject), textOf(clientId)];
  if (who === '') return { caller: owner, issuer: '' };
  return { caller: through === '' || through === who ? who : `${who} through ${through}`, issuer: textOf(issuer) };
}

function targetsOf(members: Members): readonly Target[] {
  const { rpc, http, tool, method } = members;
  // An event about one call of a batch says which.
  if (typeof tool === 'string' || typeof method === 'string') return [targetOf(members)];
  if (Array.isArray(rpc) && rpc.length > 0) return rpc.map(targetOf);
  const verb = textOf(objectOf(http)['method']);
  return verb === '' ? [] : [{ kind: 'method', name: verb === 'POST' ? 'POST, no message read' : verb }];
}

function targetOf(message: unknown): Target {
  const members = objectOf(message);
  const kind = NAMED.find((name) => typeof members[name] === 'string');
  if (kind !== undefined) return { kind, name: textOf(members[kind]) };
  return { kind: 'method', name: textOf(members['method']) || textOf(members['kind']) || 'unknown' };
}

/** The denial itself, or the verdict in the record of a request that is one. */
function denialOf(members: Members): Members | undefined {
  if (typeof members['code'] === 'string') return members;
  return listOf(members['decisions'])
    .map(objectOf)
    .find(({ effect }) => effect === 'deny');
}

function noteOf(type: string, members: Members): string {
  if (members['http'] !== undefined) return '';
  const names = type.startsWith('trail_') ? [...TRAIL_NOTES, ...NOTES] : NOTES;
  const notes = names.map((name) => [name, textOf(members[name])] as const).filter(([, value]) => value !== '');
  return notes.map(([name, value]) => `${name} ${value}`).join(', ');
}

function objectOf(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
