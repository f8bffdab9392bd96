import type { RequestContext } from '../context.js';
import type { Outcome } from '../decision.js';
import type { Middleware } from '../middleware.js';
import { callback, readOptions } from '../options.js';
import { endedSession, idsOf, RequestIds, sessionOf } from '../requestIds.js';
import { isObject, type OutgoingMessage, type RpcRequest } from '../rpc.js';
import { tell } from '../tell.js';

/** How a call of a tool ended. */
export interface ToolOutcome {
  /** The call as the client sent it. */
  readonly call: RpcRequest;
  /**
   * `succeeded`: a result. `tool_error`: a result with `isError`, which is what official servers make of a tool that
   * throws. `rpc_error`: a JSON-RPC error. `unanswered`: the response ended without either, or
   * several requests of the batch or the session have one id, so that no answer is surely that of one of them.
   */
  readonly outcome: 'succeeded' | 'tool_error' | 'rpc_error' | 'unanswered';
  /** The number of a JSON-RPC error. */
  readonly errorCode?: number;
  /** What the tool gave, before it is masked or cut. */
  readonly result?: unknown;
}

export interface ToolOutcomesOptions {
  /** Told once for each call of a tool that was let through. What it throws changes nothing. */
  readonly onOutcome: (ctx: RequestContext, outcome: ToolOutcome) => unknown;
}

/**
 * Tells how each call of a tool ended, with servers of both SDK lines, in JSON and event streams. It proves nothing.
 *
 * Mount it behind the checks, so that what they deny is no call.
 * @throws {TypeError} when an option is not what it must be
 */
export function toolOutcomes(options: ToolOutcomesOptions): Middleware {
  const { onOutcome } = readOptions<ToolOutcomesOptions>('toolOutcomes', options, { onOutcome: callback });
  const watch = new OutcomeWatch((ctx, outcome) => {
    tell(ctx.id, onOutcome, ctx, outcome);
  });
  return {
    name: 'toolOutcomes',
    needs: [],
    adds: [],
    run: () => ({}),
    hooks: {
      admitted: (ctx) => {
        watch.begin(ctx);
      },
      refused: (ctx) => {
        watch.refuse(ctx);
      },
      seesMessages: (ctx) => watch.waits(ctx),
      message: (ctx, message) => {
        watch.see(ctx, message);
        return message;
      },
      settled: (ctx, outcome) => {
        watch.end(ctx, outcome);
      },
    },
  };
}

/** Pairs the calls of a request with the answers that leave the server. */
export class OutcomeWatch {
  /** Calls by their id: of a batch several may have the same. */
  readonly #open = new WeakMap<RequestContext, Map<string | number, readonly RpcRequest[]>>();
  /** Those of all requests of sessions: an answer to any of them may come on the response to another one. */
  readonly #ids = new RequestIds();
  readonly #begun = new WeakSet<RequestContext>();
  readonly #onOutcome: (ctx: RequestContext, outcome: ToolOutcome) => void;

  constructor(onOutcome: (ctx: RequestContext, outcome: ToolOutcome) => void) {
    this.#onOutcome = onOutcome;
  }

  /** A request was let through; each mount says so. */
  begin(ctx: RequestContext): void {
    const { messages } = ctx.request;
    if (messages === undefined || this.#begun.has(ctx)) return;
    this.#begun.add(ctx);
    const session = sessionOf(ctx);
    if (session !== undefined) this.#ids.share(ctx, session, idsOf(messages));
    const calls = messages.filter(
      (message): message is RpcRequest => message.kind === 'request' && message.target.kind === 'tool',
    );
    const open = new Map<string | number, readonly RpcRequest[]>();
    for (const call of calls) open.set(call.id, [...(open.get(call.id) ?? []), call]);
    if (calls.length > 0) this.#open.set(ctx, open);
  }

  /** A request is denied after all. */
  refuse(ctx: RequestContext): void {
    this.#ids.free(ctx);
  }

  /** Whether a request has no answer yet that is of interest. */
  waits(ctx: RequestContext): boolean {
    return this.#open.has(ctx) || this.#ids.has(ctx);
  }

  see(ctx: RequestContext, message: OutgoingMessage): void {
    const call = this.#callOf(ctx, message);
    this.#ids.see(ctx, message);
    if (call === undefined) return;
    this.#open.get(ctx)?.delete(call.id);
    this.#tell(ctx, call, message);
  }

  end(ctx: RequestContext, outcome: Outcome): void {
    const open = [...(this.#open.get(ctx)?.values() ?? [])].flat();
    for (const call of open) this.#onOutcome(ctx, { call, outcome: 'unanswered' });
    this.#open.delete(ctx);
    this.#ids.settle(ctx, outcome);
    const session = endedSession(ctx, outcome);
    if (session !== undefined) this.#ids.end(session);
  }

  /** The call that a message is the answer to, for sure. */
  #callOf(ctx: RequestContext, message: OutgoingMessage): RpcRequest | undefined {
    const id = message['id'] as string | number;
    const [call, ...others] = this.#open.get(ctx)?.get(id) ?? [];
    if (call === undefined || others.length > 0 || Object.hasOwn(message, 'method')) return undefined;
    return sessionOf(ctx) === undefined || this.#ids.holds(ctx, id) ? call : undefined;
  }

  #tell(ctx: RequestContext, call: RpcRequest, { error, result }: OutgoingMessage): void {
    if (isObject(error)) {
      const { code } = error;
      const errorCode = typeof code === 'number' && Number.isSafeInteger(code) ? { errorCode: code } : {};
      this.#onOutcome(ctx, { call, outcome: 'rpc_error', ...errorCode });
      return;
    }
    const isError = isObject(result) && result['isError'] === true;
    this.#onOutcome(ctx, { call, outcome: isError ? 'tool_error' : 'succeeded', result });
  }
}
