import type { RequestContext } from '../context.js';
import type { Denied } from '../decision.js';
import type { RpcRequest } from '../rpc.js';
import {
  auditHttp,
  auditId,
  auditMessages,
  auditPrincipal,
  auditSignature,
  auditTrace,
  MAX_ID,
  type Facts,
} from './about.js';
import { denialType } from './denials.js';
import { auditAccess, auditDecision } from './detail.js';
import type {
  AdmittedEvent,
  CallEndedEvent,
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
    const { effect: _effect, ...decision } = auditDecision(denied);
    const access = auditAccess([denied]);
    return Object.freeze({
      ...this.#about(),
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
    const { auth, signature, access } = this.#facts;
    // A check that may prove something has not always done so.
    if (type === undefined || (type === 'signature_verified' && signature === undefined)) return undefined;
    if (type === 'authentication_succeeded' && auth === undefined) return undefined;
    const needed = type === 'authorization_succeeded' ? auditAccess([], access) : undefined;
    return Object.freeze({ ...this.#about(), type, middleware, ...(needed === undefined ? {} : { access: needed }) });
  }

  /** The calls and the lists that a request which was let through asks for. */
  started(): readonly (CallStartedEvent | DiscoveryEvent)[] {
    const about = this.#about();
    return (this.#ctx.request.messages ?? []).flatMap((message): readonly (CallStartedEvent | DiscoveryEvent)[] => {
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
    const content = result === undefined ? undefined : this.#privacy.result(result);
    return Object.freeze({
      v: 1,
      time: timestamp(this.#now()),
      type: outcome === 'succeeded' ? 'call_succeeded' : 'call_failed',
      id: this.#privacy.id(this.#ctx.id, MAX_ID),
      tool: this.#privacy.text(call.target.name),
      rpcId: auditId(call.id, this.#privacy),
      ...(this.#facts.auth === undefined ? {} : { principal: auditPrincipal(this.#facts.auth) }),
      ...(outcome === 'succeeded' ? {} : { failure: outcome }),
      ...(errorCode === undefined ? {} : { errorCode }),
      ...(content === undefined ? {} : { result: content }),
    });
  }

  #arguments({ params }: Pick<RpcRequest, 'params'>): Pick<CallStartedEvent, 'arguments'> {
    const content = Object.hasOwn(params, 'arguments') ? this.#privacy.arguments(params['arguments']) : undefined;
    return content === undefined ? {} : { arguments: content };
  }

  #about(): About {
    const { request, id } = this.#ctx;
    const { auth, signature } = this.#facts;
    const trace = auditTrace(request);
    return {
      v: 1,
      time: timestamp(this.#now()),
      id: this.#privacy.id(id, MAX_ID),
      http: auditHttp(request, this.#privacy),
      ...(trace === undefined ? {} : { trace }),
      ...(auth === undefined ? {} : { principal: auditPrincipal(auth) }),
      ...(signature === undefined ? {} : { signature: auditSignature(signature) }),
      ...(request.messages === undefined ? {} : { rpc: auditMessages(request.messages, this.#privacy) }),
    };
  }
}
