import { isIP } from 'node:net';
import type { CallStack } from '../callchain/callStack.js';
import { nameOf } from '../callchain/names.js';
import type { RequestContext } from '../context.js';
import type { Decision } from '../decision.js';
import type { RpcMessage } from '../rpc.js';
import { CUT, escapeText } from '../text.js';
import { nothingSpent, type Spent } from './content.js';
import { perFrozen } from './perFrozen.js';
import type { Privacy } from './privacy.js';
import type {
  AuditedAccess,
  AuditedCallStack,
  AuditedContent,
  AuditedHttp,
  AuditedMessage,
  AuditedObservation,
  AuditedPrincipal,
  AuditedSignature,
} from './record.js';

export type Writable<Value> = { -readonly [Name in keyof Value]: Value[Name] };

/** What was proven about the request, as far as it is recorded. */
export interface Facts {
  readonly auth?: AuditedPrincipal;
  readonly signature?: AuditedSignature;
  readonly access?: AuditedAccess;
  readonly observed?: AuditedObservation;
  readonly callStack?: CallStack;
}

const MAX_METHOD = 128;
export const MAX_ID = 128;
const ORIGIN = /^[a-z][a-z0-9+.-]*:[\\/]*[^\\/]*/i;
/** The longest URI that is parsed. */
const MAX_URI = 8192;
/** The id alone, of this or a later version (W3C Trace Context). Call chains pass on only what is wholly of this one. */
const TRACEPARENT = /^[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
/** What clients call most. Anything else may be anything. */
const METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'notifications/initialized',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
  'ping',
]);

export function auditHttp({ method, target, ip }: RequestContext['request'], privacy: Privacy): AuditedHttp {
  const path = target.replace(/[?#].*$/s, '').replace(ORIGIN, '');
  return Object.freeze({
    method: privacy.text(method, 32),
    path: privacy.path(path),
    ip: isIP(ip) === 0 ? privacy.id(ip, 64) : ip,
  });
}

/** The trace that the client says the request belongs to. */
export function auditTrace({ headers }: RequestContext['request']): string | undefined {
  const [line] = headers['traceparent'] ?? [];
  return line === undefined ? undefined : TRACEPARENT.exec(line)?.[1];
}

export const auditPrincipal: (principal: AuditedPrincipal) => AuditedPrincipal = perFrozen(
  ({ issuer, subject, clientId }: AuditedPrincipal): AuditedPrincipal =>
    Object.freeze({ issuer: escapeText(issuer), subject: escapeText(subject), clientId: escapeText(clientId) }),
);

export function auditSignature({ owner, clientId, keyId }: AuditedSignature): AuditedSignature {
  return Object.freeze({ owner: escapeText(owner), clientId: escapeText(clientId), keyId: escapeText(keyId) });
}

/** The transaction of a call chain that was verified before something about it was denied. */
export function deniedTransaction(decisions: readonly Decision[]): string | undefined {
  for (const one of decisions) {
    const transaction = one.effect === 'deny' ? one.detail?.['transaction'] : undefined;
    if (typeof transaction === 'string') return transaction;
  }
  return undefined;
}

/** Trusted peers choose the names of their tools, and may know what the request carries. */
export function auditCallStack({ root, depth, caller, frames }: CallStack, privacy: Privacy): AuditedCallStack {
  const names = frames.map((frame) => privacy.text(nameOf(frame)));
  return Object.freeze({
    root: privacy.text(root),
    depth,
    caller: privacy.text(nameOf(caller)),
    frames: Object.freeze(names),
  });
}

export function auditObservation({ middleware, code }: AuditedObservation): AuditedObservation {
  return Object.freeze({ middleware, code: escapeText(code) });
}

export function auditMessages(messages: readonly RpcMessage[], privacy: Privacy): readonly AuditedMessage[] {
  // All of a batch: a list cut short would be a place to hide a call. The core reads 100 messages at most.
  return privacy.messages(() => {
    const spent = nothingSpent();
    return Object.freeze(messages.map((message) => auditMessage(message, privacy, spent)));
  });
}

function auditMessage(message: RpcMessage, privacy: Privacy, spent: Spent): AuditedMessage {
  const audited: Writable<AuditedMessage> = { kind: message.kind };
  if (message.kind !== 'notification') audited.id = auditId(message.id, privacy);
  if (message.kind === 'response') return Object.freeze(audited);
  const { method, params, target } = message;
  audited.method = METHODS.has(method) ? method : within(spent, method, (name) => privacy.text(name, MAX_METHOD));
  const { kind, name } = target;
  if (kind === 'resource') audited.resource = within(spent, name, (uri) => privacy.path(bareUri(uri)));
  else if (kind !== 'method') audited[kind] = within(spent, name, (one) => privacy.text(one));
  const hasArguments = kind === 'tool' && privacy.recordsArguments && Object.hasOwn(params, 'arguments');
  if (!hasArguments) return Object.freeze(audited);
  const value = params['arguments'];
  if (privacy.isLazy) return Object.freeze(withArguments(audited, () => privacy.arguments(value, spent)));
  audited.arguments = privacy.arguments(value, spent) ?? NOTHING;
  return Object.freeze(audited);
}

/** Longer than anything that is defined and allowed, and so than what anybody would hide behind others. */
const LONG_NAME = 256;
/** How much of all long names of a record is looked through, in UTF-16 units: a batch can hold a hundred. */
const MOST_OF_NAMES = 65_536;

/** A name as it is recorded, or the sign of what was cut off where the long ones before it took too much. */
function within(spent: Spent, name: string, record: (name: string) => string): string {
  if (name.length <= LONG_NAME) return record(name);
  if (spent.names > MOST_OF_NAMES) return CUT;
  spent.names += name.length;
  return record(name);
}

const NOTHING: AuditedContent = Object.freeze({});

/** Made when somebody looks: a sink that writes none of them spends no time on them. */
function withArguments(audited: AuditedMessage, make: () => AuditedContent | undefined): AuditedMessage {
  let content: AuditedContent | undefined;
  const { kind, id, method, tool } = audited;
  const message: Writable<AuditedMessage> = {
    kind,
    get arguments() {
      return (content ??= make() ?? NOTHING);
    },
  };
  if (id !== undefined) message.id = id;
  if (method !== undefined) message.method = method;
  if (tool !== undefined) message.tool = tool;
  return message;
}

export function auditId(id: string | number, privacy: Privacy): string | number {
  if (typeof id === 'string') return privacy.id(id, MAX_ID);
  // RFC 8785 has no form for an integer that readers would round differently.
  return Number.isInteger(id) && !Number.isSafeInteger(id) ? String(id) : id;
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
