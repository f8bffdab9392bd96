import { Denial, Unavailable } from './denial.js';
import type { RpcMessage } from './rpc.js';

/** A finished answer to a denied request, for an adapter to write as it is. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How a refusal that no other token can cure is sent: as an HTTP status, or as a JSON-RPC error with status 200. */
export type PolicyDenials = 'http' | 'rpc';

const JSON_HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };

/**
 * The one answer to a failure, the same in every framework: constant texts, never a cause.
 * Anything that is neither a `Denial` nor `Unavailable` is a constant 500.
 */
export function replyTo(
  error: unknown,
  messages: readonly RpcMessage[] | undefined,
  policyDenials: PolicyDenials,
): Reply {
  const asRpc =
    policyDenials === 'rpc' && error instanceof Denial && error.policy ? rpcReply(error, messages) : undefined;
  if (asRpc !== undefined) return asRpc;
  const { status, headers } = httpOf(error);
  const body = JSON.stringify(errorBody(error, soleId(messages)));
  return { status, headers: { ...JSON_HEADERS, ...headers }, body };
}

/** Every request of the body is answered, so that no caller waits for one. */
function rpcReply(denial: Denial, messages: readonly RpcMessage[] = []): Reply | undefined {
  const ids = messages.flatMap((message) => (message.kind === 'request' ? [message.id] : []));
  if (ids.length === 0) return undefined;
  const errors = ids.map((id) => errorBody(denial, id));
  const body = JSON.stringify(messages.length === 1 ? errors[0] : errors);
  return { status: 200, headers: { ...JSON_HEADERS, ...denial.headers }, body };
}

function httpOf(error: unknown): { readonly status: number; readonly headers: Readonly<Record<string, string>> } {
  return error instanceof Denial || error instanceof Unavailable ? error : { status: 500, headers: {} };
}

function errorBody(error: unknown, id: string | number | null): object {
  const { status, code, message } = describe(error);
  const rpcCode = error instanceof Denial ? error.rpcCode : undefined;
  return { jsonrpc: '2.0', id, error: { code: rpcCode ?? status, message, data: { code } } };
}

function describe(error: unknown): { readonly status: number; readonly code: string; readonly message: string } {
  if (error instanceof Denial || error instanceof Unavailable) return error;
  return { status: 500, code: 'internal_error', message: 'Internal error' };
}

function soleId(messages: readonly RpcMessage[] | undefined): string | number | null {
  const [message] = messages ?? [];
  return messages?.length === 1 && message?.kind === 'request' ? message.id : null;
}
