import type { RequestContext } from '../lib/context.js';
import { Denial, Unavailable } from '../lib/denial.js';
import { single } from '../lib/headers.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, integer, optional, readOptions } from '../lib/options.js';
import { orUnavailable } from '../lib/outage.js';
import { principalOf } from '../lib/principal.js';
import { digestOf, idsOf, RequestIds, sessionOf, type Refusal } from '../lib/requestIds.js';
import { memorySessions, type SessionHolder, type SessionStore } from '../lib/stores/sessions.js';
import { sessionStore } from '../lib/stores/storeCheck.js';
import { tell } from '../lib/tell.js';

declare module '../lib/denial.js' {
  interface DenialCodes {
    session_malformed: 400;
    session_unknown: 404;
    session_conflict: 500;
    request_id_taken: 400;
  }
}

/** Options of `bindSession`. */
export interface BindSessionOptions {
  /** Where owners are kept. Default: the memory of this process; several instances need a shared one. */
  readonly store?: SessionStore;
  /** How long a session that nobody uses stays its owner's, in seconds up to 31 days. Default: 86,400, one day. */
  readonly ttl?: number;
  /**
   * Gets the id of a session that the server has opened and nobody can use, since its owner could not be stored: the
   * place to close it. Default: it is left to the server, which closes what is idle.
   */
  readonly onOrphan?: (id: string, ctx: RequestContext) => void | Promise<void>;
  /** The clock of the default store. Default: the system's. */
  readonly now?: () => Date;
}

const HEADER = 'mcp-session-id';
/** Visible ASCII (MCP 2025-11-25, "Session Management"), and short enough for a header of every client. */
const ID = /^[\x21-\x7e]{1,2048}$/;
const LONGEST_TTL = 2_678_400;
const OUTAGE = 'The session store is unavailable';

/** By store: who shares one has the same sessions, and transports. */
const underWay = new WeakMap<SessionStore, RequestIds>();

/**
 * Requires that an MCP session is used by whoever opened it: the same issuer, subject and client, or the same signer.
 *
 * For everybody else it does not exist, be it POST, GET or DELETE. A response that hands out a session id is held until
 * its owner is stored. A DELETE that succeeded ends the binding. No two requests of a session have one JSON-RPC id at a
 * time, within one process. Requests without `Mcp-Session-Id` pass.
 *
 * @throws {Denial} 404 `session_unknown` (-32001), 400 `session_malformed` or `header_duplicate`, 401 `caller_unproven`;
 *   400 `request_id_taken` (-32600); 500 `session_conflict` when the server hands out an id that is somebody else's; and
 *   what reading the body throws
 * @throws {Unavailable} when the store is out of reach: no session is used or opened then; when a session has too many
 *   requests under way
 * @throws {TypeError} when an option is not what it must be
 */
export function bindSession(options: BindSessionOptions = {}): Middleware<never, never, 'auth' | 'signature'> {
  const given = readOptions<BindSessionOptions>('bindSession', options, {
    store: optional(sessionStore),
    ttl: optional(integer(1, LONGEST_TTL)),
    onOrphan: optional(callback),
    now: optional(callback),
  });
  const { onOrphan = () => undefined, ttl = 86_400, now = () => new Date(), store = memorySessions({ now }) } = given;
  const ttlMs = ttl * 1000;
  const ids = underWay.get(store) ?? new RequestIds();
  underWay.set(store, ids);

  const bind = async (ctx: RequestContext, issued: unknown): Promise<void> => {
    if (!isId(issued)) throw new TypeError('the server hands out a session id that is not 1 to 2048 visible ASCII');
    const owner = ownerOf(ctx.state);
    const binding = orUnavailable(OUTAGE, () => store.bind(digestOf(issued), owner, ttlMs));
    const bound = await binding.catch((error: unknown) => {
      tell(ctx.id, onOrphan, issued, ctx);
      throw error;
    });
    // No orphan: under this id there is a session of somebody else.
    if (!bound) throw new Denial(500, 'session_conflict', 'The session could not be opened');
  };

  return {
    name: 'bindSession',
    needs: [],
    oneOf: ['auth', 'signature'],
    reads: ['auth', 'signature'],
    adds: [],
    async run({ request, state }) {
      const id = single(request.headers, HEADER);
      if (id === undefined) return {};
      if (!isId(id)) throw new Denial(400, 'session_malformed', 'The session id is malformed');
      const owner = ownerOf(state);
      const session = digestOf(id);
      const holder = await orUnavailable(OUTAGE, () => store.use(session, owner, ttlMs));
      if (holder === 'unknown') ids.end(session);
      if (holder !== 'own') throw unknown(holder);
      return {};
    },
    hooks: {
      async claim(ctx) {
        const session = sessionOf(ctx);
        if (session === undefined || ids.has(ctx)) return;
        const refusal = ids.claim(ctx, session, idsOf(await ctx.request.rpc()));
        if (refusal !== undefined) throw notNow(refusal);
      },
      refused(ctx) {
        ids.free(ctx);
      },
      seesMessages: (ctx) => ids.has(ctx),
      message(ctx, message) {
        ids.see(ctx, message);
        return message;
      },
      settled(ctx, outcome) {
        ids.settle(ctx, outcome);
      },
      head(ctx, status, headers) {
        const { [HEADER]: issued } = headers;
        const id = ctx.request.headers[HEADER]?.[0];
        // An id that came with the request was proven to be the caller's before anything could answer with it.
        if (issued !== undefined && issued !== id) return bind(ctx, issued);
        const ended = ctx.request.method === 'DELETE' && status >= 200 && status < 300;
        if (!ended || !isId(id)) return undefined;
        const owner = ownerOf(ctx.state);
        const session = digestOf(id);
        ids.end(session);
        return orUnavailable(OUTAGE, () => store.release(session, owner));
      },
    },
  };
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

function ownerOf(state: RequestContext['state']): string {
  const principal = principalOf(state);
  if (principal.auth === undefined) return digestOf(JSON.stringify(['signature', principal.signature.owner]));
  const { issuer, subject, clientId } = principal.auth;
  return digestOf(JSON.stringify(['auth', issuer, subject, clientId]));
}

/** The answer is the same for a session of somebody else and for none. The record tells them apart. */
function unknown(holder: SessionHolder): Denial {
  const reason = holder === 'foreign' ? 'foreign' : 'unknown';
  return new Denial(404, 'session_unknown', 'Session not found', { rpcCode: -32001, detail: { reason } });
}

function notNow(refusal: Refusal): Denial | Unavailable {
  if (refusal === 'full') return new Unavailable('Too many requests of the session are under way');
  return new Denial(400, 'request_id_taken', 'A request of this id is under way in the session', { rpcCode: -32600 });
}
