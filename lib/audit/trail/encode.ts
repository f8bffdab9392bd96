import { canonicalize } from '../../json/canonical.js';
import type { AuditEvent } from '../events.js';
import type {
  AuditedAccess,
  AuditedDecision,
  AuditedHttp,
  AuditedMessage,
  AuditedPrincipal,
  AuditedSignature,
  AuditRecord,
} from '../record.js';

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** The RFC 8785 form of an event. That of the most frequent one is written out here, which takes a fifth of the time. */
export function encodeEvent(event: AuditEvent): string {
  return event.type === 'request' ? encodeRequest(event) : canonicalize(event);
}

/** Every member there is: the compiler tells when one is added that is not written out below. */
type Known =
  | 'access'
  | 'callStack'
  | 'decisions'
  | 'durationMs'
  | 'http'
  | 'id'
  | 'observed'
  | 'outcome'
  | 'principal'
  | 'rpc'
  | 'signature'
  | 'status'
  | 'time'
  | 'trace'
  | 'transaction'
  | 'type'
  | 'v';
type Complete = [Exclude<keyof AuditRecord, Known>] extends [never] ? AuditRecord : never;

/** Members in the order of their names, as RFC 8785 section 3.2.3 wants them. */
function encodeRequest(record: Complete): string {
  const { access, callStack, observed, principal, rpc, signature, status, trace, transaction } = record;
  if (callStack !== undefined || transaction !== undefined) return canonicalize(record);
  let text = access === undefined ? '{' : `{"access":${encodeAccess(access)},`;
  text += `"decisions":${list(record.decisions, encodeDecision)},"durationMs":${number(record.durationMs)}`;
  text += `,"http":${encodeHttp(record.http)},"id":${quote(record.id)}`;
  if (observed !== undefined) {
    text += `,"observed":{"code":${quote(observed.code)},"middleware":${quote(observed.middleware)}}`;
  }
  text += `,"outcome":"${record.outcome}"`;
  if (principal !== undefined) text += `,"principal":${encodePrincipal(principal)}`;
  if (rpc !== undefined) text += `,"rpc":${list(rpc, encodeMessage)}`;
  if (signature !== undefined) text += `,"signature":${encodeSignature(signature)}`;
  if (status !== undefined) text += `,"status":${number(status)}`;
  text += `,"time":"${record.time}"`;
  if (trace !== undefined) text += `,"trace":${quote(trace)}`;
  return `${text},"type":"request","v":1}`;
}

function encodeHttp({ ip, method, path }: AuditedHttp): string {
  return `{"ip":${quote(ip)},"method":${quote(method)},"path":${quote(path)}}`;
}

function encodePrincipal({ clientId, issuer, subject }: AuditedPrincipal): string {
  return `{"clientId":${quote(clientId)},"issuer":${quote(issuer)},"subject":${quote(subject)}}`;
}

function encodeSignature({ clientId, keyId, owner }: AuditedSignature): string {
  return `{"clientId":${quote(clientId)},"keyId":${quote(keyId)},"owner":${quote(owner)}}`;
}

function encodeDecision(decision: AuditedDecision): string {
  const { effect, middleware, ms } = decision;
  if (effect === 'deny') return canonicalize(decision);
  return `{"effect":"allow","middleware":${quote(middleware)},"ms":${number(ms)}}`;
}

function encodeMessage(message: AuditedMessage): string {
  const { arguments: args, id, method, prompt, resource, tool } = message;
  let text = args === undefined ? '{' : `{"arguments":${canonicalize(args)},`;
  if (id !== undefined) text += `"id":${typeof id === 'number' ? number(id) : quote(id)},`;
  text += `"kind":"${message.kind}"`;
  if (method !== undefined) text += `,"method":${quote(method)}`;
  if (prompt !== undefined) text += `,"prompt":${quote(prompt)}`;
  if (resource !== undefined) text += `,"resource":${quote(resource)}`;
  if (tool !== undefined) text += `,"tool":${quote(tool)}`;
  return `${text}}`;
}

function encodeAccess({ granted, missing, required }: AuditedAccess): string {
  const lists = [
    ...(granted === undefined ? [] : [`"granted":${list(granted, quote)}`]),
    ...(missing === undefined ? [] : [`"missing":${list(missing, quote)}`]),
    ...(required === undefined ? [] : [`"required":${list(required, quote)}`]),
  ];
  return `{${lists.join(',')}}`;
}

function list<Item>(items: readonly Item[], encode: (item: Item) => string): string {
  let text = '';
  for (const item of items) text += text === '' ? encode(item) : `,${encode(item)}`;
  return `[${text}]`;
}

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : canonicalize(text);
}

function number(value: number): string {
  // RFC 8785 section 3.2.2.3 takes numbers as ECMAScript writes them.
  return String(value);
}
