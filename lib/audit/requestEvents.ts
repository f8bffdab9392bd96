import type { RequestContext } from '../context.js';
import type { Denied, HandlerCall } from '../decision.js';
import {
  auditCallStack,
  auditHttp,
  auditId,
  auditMessages,
  auditPrincipal,
  auditSignature,
  auditTrace,
  deniedTransaction,
  MAX_ID,
  type Facts,
} from './about.js';
import { denialType } from './denials.js';
import { auditAccess, auditDecision } from './detail.js';
import type {
  AdmittedEvent,
  CallEndedEvent,
  CallSentEvent,
  CallStartedEvent,
  DenialEvent,
  DiscoveryEvent,
  ProofEvent,
  StreamEvent,
} from './events.js';
import type { ToolOutcome } from './outcomes.js';
import type { Privacy } from './privacy.js';
import { timestamp } from './time.js';

type About = Omit<AdmittedEvent, 'type'>;

const PROOFS: ReadonlyMap<string, ProofEvent['type']> = new Map<string, ProofEvent['type']>([
  ['authenticate', 'authentication_succeeded'],
  ['verifySignature', 'signature_verified'],
  ['authorizeScopes', 'authorization_succeeded'],
  ['callStackGuard', 'call_stack_proven'],
]);
const LISTS: ReadonlySet<string> = new Set([
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'prompts/list',
  'server/discover',
]);

/** Writes the events of one request while it is under way. */
export class RequestEvents {
  readonly #ctx: RequestContext;
  readonly #facts: Facts;
  readonly #privacy: Privacy;
  readonly #now: () => Date;

  constructor(ctx: RequestContext, facts: Facts, privacy: Privacy, now: () => Date) {
    this.#ctx = ctx;
    this.#facts = facts;
    this.#privacy = privacy;
    this.#now = now;
  }

  denial(denied: Denied): DenialEvent {
    const { effect: _effect, ...decision } = auditDecision(denied, this.#privacy);
    const access = auditAccess([denied], undefined, this.#privacy);
    return Object.freeze({
      ...this.#about(deniedTransaction([denied])),
      ...(decision as Omit<DenialEvent, keyof About | 'type'>),
      type: denialType(denied),
      ...(access === undefined ? {} : { access }),
    });
  }

  admitted(): AdmittedEvent {
    return Object.freeze({ ...this.#about(), type: 'request_admitted' as const });
  }

  stream(): StreamEvent {
    return Object.freeze({ ...this.#about(), type: 'stream_opened' as const });
  }

  /** What a check has proven, where its name stands for that. */
  proof(middleware: string): ProofEvent | undefined {
    const type = PROOFS.get(middleware);
    if (type === undefined || !this.#isProven(type)) return undefined;
    const { access, callStack } = this.#facts;
    const needed = type === 'authorization_succeeded' ? auditAccess([], access, this.#privacy) : undefined;
    const stack = type === 'call_stack_proven' ? callStack : undefined;
    return Object.freeze({
      ...this.#about(),
      type,
      middleware,
      ...(needed === undefined ? {} : { access: needed }),
      ...(stack === undefined ? {} : { callStack: auditCallStack(stack, this.#privacy) }),
    });
  }

  /** A check that may prove something has not always done so. */
  #isProven(type: ProofEvent['type']): boolean {
    const { auth, signature, callStack } = this.#facts;
    if (type === 'authentication_succeeded') return auth !== undefined;
    if (type === 'signature_verified') return signature !== undefined;
    return type !== 'call_stack_proven' || callStack !== undefined;
  }

  /** The calls and the lists that a request which was let through asks for. */
  started(): readonly (CallStartedEvent | DiscoveryEvent)[] {
    const { messages = [] } = this.#ctx.request;
    const { rpc, ...others } = this.#about();
    // In the events of a batch all messages would stand as often as there are calls.
    const about: About = messages.length > 1 || rpc === undefined ? others : { ...others, rpc };
    return messages.flatMap((message): readonly (CallStartedEvent | DiscoveryEvent)[] => {
      if (message.kind === 'response') return [];
      const { method, target } = message;
      if (LISTS.has(method)) return [Object.freeze({ ...about, type: 'discovery_requested' as const, method })];
      if (target.kind !== 'tool') return [];
      const rpcId = message.kind === 'request' ? { rpcId: auditId(message.id, this.#privacy) } : {};
      const tool = this.#privacy.text(target.name);
      return [Object.freeze({ ...about, type: 'call_started' as const, tool, ...rpcId, ...this.#arguments(message) })];
    });
  }

  ended({ call, outcome, errorCode, result }: ToolOutcome): CallEndedEvent {
    return Object.freeze({
      ...this.#end(call.target.name, outcome === 'succeeded', result),
      rpcId: auditId(call.id, this.#privacy),
      ...(outcome === 'succeeded' ? {} : { failure: outcome }),
      ...(errorCode === undefined ? {} : { errorCode }),
    });
  }

  /** A call that the handler makes. */
  called(call: HandlerCall): DenialEvent | CallStartedEvent | CallSentEvent | CallEndedEvent {
    const { phase, denied } = call;
    const [tool, caller] = [this.#privacy.text(call.tool), this.#privacy.text(call.caller)];
    if (denied !== undefined) return this.denial({ ...denied, detail: { caller, callee: tool, ...denied.detail } });
    if (phase === 'started' || phase === 'sent') {
      const type = phase === 'sent' ? 'call_sent' : 'call_started';
      return Object.freeze({ ...this.#about(), type, tool, caller, ...this.#arguments({ params: call }) });
    }
    const isSuccess = phase === 'succeeded';
    const failure = isSuccess ? {} : ({ failure: 'thrown' } as const);
    return Object.freeze({ ...this.#end(call.tool, isSuccess, call.result), caller, ...failure });
  }

  #end(tool: string, isSuccess: boolean, result: unknown): CallEndedEvent {
    const content = result === undefined ? undefined : this.#privacy.result(result);
    const transaction = this.#transaction();
    return {
      v: 1,
      time: timestamp(this.#now()),
      type: isSuccess ? 'call_succeeded' : 'call_failed',
      id: this.#privacy.id(this.#ctx.id, MAX_ID),
      tool: this.#privacy.text(tool),
      ...(this.#facts.auth === undefined ? {} : { principal: auditPrincipal(this.#facts.auth) }),
      ...(transaction === undefined ? {} : { transaction }),
      ...(content === undefined ? {} : { result: content }),
    };
  }

  #arguments({ params }: { readonly params: object }): Pick<CallStartedEvent, 'arguments'> {
    const { arguments: args } = params as { readonly arguments?: unknown };
    const content = Object.hasOwn(params, 'arguments') ? this.#privacy.arguments(args) : undefined;
    return content === undefined ? {} : { arguments: content };
  }

  #transaction(denied?: string): string | undefined {
    const transaction = this.#facts.callStack?.transaction ?? denied;
    return transaction === undefined ? undefined : this.#privacy.id(transaction, MAX_ID);
  }

  #about(denied?: string): About {
    const { request, id } = this.#ctx;
    const { auth, signature } = this.#facts;
    const trace = auditTrace(request);
    const transaction = this.#transaction(denied);
    return {
      v: 1,
      time: timestamp(this.#now()),
      id: this.#privacy.id(id, MAX_ID),
      http: auditHttp(request, this.#privacy),
      ...(trace === undefined ? {} : { trace }),
      ...(auth === undefined ? {} : { principal: auditPrincipal(auth) }),
      ...(signature === undefined ? {} : { signature: auditSignature(signature) }),
      ...(request.messages === undefined ? {} : { rpc: auditMessages(request.messages, this.#privacy) }),
      ...(transaction === undefined ? {} : { transaction }),
    };
  }
}
