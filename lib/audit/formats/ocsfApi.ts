import { isIP } from 'node:net';
import type { AuditedMessage } from '../record.js';
import { codeOf, contentText, given, kindOf, messagesOf, resultOf, type EventFacts } from './facts.js';
import { userOf } from './ocsfObjects.js';

const METHODS: ReadonlySet<string> = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'TRACE',
]);
const READS = /\/(?:list|read|get)$/;

/** The attributes of class 6003, API Activity. */
export function apiActivity(event: EventFacts): Readonly<Record<string, unknown>> & { readonly activity_id: number } {
  return {
    ...activityOf(event),
    actor: actorOf(event),
    api: apiOf(event),
    ...httpOf(event),
    // It is required, also where nothing is known of it.
    src_endpoint: endpointOf(event.http?.ip),
    resources: resourcesOf(event),
    trace: event.trace === undefined ? undefined : { uid: event.trace },
  };
}

function activityOf(event: EventFacts): { activity_id: number; activity_name?: string } {
  const [, fixed, name = 'Other'] = kindOf(event).ocsf;
  if (fixed !== undefined) return { activity_id: fixed, activity_name: name };
  const methods = new Set(messagesOf(event).map(({ method = '' }) => method));
  const [method = ''] = methods;
  if (methods.size === 1 && READS.test(method)) return { activity_id: 2 };
  return { activity_id: 99, activity_name: methods.size === 1 && method === 'tools/call' ? 'Execute' : 'Other' };
}

function actorOf({ principal, signature, actor }: EventFacts): object {
  return given({
    user: userOf(principal, actor),
    app_uid: principal?.clientId ?? signature?.clientId,
    app_name: signature?.owner,
    session: principal && { issuer: principal.issuer },
  });
}

function apiOf(event: EventFacts): object {
  const { id, http, errorCode, failure } = event;
  const messages = messagesOf(event);
  const [first] = messages;
  const error = codeOf(event) ?? failure;
  const content = contentText(event.result);
  const response = given({ code: errorCode, error, data: content });
  return given({
    operation: messages.length > 1 ? 'batch' : (nameOf(first) ?? first?.method ?? http?.method ?? 'unknown'),
    service: { name: 'mcp' },
    request: id === undefined ? undefined : given({ uid: id, data: argumentsOf(event, messages) }),
    response: Object.keys(response).length === 0 ? undefined : response,
  });
}

/** A list in every event, so that one reader does for all: an element for each call. */
function argumentsOf(event: EventFacts, messages: readonly AuditedMessage[]): string | undefined {
  const all = event.arguments === undefined ? messages.map((message) => message.arguments) : [event.arguments];
  const contents = all.filter((content) => content !== undefined);
  return contents.length === 0 ? undefined : JSON.stringify(contents);
}

function resourcesOf(event: EventFacts): readonly object[] | undefined {
  const resources = messagesOf(event).flatMap((message) => {
    const name = nameOf(message);
    return name === undefined ? [] : [{ name, type: typeOf(message) }];
  });
  return resources.length === 0 ? undefined : resources;
}

function nameOf(message: AuditedMessage | undefined): string | undefined {
  return message?.tool ?? message?.prompt ?? message?.resource;
}

function typeOf({ tool, prompt }: AuditedMessage): string {
  if (tool !== undefined) return 'tool';
  return prompt === undefined ? 'resource' : 'prompt';
}

/** What is known of the HTTP exchange. */
export function httpOf({ id, http, status, durationMs }: EventFacts): object {
  if (http === undefined) return {};
  return {
    src_endpoint: endpointOf(http.ip),
    http_request: given({
      uid: id,
      http_method: METHODS.has(http.method) ? http.method : undefined,
      url: { path: http.path },
    }),
    http_response:
      status === undefined
        ? undefined
        : given({ code: status, latency: durationMs === undefined ? undefined : Math.round(durationMs) }),
  };
}

function endpointOf(ip = ''): object {
  return isIP(ip) === 0 ? { name: ip === '' ? 'unknown' : ip } : { ip };
}

/** The attributes of the profile `security_control`: what the checks said. */
export function controlOf(event: EventFacts): object {
  const { decisions, middleware } = event;
  const verdicts = decisions ?? (middleware === undefined ? [] : [{ middleware, effect: effectOf(event) }]);
  return {
    ...verdictOf(event),
    is_alert: kindOf(event).alert ?? false,
    authorizations: verdicts.map(({ effect, middleware: name }) => ({ decision: effect, policy: { name } })),
  };
}

function effectOf(event: EventFacts): 'allow' | 'deny' {
  return resultOf(event) === 'failure' ? 'deny' : 'allow';
}

/** Denied by a check, allowed by all so far, or neither: a handler that failed was allowed to run. */
function verdictOf(event: EventFacts): { action_id: number; disposition_id: number } {
  const code = codeOf(event);
  if (code === undefined) return { action_id: 1, disposition_id: 1 };
  const { status = event.decisions?.find(({ effect }) => effect === 'deny')?.status ?? 403 } = event;
  if (status >= 500) return { action_id: 2, disposition_id: 27 };
  return { action_id: 2, disposition_id: status === 401 || status === 403 ? 26 : 25 };
}
