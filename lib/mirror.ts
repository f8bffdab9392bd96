import { isUtf8 } from 'node:buffer';
import { Denial } from './denial.js';
import { isObject, type RpcMessage } from './rpc.js';

declare module './denial.js' {
  interface DenialCodes {
    header_mismatch: 400;
  }
}

type Headers = Readonly<Record<string, readonly string[] | undefined>>;

/** Which member of the parameters `Mcp-Name` repeats (SEP-2243, SEP-2663). */
const NAME_MEMBER: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);
const NOTHING = { method: undefined, params: {} as Readonly<Record<string, unknown>> };
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const SENTINEL = /^=\?base64\?(.*)\?=$/s;

/**
 * Requires that headers which repeat the body agree with it (MCP 2026-07-28, "Server Validation").
 *
 * Nothing is ever decided from these headers. But a proxy may route, limit or log by them, so a request
 * that says one thing to the proxy and another to the server is denied, in every protocol revision.
 * @throws {Denial} 400 `header_mismatch`
 */
export function assertMirrored(headers: Headers, messages: readonly RpcMessage[]): void {
  const method = mirrored(headers, 'mcp-method');
  const name = mirrored(headers, 'mcp-name');
  const version = mirrored(headers, 'mcp-protocol-version');
  if (method === undefined && name === undefined && version === undefined) return;
  for (const message of messages) {
    const { method: ownMethod, params } = message.kind === 'response' ? NOTHING : message;
    const meta = params['_meta'];
    const claimed = isObject(meta) ? meta[VERSION_KEY] : undefined;
    if (claimed !== undefined) assertEqual(version, claimed);
    assertEqual(method, ownMethod);
    // A message without a name has nothing that the header could repeat.
    const member = NAME_MEMBER.get(ownMethod ?? '');
    if (name !== undefined) assertEqual(decodeSentinel(name), member === undefined ? undefined : params[member]);
  }
}

function mirrored(headers: Headers, name: string): string | undefined {
  const lines = headers[name];
  if (lines === undefined) return undefined;
  if (lines.length > 1) throw mismatch();
  return lines[0];
}

function assertEqual(header: string | undefined, body: unknown): void {
  if (header !== undefined && header !== body) throw mismatch();
}

/** Values outside printable ASCII travel as `=?base64?...?=`. */
function decodeSentinel(value: string): string {
  const [, encoded] = SENTINEL.exec(value) ?? [];
  if (encoded === undefined) return value;
  const bytes = Buffer.from(encoded, 'base64');
  // A text has one such form: with two, a proxy and this server could read different texts.
  if (bytes.toString('base64') !== encoded || !isUtf8(bytes)) throw mismatch();
  return bytes.toString();
}

function mismatch(): Denial {
  const text = 'A header that repeats the body disagrees with it';
  return new Denial(400, 'header_mismatch', text, { rpcCode: -32020 });
}
