import { callback, object } from '../options.js';
import { isObject } from '../rpc.js';
import { formOfResult, type WireForm, type WireTool } from './form.js';

/** The tools as they are served now, in each form in which clients get them. */
export type ServedTools = Readonly<Partial<Record<WireForm, readonly WireTool[]>>>;

/** Gives the tools as they are served now. */
export type ToolSource = () => ServedTools | Promise<ServedTools>;

/** An `McpServer` or `Server` of either SDK line. */
export interface ConnectableServer {
  readonly connect: (transport: never) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What `createMcpHandler` of `@modelcontextprotocol/server` returns. */
export interface FetchHandler {
  readonly fetch: (request: Request) => Promise<Response>;
}

type Message = Readonly<Record<string, unknown>>;
type Send = (method: string, params: Message) => Promise<Message>;

const LEGACY_VERSION = '2025-11-25';
const MODERN_VERSION = '2026-07-28';
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': MODERN_VERSION,
  'io.modelcontextprotocol/clientCapabilities': {},
};
const CLIENT = { name: 'mcp-etdi', version: '1' };
const MOST_PAGES = 1000;
const DATA = /^data: ?(.*)$/gm;

/**
 * Lists the tools of a server in process, as clients would get them, with either SDK line and without a socket.
 * @param served a function that makes a server as for a client, or what `createMcpHandler` returned
 * @throws {TypeError} later, when the server answers with an error or not in the protocol
 */
export function servedTools(served: FetchHandler | (() => ConnectableServer | Promise<ConnectableServer>)): ToolSource {
  if (typeof served === 'function') return async () => listOverTransport(await served());
  const handler = served as Partial<FetchHandler> | undefined;
  if (object(handler) !== undefined || callback(handler?.fetch) !== undefined) {
    throw new TypeError('servedTools: pass a function that makes an McpServer, or what createMcpHandler returned');
  }
  return () => listOverFetch(served);
}

async function listOverTransport(server: ConnectableServer): Promise<ServedTools> {
  const waiting = new Map<unknown, (message: Message) => void>();
  const transport: { onmessage?: (message: unknown) => void; onclose?: () => void } & Readonly<
    Record<string, unknown>
  > = {
    start: () => Promise.resolve(),
    close: () => {
      transport.onclose?.();
      return Promise.resolve();
    },
    send: (message: Message) => {
      // A request of the server may have the same id.
      if (!Object.hasOwn(message, 'method')) waiting.get(message['id'])?.(message);
      return Promise.resolve();
    },
  };
  const send: Send = (method, params) =>
    new Promise((resolve) => {
      const id = waiting.size + 1;
      waiting.set(id, resolve);
      transport.onmessage?.({ jsonrpc: '2.0', id, method, params });
    });
  await server.connect(transport as never);
  try {
    await send('initialize', { protocolVersion: LEGACY_VERSION, capabilities: {}, clientInfo: CLIENT });
    transport.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return merge([await listAll(send, {})]);
  } finally {
    await server.close();
  }
}

async function listOverFetch(handler: FetchHandler): Promise<ServedTools> {
  const sendAs =
    (version: string): Send =>
    async (method, params) => {
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': version,
        ...(version === MODERN_VERSION ? { 'mcp-method': method } : {}),
      };
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
      const request = new Request('http://localhost/mcp', { method: 'POST', headers, body });
      return readAnswer(await (await handler.fetch(request)).text());
    };
  const lists = await Promise.allSettled([
    listAll(sendAs(MODERN_VERSION), { _meta: ENVELOPE }),
    listAll(sendAs(LEGACY_VERSION), {}),
  ]);
  const [first, second] = lists;
  // A handler may serve one of the two revisions alone.
  if (first.status === 'rejected' && second.status === 'rejected') throw first.reason;
  return merge(lists.flatMap((list) => (list.status === 'fulfilled' ? [list.value] : [])));
}

function readAnswer(text: string): Message {
  const bodies = text.startsWith('{') ? [text] : [...text.matchAll(DATA)].map(([, data = '']) => data);
  const messages = bodies.filter((body) => body !== '').map((body) => JSON.parse(body) as unknown);
  return messages.filter(isObject).find((message) => !Object.hasOwn(message, 'method')) ?? {};
}

interface Listed {
  readonly form: WireForm;
  readonly tools: readonly WireTool[];
}

async function listAll(send: Send, params: Message): Promise<Listed> {
  const tools: WireTool[] = [];
  let cursor: unknown;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await send('tools/list', cursor === undefined ? params : { ...params, cursor });
    // As it goes over the wire: what an object holds and JSON does not say is gone.
    const result: unknown = JSON.parse(JSON.stringify(answer['result'] ?? null));
    if (!isObject(result) || !Array.isArray(result['tools'])) {
      throw new TypeError('servedTools: the server did not list its tools');
    }
    tools.push(...result['tools'].filter(isObject));
    cursor = result['nextCursor'];
    if (cursor === undefined) return { form: formOfResult(result), tools };
  }
  throw new TypeError('servedTools: the server lists its tools without end');
}

function merge(lists: readonly Listed[]): ServedTools {
  return Object.fromEntries(lists.map(({ form, tools }) => [form, tools]));
}
