import { randomUUID } from 'node:crypto';
import { callback, integer, listOf, optional, readOptions, text } from '../options.js';
import { permission } from '../permissions.js';
import { ownBudget } from './budget.js';
import { openStack, type CallStack } from './callStack.js';
import { MAX_HOPS } from './hop.js';
import { readIdentity, type CallIdentity } from './identity.js';
import { ROOT } from './names.js';

/** Options of `startCallStack`. */
export interface StartCallStackOptions {
  /** The agent, as servers know it: the `owner` of keys with `mayRoot` in their trust. */
  readonly identity: CallIdentity;
  /** What the tools that are called may use, and all that they call. */
  readonly permissions: readonly string[];
  /** On whose behalf the calls are, for all servers they get to. Default: nobody is named. */
  readonly subject?: string;
  /** How many tools may be in the stack, up to 8. Default: 5. */
  readonly maxDepth?: number;
  /** How many calls the agent may make in this transaction. Default: 100. */
  readonly maxCalls?: number;
  /** How long a hop is valid, in seconds up to 300. Default: 60. */
  readonly lifetime?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * Starts a transaction of an agent that signs call chains itself, with no tool in the stack yet. For `chainFetch`.
 * @throws {TypeError} when an option is not what it must be
 */
export function startCallStack(options: StartCallStackOptions): CallStack {
  const given = readOptions<StartCallStackOptions>('startCallStack', options, {
    identity: () => undefined,
    permissions: listOf(permission),
    subject: optional(text),
    maxDepth: optional(integer(1, MAX_HOPS)),
    maxCalls: optional(integer(1)),
    lifetime: optional(integer(1, 300)),
    now: optional(callback),
  });
  const { permissions, subject, maxDepth = 5, maxCalls = 100, lifetime = 60, now = () => new Date() } = given;
  const { resource, signer } = readIdentity('startCallStack', given.identity);
  const transaction = randomUUID();
  const shown = {
    transaction,
    subject,
    root: resource,
    depth: 0,
    maxDepth,
    frames: Object.freeze([]),
    caller: ROOT,
    permissions: Object.freeze([...new Set(permissions)]),
  } as const;
  return openStack(shown, {
    party: { resource, signer, tools: undefined, rules: new Map(), lifetime, clockTolerance: 0, now },
    hops: [],
    local: [],
    limitedBy: 'policy',
    endsAt: Infinity,
    tell: () => undefined,
    spend: ownBudget(maxCalls, transaction),
    caller: undefined,
    signed: false,
    credentials: [],
    trace: {},
  });
}
