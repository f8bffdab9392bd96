import type { Connection, RequestContext, Slot, State } from '../context.js';
import { assertMirrored } from '../mirror.js';
import { parseJson, readMessages, type RpcMessage } from '../rpc.js';

/** What a test says about a request. Everything has a default. */
export interface FakeRequest<Has extends Slot = never> {
  /** Default: `POST`. */
  readonly method?: string;
  /** Default: `/mcp`. */
  readonly target?: string;
  /** A list stands for a header that was sent several times. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Bytes and strings are taken as they are; anything else is sent as JSON. Default: no bytes. */
  readonly body?: unknown;
  readonly ip?: string;
  /** Default: not encrypted, from `ip`. */
  readonly connection?: Connection;
  readonly id?: string;
  /** The facts that earlier middlewares proved. */
  readonly state?: Pick<State, Has> & Partial<State>;
}

/** A request context without a server, to call `run` of one middleware with. */
export function fakeContext<Has extends Slot = never>(fake: FakeRequest<Has> = {}): RequestContext<Has> {
  const { method = 'POST', target = '/mcp', ip = '127.0.0.1', id = 'fake' } = fake;
  const headers = Object.fromEntries(
    Object.entries(fake.headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === 'string' ? [value] : value,
    ]),
  );
  const { connection = { remoteAddress: ip } } = fake;
  const body = (): Promise<Uint8Array> => Promise.resolve(bytesOf(fake.body));
  let messages: readonly RpcMessage[] | undefined;
  const rpc: RequestContext['request']['rpc'] = async () => {
    if (['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(method)) return (messages = []);
    messages = readMessages(parseJson(await body()));
    assertMirrored(headers, messages);
    return messages;
  };
  const request: RequestContext['request'] = {
    method,
    target,
    headers,
    ip,
    connection,
    body,
    rpc,
    get messages() {
      return messages;
    },
  };
  const state = Object.freeze({ ...fake.state }) as RequestContext<Has>['state'];
  return { id, request, state, decisions: [] };
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (body === undefined) return new Uint8Array();
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
