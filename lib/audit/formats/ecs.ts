import { isIP } from 'node:net';
import type { AuditEvent } from '../events.js';
import {
  callMembers,
  codeOf,
  contentText,
  given,
  kindOf,
  messagesOf,
  plainMembers,
  resultOf,
  severityOf,
  type EventFacts,
  type Seal,
} from './facts.js';

/** An event in the form of ECS 9.4. What ECS has no field for is a text, or a list of texts, in `labels`. */
export function toEcs(event: AuditEvent, seal?: Seal): object {
  const facts: EventFacts = event;
  return given({
    '@timestamp': event.time,
    ecs: { version: '9.4.0' },
    message: kindOf(event).text,
    event: eventOf(event, seal),
    user: userOf(facts),
    ...peerOf(facts.http?.ip),
    http: httpOf(facts),
    url: facts.http && { path: facts.http.path },
    trace: facts.trace === undefined ? undefined : { id: facts.trace },
    error: facts.error && given({ type: facts.error.name, code: facts.error.code }),
    service: serviceOf(facts),
    host: facts.host === undefined ? undefined : { name: facts.host },
    process: facts.pid === undefined ? undefined : { pid: facts.pid },
    labels: labelsOf(event, seal),
  });
}

function eventOf(event: EventFacts, seal: Seal | undefined): object {
  const { alert, ecs } = kindOf(event);
  return given({
    // What a pipeline lost has a kind of its own.
    kind: event.type === 'trail_gap' ? 'pipeline_error' : alert === true && event.outcome !== 'ask' ? 'alert' : 'event',
    category: ecs[0],
    type: typeOf(event),
    outcome: resultOf(event),
    action: event.type.replaceAll('_', '.'),
    code: event.type,
    reason: codeOf(event) ?? event.reason ?? event.failure,
    severity: severityOf(event),
    module: 'mcp_etdi',
    dataset: 'mcp_etdi.audit',
    provider: 'mcp-etdi',
    id: seal && `${seal.chain}:${seal.seq}`,
    hash: seal?.hash,
    sequence: seal?.seq,
    ...periodOf(event),
  });
}

function typeOf(event: EventFacts): readonly string[] {
  const [, types] = kindOf(event).ecs;
  if (event.type !== 'request') return types;
  return [...types, codeOf(event) === undefined ? 'allowed' : 'denied'];
}

/** Nanoseconds, as ECS wants them. */
function periodOf({ time, durationMs }: EventFacts): object {
  if (durationMs === undefined) return {};
  const start = new Date(Date.parse(time) - durationMs).toISOString();
  return { start, end: time, duration: Math.round(durationMs * 1e6) };
}

function userOf({ principal, actor, approver }: EventFacts): object | undefined {
  if (principal !== undefined) return { id: principal.subject, name: principal.subject, domain: principal.issuer };
  const name = approver ?? actor;
  return name === undefined ? undefined : { name };
}

function peerOf(address: string | undefined): object {
  if (address === undefined) return {};
  const peer = isIP(address) === 0 ? { address } : { address, ip: address };
  return { client: peer, source: peer };
}

function httpOf({ id, http, status }: EventFacts): object | undefined {
  return (
    http &&
    given({
      request: given({ id, method: http.method }),
      response: status === undefined ? undefined : { status_code: status },
    })
  );
}

function serviceOf({ type, name, version }: EventFacts): object | undefined {
  return type.startsWith('server_') ? given({ name, version }) : undefined;
}

function labelsOf(event: AuditEvent, seal: Seal | undefined): object {
  const { access, principal, signature, detail, settings, arguments: passed, result, decisions }: EventFacts = event;
  const messages = messagesOf(event);
  const listOf = (name: 'method' | 'tool' | 'prompt' | 'resource'): readonly string[] | undefined => {
    const values = messages.map((message) => message[name]).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : values;
  };
  const all = passed === undefined ? messages.map((message) => message.arguments) : [passed];
  const contents = all.filter((content) => content !== undefined);
  return given({
    ...Object.fromEntries(plainMembers(event).map(([name, value]) => [name, textOf(value)])),
    request_id: event.id,
    mcp_method: listOf('method'),
    mcp_tool: listOf('tool'),
    mcp_prompt: listOf('prompt'),
    mcp_resource: listOf('resource'),
    client_id: principal?.clientId ?? signature?.clientId,
    signature_owner: signature?.owner,
    signature_key: signature?.keyId,
    required: access?.required,
    granted: access?.granted,
    missing: access?.missing,
    ...callLabels(event),
    decisions: decisions?.map(({ middleware, effect }) => `${middleware} ${effect}`),
    arguments: contents.length === 0 ? undefined : JSON.stringify(contents),
    result: contentText(result),
    detail: contentText(detail),
    settings: contentText(settings),
    chain: seal?.chain,
    prev: seal?.prev,
  });
}

function callLabels(event: EventFacts): object {
  const { depth, ...calls } = callMembers(event);
  return depth === undefined ? calls : { ...calls, depth: String(depth) };
}

function textOf(value: string | number | boolean | string[]): string | string[] {
  return Array.isArray(value) ? value : String(value);
}
