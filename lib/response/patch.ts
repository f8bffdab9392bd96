import type { ServerResponse } from 'node:http';
import type { Exchange } from '../exchange.js';
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
  const outgoing = new Outgoing(res, new ResponseHooks(exchange), now);
  Object.assign(res, { [kOutgoing]: outgoing }, METHODS);
  Object.defineProperty(res, 'headersSent', HEADERS_SENT);
  return outgoing;
}
