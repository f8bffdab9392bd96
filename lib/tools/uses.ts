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

/** How many resources one message may subscribe to. */
const MAX_SUBSCRIPTIONS = 1000;

/** Everything that a message uses. A response, which answers the server, uses nothing. */
export function usesOf(message: RpcMessage): readonly Use[] {
  if (message.kind === 'response') return [];
  const { method, params, target } = message;
  if (method === 'completion/complete') return [completion(message)];
  if (method === 'resources/directory/read') return [{ method, target: resource(params['uri']), arguments: {} }];
  if (method === 'subscriptions/listen') return [{ method, target, arguments: params }, ...subscriptions(message)];
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

/** A stream that announces changes of a resource tells about the resource. */
function subscriptions({ method, params }: Call): readonly Use[] {
  const filter = isObject(params['notifications']) ? params['notifications'] : {};
  const uris = filter['resourceSubscriptions'];
  if (uris === undefined) return [];
  const list: readonly unknown[] = Array.isArray(uris) && uris.length <= MAX_SUBSCRIPTIONS ? uris : [undefined];
  return list.map((uri) => ({ method, target: resource(uri), arguments: {} }));
}

function resource(uri: unknown): Target {
  return { kind: 'resource', name: nameOf(uri) };
}

/** No policy knows the empty name. */
function nameOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
