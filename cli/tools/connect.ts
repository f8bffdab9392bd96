import { formOfResult, type WireForm } from '../../lib/definitions/form.js';
import { isObject } from '../../lib/rpc.js';
import { escapeText } from '../../lib/text.js';
import { listAllTools, type Listing } from '../../client/tools/listing.js';
import { newAllowance, readResponse } from './messages.js';

/** How to reach a server. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

type Members = Readonly<Record<string, unknown>>;

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const CLIENT = { name: 'mcp-etdi', version: '1' };
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** The server said no to who asks, in either form. */
class NotAllowed extends Error {}

/**
 * The tools of a server in each form that it offers, as any client would get them.
 * @throws {Error} when it offers none
 */
export async function listForms(target: Target): Promise<readonly Listing[]> {
  const listings: Listing[] = [];
  const failures: unknown[] = [];
  for (const list of [listModern, listLegacy]) {
    try {
      listings.push(await list(target));
    } catch (cause) {
      if (cause instanceof NotAllowed) throw cause;
      failures.push(cause);
    }
  }
  if (listings.length === 0) throw failures.at(-1);
  const forms = new Set<WireForm>();
  return listings.filter(({ form }) => forms.size !== forms.add(form).size);
}

/** MCP since 2026-07-28: no session, and every request says what it speaks. */
async function listModern(target: Target): Promise<Listing> {
  const send = sender(target, (method) => ({ 'mcp-protocol-version': MODERN, 'mcp-method': method }));
  const found = await send('server/discover', { _meta: ENVELOPE });
  if (formOfResult(found) !== 'modern') throw new Error('the server does not speak the modern protocol');
  return listAllTools((params) => send('tools/list', { ...params, _meta: ENVELOPE }));
}

/** MCP up to 2025-11-25: a handshake, and perhaps a session. */
async function listLegacy(target: Target): Promise<Listing> {
  const headers: Record<string, string> = {};
  const learn = (answer: Response): void => {
    const session = answer.headers.get('mcp-session-id');
    if (session !== null) headers['mcp-session-id'] = session;
  };
  const send = sender(target, () => headers, learn);
  const hello = { protocolVersion: LEGACY, capabilities: {}, clientInfo: CLIENT };
  const { protocolVersion } = await send('initialize', hello);
  headers['mcp-protocol-version'] = typeof protocolVersion === 'string' ? protocolVersion : LEGACY;
  try {
    await post(target, headers, { jsonrpc: '2.0', method: 'notifications/initialized' });
    return await listAllTools((params) => send('tools/list', params));
  } finally {
    if (headers['mcp-session-id'] !== undefined) await leave(target, headers);
  }
}

type Send = (method: string, params: Members) => Promise<Members>;

function sender(
  target: Target,
  headersOf: (method: string) => Readonly<Record<string, string>>,
  learn: (answer: Response) => void = () => undefined,
): Send {
  const allowance = newAllowance();
  let id = 0;
  return async (method, params) => {
    id += 1;
    const answer = await post(target, headersOf(method), { jsonrpc: '2.0', id, method, params });
    learn(answer);
    const { result, error } = await readResponse(answer, id, allowance);
    if (isObject(result)) return result;
    const message = isObject(error) && typeof error['message'] === 'string' ? `: ${escapeText(error['message'])}` : '';
    throw new Error(`the server answered '${method}' with an error${message}`);
  };
}

async function post(target: Target, headers: Readonly<Record<string, string>>, message: Members): Promise<Response> {
  const answer = await request(target, {
    method: 'POST',
    headers: {
      ...target.headers,
      ...headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(message),
  });
  const { status } = answer;
  // A modern answer of these says in JSON-RPC what is wrong; both end up as errors.
  if (answer.ok) return answer;
  await answer.body?.cancel().catch(() => undefined);
  if (status !== 401 && status !== 403) throw new Error(`the server answered with status ${status}`);
  const hint =
    'authorization' in target.headers
      ? 'the token is not for this server, has expired, or lacks a scope'
      : 'pass a token in MCP_ETDI_TOKEN or --token-file';
  throw new NotAllowed(`the server answered with status ${status}; ${hint}`);
}

async function leave(target: Target, headers: Readonly<Record<string, string>>): Promise<void> {
  const answer = await request(target, { method: 'DELETE', headers: { ...target.headers, ...headers } }).catch(
    () => undefined,
  );
  await answer?.body?.cancel().catch(() => undefined);
}

async function request({ url, timeoutMs }: Target, init: RequestInit): Promise<Response> {
  try {
    // A redirect would carry the token to somebody else.
    return await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  } catch (cause) {
    const { cause: reason } = cause as { cause?: unknown };
    const text = reason instanceof Error ? reason.message : (cause as Error).message;
    throw new Error(`no answer from the server: ${escapeText(text)}`, { cause });
  }
}
