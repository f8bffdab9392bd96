import { isUtf8 } from 'node:buffer';
import { Denial } from './denial.js';

declare module './denial.js' {
  interface DenialCodes {
    json_malformed: 400;
    rpc_malformed: 400;
  }
}

type Params = Readonly<Record<string, unknown>>;

/** What a message is about: the tool, prompt or resource it names, or else its method. */
export interface Target {
  readonly kind: 'tool' | 'prompt' | 'resource' | 'method';
  readonly name: string;
}

/** A call that expects an answer. */
export interface RpcRequest {
  readonly kind: 'request';
  readonly id: string | number;
  readonly method: string;
  readonly params: Params;
  readonly target: Target;
}

/** A message that expects no answer. */
export interface RpcNotification {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: Params;
  readonly target: Target;
}

/** The client's answer to a request of the server. */
export interface RpcResponse {
  readonly kind: 'response';
  readonly id: string | number;
}

/** One incoming JSON-RPC 2.0 message. */
export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

/** One JSON-RPC message on its way to the client. */
export type OutgoingMessage = Readonly<Record<string, unknown>>;

/** The largest batch that is read: the cap of the MCP SDK. */
export const MAX_BATCH = 100;

const MAX_ID = 256;
const NO_PARAMS: Params = Object.freeze({});
const NAMED_BY: ReadonlyMap<string, { readonly kind: Target['kind']; readonly member: string }> = new Map([
  ['tools/call', { kind: 'tool', member: 'name' }],
  ['prompts/get', { kind: 'prompt', member: 'name' }],
  ['resources/read', { kind: 'resource', member: 'uri' }],
  ['resources/subscribe', { kind: 'resource', member: 'uri' }],
  ['resources/unsubscribe', { kind: 'resource', member: 'uri' }],
]);

/**
 * Decodes the bytes of a request as JSON (RFC 8259): UTF-8 without a byte order mark.
 * @throws {Denial} 400 `json_malformed`
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw notJson();
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    throw notJson();
  }
}

/**
 * Reads a parsed body as JSON-RPC 2.0 messages, every one of a batch.
 * @throws {Denial} 400 `rpc_malformed`
 */
export function readMessages(body: unknown): readonly RpcMessage[] {
  if (!Array.isArray(body)) return [readMessage(body)];
  if (body.length === 0 || body.length > MAX_BATCH) throw malformed();
  return body.map(readMessage);
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readMessage(value: unknown): RpcMessage {
  if (!isObject(value) || member(value, 'jsonrpc') !== '2.0') throw malformed();
  const id = member(value, 'id');
  const method = member(value, 'method');
  if (method === undefined) return readResponse(value, id);
  const params = member(value, 'params') ?? NO_PARAMS;
  if (typeof method !== 'string' || !isObject(params)) throw malformed();
  const call = { method, params, target: targetOf(method, params) };
  if (!Object.hasOwn(value, 'id')) return { kind: 'notification', ...call };
  if (!isId(id)) throw malformed();
  return { kind: 'request', id, ...call };
}

function readResponse(value: Readonly<Record<string, unknown>>, id: unknown): RpcResponse {
  if (!isId(id) || Object.hasOwn(value, 'result') === Object.hasOwn(value, 'error')) throw malformed();
  return { kind: 'response', id };
}

/** An answer repeats the id, so it is short, and a number that JSON can write. */
function isId(id: unknown): id is string | number {
  return typeof id === 'string' ? id.length <= MAX_ID : Number.isFinite(id);
}

/** Own members only: a body cannot inherit a method from a polluted prototype. */
function member(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function targetOf(method: string, params: Params): Target {
  const named = NAMED_BY.get(method);
  const name = named === undefined ? undefined : member(params, named.member);
  if (named === undefined) return { kind: 'method', name: method };
  // A call that names nothing is about a thing no policy knows, never about a mere method.
  return { kind: named.kind, name: typeof name === 'string' ? name : '' };
}

/** Without a cause: that of `JSON.parse` quotes the body, which may hold secrets. */
function notJson(): Denial {
  return new Denial(400, 'json_malformed', 'The body is not JSON', { rpcCode: -32700 });
}

function malformed(): Denial {
  return new Denial(400, 'rpc_malformed', 'The body is not a JSON-RPC 2.0 message', { rpcCode: -32600 });
}
