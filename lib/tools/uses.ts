import { isObject, type RpcMessage, type RpcNotification, type RpcRequest, type Target } from '../rpc.js';

/** One thing that a message uses, and with what. */
export interface Use {
  readonly method: string;
  readonly target: Target;
  /** Whatever the client sent in the place of arguments. */
  readonly arguments: unknown;
  /** Whether the name of a resource may be that of a template. */
  readonly completes?: boolean;
}

type Call = RpcRequest | RpcNotification;

/**
 * The methods of MCP 2025-11-25 and 2026-07-28 that neither name a thing nor touch somebody else's: whoever may talk
 * to the server may use them. `tasks/*` is not among them: a task belongs to someone.
 */
export const BASE_METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'server/discover',
  'ping',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'logging/setLevel',
  'subscriptions/listen',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
]);

/** The methods that are decided by what they name, never by a policy of their own. */
export const NAMING_METHODS: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'resources/directory/read',
  'completion/complete',
]);

/** Revisions without these answer that there is no such method. So one that names nothing may have a policy as a method. */
export const MAY_NAME_NOTHING: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe']);

/** How many resources one request may subscribe to, all of its messages together. */
const MAX_SUBSCRIPTIONS = 1000;

/**
 * Everything that the messages of one request use. A response answers the server and uses nothing, which is
 * `undefined` here.
 */
export function usesOf(messages: readonly RpcMessage[]): readonly (Use | undefined)[] {
  const subscriptions = messages.reduce((sum, message) => sum + subscriptionsOf(message).length, 0);
  const maySubscribe = subscriptions <= MAX_SUBSCRIPTIONS;
  return messages.flatMap((message) => (message.kind === 'response' ? undefined : usesOfCall(message, maySubscribe)));
}

function usesOfCall(call: Call, maySubscribe: boolean): readonly Use[] {
  const { method, params, target } = call;
  if (method === 'completion/complete') return [completion(call)];
  if (method === 'resources/directory/read') return [{ method, target: resource(params['uri']), arguments: {} }];
  if (method === 'subscriptions/listen') {
    // Too many are taken for one that no policy knows.
    const uris = maySubscribe ? subscriptionsOf(call) : [undefined];
    const resources = uris.map((uri) => ({ method, target: resource(uri), arguments: {} }));
    return [{ method, target, arguments: params }, ...resources];
  }
  if (MAY_NAME_NOTHING.has(method) && !Object.hasOwn(params, 'uri')) {
    return [{ method, target: { kind: 'method', name: method }, arguments: params }];
  }
  return [{ method, target, arguments: target.kind === 'method' ? params : params['arguments'] }];
}

/** A completion is about the prompt or the resource template whose argument is completed. */
function completion({ method, params }: Call): Use {
  const ref = isObject(params['ref']) ? params['ref'] : {};
  const known = { method, arguments: argumentsSoFar(params), completes: true };
  if (ref['type'] === 'ref/prompt') return { ...known, target: { kind: 'prompt', name: nameOf(ref['name']) } };
  if (ref['type'] === 'ref/resource') return { ...known, target: resource(ref['uri']) };
  return { ...known, target: { kind: 'prompt', name: '' } };
}

function argumentsSoFar({ context, argument }: Call['params']): unknown {
  const earlier = isObject(context) ? context['arguments'] : undefined;
  const current = isObject(argument) ? [[nameOf(argument['name']), argument['value']] as const] : [];
  return Object.fromEntries([...(isObject(earlier) ? Object.entries(earlier) : []), ...current]);
}

/** A stream that announces changes of a resource tells about the resource. What is no list is one unknown resource. */
function subscriptionsOf(message: RpcMessage): readonly unknown[] {
  if (message.kind === 'response' || message.method !== 'subscriptions/listen') return [];
  const filter = message.params['notifications'];
  const uris = isObject(filter) ? filter['resourceSubscriptions'] : undefined;
  if (uris === undefined) return [];
  return Array.isArray(uris) ? uris : [undefined];
}

function resource(uri: unknown): Target {
  return { kind: 'resource', name: nameOf(uri) };
}

/** No policy knows the empty name. */
function nameOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
