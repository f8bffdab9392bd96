import { wholeBody } from '../body.js';
import type { Connection, HttpRequest, RequestContext, Slot, State } from '../context.js';
import { kExchange } from '../handOver.js';
import { linesOf } from '../headers.js';
import { Incoming } from '../incoming.js';

/** What a test says about a request. Everything has a default. */
export interface FakeRequest<Has extends Slot = never> {
  /** Default: `POST`. */
  readonly method?: string;
  /** Default: `/mcp`. */
  readonly target?: string;
  /**
   * A list stands for a header that was sent several times, and an empty one for none. Default with a body: its length, and
   * the type `application/json`.
   */
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

/**
 * A request context without a server: to call `run` of one middleware with, or a handler, whose `contextOf` finds it there.
 * Its body is read as a server reads one.
 */
export function fakeContext<Has extends Slot = never>(fake: FakeRequest<Has> = {}): RequestContext<Has> {
  const { method = 'POST', target = '/mcp', ip = '127.0.0.1', id = 'fake', connection = { remoteAddress: ip } } = fake;
  const bytes = bytesOf(fake.body);
  const headers = headersOf(fake.headers ?? {}, bytes);
  const incoming = new Incoming({
    method,
    headers,
    wasRead: () => false,
    parsed: () => undefined,
    bytes: () => Promise.resolve(wholeBody(bytes ?? new Uint8Array(), headers)),
  });
  const request: HttpRequest = {
    method,
    target,
    headers,
    ip,
    connection,
    body: () => incoming.bytes(),
    rpc: () => incoming.rpc(),
    get messages() {
      return incoming.messages;
    },
  };
  const state = Object.freeze({ ...fake.state }) as RequestContext<Has>['state'];
  const ctx: RequestContext<Has> = { id, request, state, decisions: [] };
  return Object.defineProperty(ctx, kExchange, { value: ctx });
}

function headersOf(given: NonNullable<FakeRequest['headers']>, bytes: Uint8Array | undefined): HttpRequest['headers'] {
  const named = new Set(Object.keys(given).map((name) => name.toLowerCase()));
  const own = Object.entries(bytes === undefined ? {} : headersOfClient(bytes)).filter(([name]) => !named.has(name));
  const raw = [...own, ...Object.entries(given)].flatMap(([name, value]) =>
    [value].flat().flatMap((line) => [name, line]),
  );
  return linesOf(raw);
}

function headersOfClient(bytes: Uint8Array): Readonly<Record<string, string>> {
  return { 'content-type': 'application/json', 'content-length': String(bytes.byteLength) };
}

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
