import type { HandlerCall } from '../decision.js';
import type { Signer } from '../keys/signer.js';
import type { Caller } from '../tools/caller.js';
import type { Tools } from '../tools/defineTools.js';
import type { SpendCall } from './budget.js';
import type { CallRules } from './callRules.js';
import type { Hop } from './hop.js';
import type { CallFrame, CallingFrame } from './names.js';

/** Which tools called each other to get to the one that is called now. Frozen. */
export interface CallStack {
  /** What all calls have in common that one request of a client caused, on all servers. */
  readonly transaction: string;
  /** On whose behalf the transaction is, as whoever started it says. */
  readonly subject: string | undefined;
  /** Who started the chain: the owner of the key that signed its first hop, or this server. */
  readonly root: string;
  /** How many tools are in the stack, the called one included. */
  readonly depth: number;
  /** How many there may be. */
  readonly maxDepth: number;
  /** The tools, outermost first, the called one last. */
  readonly frames: readonly CallFrame[];
  /** The tool that made the call, or `@root` where none did. */
  readonly caller: CallingFrame;
  /** What the call may use: nothing that one of its callers or the proven caller of the request may not. */
  readonly permissions: readonly string[];
}

/** A server, or an agent, as far as its calls are concerned. Prepared once. */
export interface CallParty {
  /** The canonical resource URI of the server, or the URI of the agent. */
  readonly resource: string;
  /** Signs hops. Nothing for a server that calls no other. */
  readonly signer: Signer | undefined;
  readonly tools: Tools | undefined;
  readonly rules: ReadonlyMap<string, CallRules>;
  /** The lifetime of a hop that is signed here, in seconds. */
  readonly lifetime: number;
  readonly clockTolerance: number;
  readonly now: () => Date;
}

/** A call within this server: a hop that is signed when a chain leaves the server. */
export interface LocalHop {
  readonly tool: string;
  readonly arguments: unknown;
  readonly permissions: readonly string[];
  readonly maxDepth: number;
}

/** What a limit of the depth comes from. */
export type DepthLimit = 'policy' | 'tool' | 'chain';

/** What is known of a stack beside what it shows. */
export interface StackOrigin {
  readonly party: CallParty;
  /** The hops that came with the request. */
  readonly hops: readonly Hop[];
  /** The stack of the tool that called within this server, where one did: with it this one ends. */
  readonly within?: CallStack;
  /** The calls within this server since. */
  readonly local: readonly LocalHop[];
  readonly limitedBy: DepthLimit;
  /** When the stack ends at the latest, in milliseconds since the epoch: with what the caller was let in for. */
  readonly endsAt: number;
  /** Tells those who record the request of a call that its tool makes. */
  readonly tell: (call: HandlerCall) => void;
  /** Takes one call from the budget of the transaction. */
  readonly spend: SpendCall;
  /** Who is behind the request. Nothing for an agent that starts a chain. */
  readonly caller: Caller | undefined;
  /** Whether somebody signed the request. */
  readonly signed: boolean;
  /** What the caller proves who they are with: for this server alone. */
  readonly credentials: readonly string[];
  /** Fields that let tracing tools correlate requests. Whoever called made them up. */
  readonly trace: Readonly<Record<string, string>>;
}

/** A stack with what its calls need to know, which no copy of it has: nobody can make one from parts. */
class Stack implements CallStack {
  readonly transaction: string;
  readonly subject: string | undefined;
  readonly root: string;
  readonly depth: number;
  readonly maxDepth: number;
  readonly frames: readonly CallFrame[];
  readonly caller: CallingFrame;
  readonly permissions: readonly string[];
  readonly #origin: StackOrigin;
  #ended = false;

  constructor(shown: CallStack, origin: StackOrigin) {
    this.transaction = shown.transaction;
    this.subject = shown.subject;
    this.root = shown.root;
    this.depth = shown.depth;
    this.maxDepth = shown.maxDepth;
    this.frames = shown.frames;
    this.caller = shown.caller;
    this.permissions = shown.permissions;
    this.#origin = origin;
    Object.freeze(this);
  }

  static originOf(stack: object): StackOrigin | undefined {
    return #origin in stack ? stack.#origin : undefined;
  }

  static end(stack: object): void {
    if (#ended in stack) stack.#ended = true;
  }

  static hasEnded(stack: object): boolean {
    if (!(#ended in stack)) return false;
    const { within } = stack.#origin;
    return stack.#ended || (within !== undefined && Stack.hasEnded(within));
  }
}

/** Makes a stack. */
export function openStack(shown: CallStack, origin: StackOrigin): CallStack {
  return new Stack(shown, origin);
}

/**
 * What is known of a stack.
 * @throws {TypeError} for what only looks like one
 */
export function originOf(label: string, stack: CallStack): StackOrigin {
  const origin = typeof stack === 'object' ? Stack.originOf(stack) : undefined;
  if (origin !== undefined) return origin;
  throw new TypeError(`${label}: 'callStack' must be the one of contextOf(extra, 'callStack').state, not a copy`);
}

/** Ends a call: its stack makes no further calls. */
export function endStack(stack: CallStack): void {
  Stack.end(stack);
}

/** Whether a call is over, or one that it was made in. */
export function hasEnded(stack: CallStack): boolean {
  return Stack.hasEnded(stack);
}
