import { ServerResponse } from 'node:http';
import type { Exchange } from '../exchange.js';
import { ResponseHooks } from './hooks.js';
import { originalOf } from './original.js';
import { Outgoing } from './outgoing.js';

const watched = new WeakMap<ServerResponse, Outgoing>();

// One function for all responses, none made per request. Each finds its response in `this`, as Node's own do.
const PATCH = Object.getOwnPropertyDescriptors({
  writeHead(this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
    return outgoingOf(this).writeHead(status, rest);
  },
  write(this: ServerResponse, ...args: unknown[]): boolean {
    return outgoingOf(this).write(args);
  },
  end(this: ServerResponse, ...args: unknown[]): ServerResponse {
    return outgoingOf(this).end(args);
  },
  flushHeaders(this: ServerResponse): void {
    outgoingOf(this).flushHeaders();
  },
  get headersSent(): boolean {
    return outgoingOf(this as unknown as ServerResponse).started;
  },
});
const NAMES = Object.keys(PATCH);

/** Prototypes that the responses of a framework share, and the same with the patch. */
const patched = new WeakMap<object, object>();

/** Lets the hooks of an exchange see its response on the way out. The only place where a response is patched. */
export function watchResponse(exchange: Exchange, now: () => Date): Outgoing {
  const { res } = exchange;
  const prototype = Object.getPrototypeOf(res) as object;
  const owner = isReplaced(res, prototype) ? prototype : res;
  const outgoing = new Outgoing(res, originalOf(owner), new ResponseHooks(exchange), now);
  watched.set(res, outgoing);
  if (owner === res) Object.defineProperties(res, PATCH);
  else Object.setPrototypeOf(res, withPatch(prototype));
  return outgoing;
}

/**
 * Express gives each response another prototype. From then on V8 makes a hidden class for every property that is put on
 * one, and looks anew for each that is read, which costs some microseconds each, so that all of the patch comes with one
 * more prototype there, and what it replaces is read there. What another package has put on the response itself would
 * hide that.
 */
function isReplaced(res: ServerResponse, prototype: object): boolean {
  const isOther = prototype !== ServerResponse.prototype && res instanceof ServerResponse;
  return isOther && !NAMES.some((name) => Object.hasOwn(res, name));
}

function withPatch(prototype: object): object {
  const known = patched.get(prototype) ?? (Object.create(prototype, PATCH) as object);
  patched.set(prototype, known);
  return known;
}

function outgoingOf(res: ServerResponse): Outgoing {
  const outgoing = watched.get(res);
  if (outgoing === undefined) throw new TypeError('a method of one response was called on another one');
  return outgoing;
}
