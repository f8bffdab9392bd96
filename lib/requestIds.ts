import { hash } from 'node:crypto';
import type { RequestContext } from './context.js';
import type { Outcome } from './decision.js';
import type { OutgoingMessage, RpcMessage } from './rpc.js';

/** How many ids one session may have under way, or left behind, at a time. */
const MOST_OF_SESSION = 1000;
/** How many ids are remembered whose request is gone and may still be answered, of all sessions together. */
const MOST_LEFT = 100_000;

/** What a request has taken. */
interface Claim {
  readonly session: string;
  /** Those that are not answered yet. */
  readonly open: Set<string>;
  readonly ids: readonly string[];
}

/** An id under which an answer may come that is nobody's, or somebody else's. */
interface Left {
  readonly session: string;
  readonly id: string;
}

/** Why no id was taken. */
export type Refusal = 'taken' | 'full';

/**
 * The JSON-RPC ids that are under way in each session of this process.
 *
 * A transport finds the stream of an answer by its id alone, so an id that is used twice at a time brings the answer to
 * one request to the other. It is under way until it was answered: when the client went away before, the server may still
 * answer, on whichever stream has the id by then.
 */
export class RequestIds {
  readonly #sessions = new Map<string, Map<string, Claim | Left>>();
  readonly #claims = new WeakMap<RequestContext, Claim>();
  /** The oldest first. */
  readonly #left = new Set<Left>();

  /** Takes all ids of a request, or none and says why. */
  claim(ctx: RequestContext, session: string, ids: readonly string[]): Refusal | undefined {
    const taken = this.#sessions.get(session);
    if (contestedOf(ids, taken).size > 0) return 'taken';
    if (!hasRoom(taken, ids)) return 'full';
    this.#take(ctx, { session, ids, open: new Set(ids) });
    return undefined;
  }

  /** Takes those ids of a request that are free. Those that are not are nobody's any more. */
  share(ctx: RequestContext, session: string, ids: readonly string[]): void {
    const taken = this.#sessions.get(session);
    const contested = contestedOf(ids, taken);
    const fits = hasRoom(taken, ids);
    for (const id of contested) if (fits || taken?.has(id) === true) this.#leave({ session, id });
    const free = ids.filter((id) => !contested.has(id));
    if (fits) this.#take(ctx, { session, ids: free, open: new Set(free) });
  }

  /** Whether a request has taken any. */
  has(ctx: RequestContext): boolean {
    return this.#claims.has(ctx);
  }

  /** Whether an id is that of this request, and of no other. */
  holds(ctx: RequestContext, id: string | number): boolean {
    const claim = this.#claims.get(ctx);
    return claim !== undefined && this.#isHeld(claim, keyOf(id));
  }

  /** A message leaves on the response to a request. */
  see(ctx: RequestContext, message: OutgoingMessage): void {
    const claim = this.#claims.get(ctx);
    const { id } = message;
    if (claim === undefined || (typeof id !== 'string' && typeof id !== 'number') || Object.hasOwn(message, 'method'))
      return;
    claim.open.delete(keyOf(id));
    // Until all of a batch are answered a transport has not done with any of it.
    if (claim.open.size === 0) this.free(ctx);
  }

  /** The response to a request is over. What it has not answered may be answered elsewhere, unless it was refused. */
  settle(ctx: RequestContext, { status = 0, aborted }: Outcome): void {
    const claim = this.#claims.get(ctx);
    if (claim === undefined) return;
    const isReplaced = ctx.decisions.some(({ effect }) => effect === 'deny');
    // After a 500 the server may go on all the same, as behind something that ends what takes too long.
    const isRefused = !aborted && !isReplaced && status >= 300 && status < 500;
    const left = isRefused ? [] : [...claim.open].filter((id) => this.#isHeld(claim, id));
    this.free(ctx);
    for (const id of left) this.#leave({ session: claim.session, id });
  }

  /** Gives back what a request has taken. */
  free(ctx: RequestContext): void {
    const claim = this.#claims.get(ctx);
    if (claim === undefined) return;
    this.#claims.delete(ctx);
    for (const id of claim.ids) if (this.#isHeld(claim, id)) this.#forget(claim.session, id);
  }

  /** A session is over, and so is everything in it. */
  end(session: string): void {
    for (const one of this.#sessions.get(session)?.values() ?? []) if (!isClaim(one)) this.#left.delete(one);
    this.#sessions.delete(session);
  }

  #isHeld(claim: Claim, id: string): boolean {
    return this.#sessions.get(claim.session)?.get(id) === claim;
  }

  #take(ctx: RequestContext, claim: Claim): void {
    if (claim.ids.length === 0) return;
    this.#claims.set(ctx, claim);
    for (const id of claim.ids) this.#put(claim.session, id, claim);
  }

  #leave(left: Left): void {
    const before = this.#sessions.get(left.session)?.get(left.id);
    if (before !== undefined && !isClaim(before)) return;
    this.#put(left.session, left.id, left);
    this.#left.add(left);
    for (const { session, id } of this.#left) {
      if (this.#left.size <= MOST_LEFT) return;
      this.#forget(session, id);
    }
  }

  #put(session: string, id: string, one: Claim | Left): void {
    const taken = this.#sessions.get(session) ?? new Map<string, Claim | Left>();
    this.#sessions.set(session, taken.set(id, one));
  }

  #forget(session: string, id: string): void {
    const taken = this.#sessions.get(session);
    const one = taken?.get(id);
    if (one !== undefined && !isClaim(one)) this.#left.delete(one);
    taken?.delete(id);
    if (taken?.size === 0) this.#sessions.delete(session);
  }
}

/** The digest of the session that a request names, or nothing. */
export function sessionOf({ request }: RequestContext): string | undefined {
  const lines = request.headers['mcp-session-id'];
  return lines === undefined ? undefined : digestOf(lines.join(', '));
}

/** The session that a request has ended, or nothing. */
export function endedSession(ctx: RequestContext, { status = 0 }: Pick<Outcome, 'status'>): string | undefined {
  return ctx.request.method === 'DELETE' && status >= 200 && status < 300 ? sessionOf(ctx) : undefined;
}

/** Who knows an id may try to use it, so nobody gets to keep one. */
export function digestOf(value: string): string {
  return hash('sha256', value, 'base64url');
}

/** The ids of the requests among messages. The number 7 is another one than the text. */
export function idsOf(messages: readonly RpcMessage[]): readonly string[] {
  return messages.flatMap((one) => (one.kind === 'request' ? [keyOf(one.id)] : []));
}

function keyOf(id: string | number): string {
  return JSON.stringify(id);
}

function isClaim(one: Claim | Left): one is Claim {
  return 'open' in one;
}

/** The ids that another request has, or that are there twice. */
function contestedOf(ids: readonly string[], taken: ReadonlyMap<string, unknown> | undefined): ReadonlySet<string> {
  return new Set(ids.filter((id, index) => taken?.has(id) === true || ids.indexOf(id) !== index));
}

function hasRoom(taken: ReadonlyMap<string, unknown> | undefined, ids: readonly string[]): boolean {
  return (taken?.size ?? 0) + ids.length <= MOST_OF_SESSION;
}
