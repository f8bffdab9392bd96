import { validateHeaderName, validateHeaderValue, type ServerResponse } from 'node:http';
import type { Denied, Detail } from './decision.js';
import { Denial, Unavailable } from './denial.js';
import type { RpcMessage } from './rpc.js';

/** A finished answer to a denied request. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How a refusal that no other token can cure is sent: as an HTTP status, or as a JSON-RPC error with status 200. */
export type PolicyDenials = 'http' | 'rpc';

/** What was asked, as far as it was read. */
export interface Asked {
  readonly messages: readonly RpcMessage[] | undefined;
  readonly batch: boolean;
}

/** What a failure comes to. */
export interface Verdict {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rpcCode?: number | undefined;
  readonly policy?: boolean;
  readonly detail?: Detail | undefined;
  readonly cause?: unknown;
}

const JSON_HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
const INTERNAL = { status: 500, code: 'internal_error', message: 'Internal error', headers: {} };

/** A denial or an outage as it is; anything else, and a denial that cannot be sent, as a constant 500. */
export function verdictOf(error: unknown): Verdict {
  try {
    if (isDenial(error) && isSendable(error)) return error;
  } catch {
    // An error that cannot be looked at says nothing either.
  }
  return { ...INTERNAL, cause: error };
}

/** A failure as it is recorded. `ms` is how long it took. */
export function deniedBy(middleware: string, ms: number, { status, code, detail, cause }: Verdict): Denied {
  const about = { ...(detail === undefined ? {} : { detail }), ...(cause === undefined ? {} : { cause }) };
  return { middleware, effect: 'deny', ms, status, code, ...about };
}

/** The one answer to a failure, the same in every framework: constant texts, never a cause. */
export function replyTo(verdict: Verdict, asked: Asked, policyDenials: PolicyDenials): Reply {
  const asRpc = policyDenials === 'rpc' && isFinal(verdict) ? rpcReply(verdict, asked) : undefined;
  if (asRpc !== undefined) return asRpc;
  const body = JSON.stringify(errorBody(verdict, soleId(asked)));
  return { status: verdict.status, headers: { ...JSON_HEADERS, ...verdict.headers }, body };
}

/** @throws {TypeError} for a header that could not be written, or would split the response */
export function assertHeaders(headers: Reply['headers']): void {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
}

/** Writes an answer, unless somebody else has answered already. */
export function send(res: ServerResponse, { status, headers, body }: Reply): void {
  if (res.headersSent) return;
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  // A 204 has no length (RFC 9110 section 8.6).
  if (status !== 204) res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}

function isDenial(error: unknown): error is Denial | Unavailable {
  return error instanceof Denial || error instanceof Unavailable;
}

/** A status that is no error would let a denied client believe it was served. */
function isSendable({ status, headers }: Verdict): boolean {
  assertHeaders(headers);
  return Number.isInteger(status) && status >= 400 && status <= 599;
}

/** Whether nothing that the client could send in addition would change the verdict. A challenge says that it would. */
function isFinal({ policy = false, headers }: Verdict): boolean {
  return policy && !Object.keys(headers).some((name) => name.toLowerCase() === 'www-authenticate');
}

/** Every request of the body is answered, so that no caller waits for one. */
function rpcReply(verdict: Verdict, { messages = [], batch }: Asked): Reply | undefined {
  const errors = messages.flatMap((message) => (message.kind === 'request' ? [errorBody(verdict, message.id)] : []));
  if (errors.length === 0) return undefined;
  const body = JSON.stringify(batch ? errors : errors[0]);
  return { status: 200, headers: { ...JSON_HEADERS, ...verdict.headers }, body };
}

function errorBody({ status, code, message, rpcCode }: Verdict, id: string | number | null): object {
  return { jsonrpc: '2.0', id, error: { code: rpcCode ?? status, message, data: { code } } };
}

function soleId({ messages = [] }: Asked): string | number | null {
  const [message] = messages;
  return messages.length === 1 && message?.kind === 'request' ? message.id : null;
}
