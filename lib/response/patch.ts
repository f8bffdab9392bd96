import type { ServerResponse } from 'node:http';
import type { Exchange } from '../exchange.js';
import { kExchange } from '../handOver.js';
import { applyHead, isEventStream } from './head.js';
import { ResponseHooks } from './hooks.js';
import { Outgoing } from './outgoing.js';

const kOutgoing = Symbol('mcp-etdi.outgoing');

type Patched = ServerResponse & { [kOutgoing]: Outgoing };

// One function for all responses, none made per request. Each finds its response in `this`, as Node's own do.
const METHODS = {
  writeHead(this: Patched, status: number, ...rest: unknown[]): ServerResponse {
    return this[kOutgoing].writeHead(status, rest);
  },
  write(this: Patched, ...args: unknown[]): boolean {
    return this[kOutgoing].write(args);
  },
  end(this: Patched, ...args: unknown[]): ServerResponse {
    return this[kOutgoing].end(args);
  },
  flushHeaders(this: Patched): void {
    this[kOutgoing].flushHeaders();
  },
};

const HEADERS_SENT: PropertyDescriptor & ThisType<Patched> = {
  configurable: true,
  get() {
    return this[kOutgoing].started;
  },
};

/** Lets the hooks of an exchange see its response on the way out. The only place where a response is patched. */
export function watchResponse(exchange: Exchange, now: () => Date): Outgoing {
  const { res } = exchange;
  if (exchange.unseen !== undefined) exchange.unseen.seen = true;
  const outgoing = new Outgoing(res, new ResponseHooks(exchange), now);
  Object.assign(res, { [kOutgoing]: outgoing }, METHODS);
  Object.defineProperty(res, 'headersSent', HEADERS_SENT);
  return outgoing;
}

/** A response whose head has not been looked at. */
export interface UnseenHead {
  readonly writeHead: (this: ServerResponse, ...args: unknown[]) => ServerResponse;
  readonly onStream: () => void;
  seen: boolean;
}

type Unseen = ServerResponse & { readonly req: { readonly [kExchange]: Exchange & { readonly unseen: UnseenHead } } };

/**
 * What calls back before the head of an event stream is sent. Each property that is put on a response costs every
 * request some microseconds in Express, so that nothing else is patched until there is a stream, and what belongs to
 * it is kept by the exchange. The function is the same for all: V8 keeps what a function made per request refers to,
 * once it is put on a response.
 */
export function beforeStream(res: ServerResponse, onStream: () => void): UnseenHead {
  const { writeHead } = res as Pick<UnseenHead, 'writeHead'>;
  (res as { writeHead: unknown }).writeHead = writeFirstHead;
  return { writeHead, onStream, seen: false };
}

function writeFirstHead(this: Unseen, status: number, ...rest: unknown[]): ServerResponse {
  const head = this.req[kExchange].unseen;
  if (head.seen) return head.writeHead.call(this, status, ...rest);
  head.seen = true;
  applyHead(this, status, rest);
  if (!isEventStream(this)) return head.writeHead.call(this, this.statusCode);
  head.onStream();
  return this.writeHead(this.statusCode);
}
