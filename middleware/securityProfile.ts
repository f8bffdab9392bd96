import type { ConfigurationEvent } from '../lib/audit/events.js';
import { openLoneSink } from '../lib/audit/loneSink.js';
import type { AuditSink } from '../lib/audit/sink.js';
import { trailOf, type AuditTrail } from '../lib/audit/trail.js';
import type { KeyPurpose } from '../lib/keys/keyRecord.js';
import type { Signer } from '../lib/keys/signer.js';
import type { TrustedKeys } from '../lib/keys/trust.js';
import type { AnyMiddleware, Middleware } from '../lib/middleware.js';
import { listOf, object, oneOf, optional, readOptions, suggest, type Check, type Checks } from '../lib/options.js';
import { defined } from '../lib/profile/defined.js';
import { measuresOf, SECURITY_LEVELS, type Measures, type SecurityLevel } from '../lib/profile/levels.js';
import { assertComplete } from '../lib/profile/needs.js';
import { settingsOf } from '../lib/profile/settings.js';
import type { Stores } from '../lib/stores/stores.js';
import { isTools } from '../lib/tools/defineTools.js';
import { auditLog, type AuditLogOptions } from './auditLog.js';
import { authenticate, type AuthenticateOptions } from './authenticate.js';
import { authorizeScopes, type AuthorizeScopesOptions } from './authorizeScopes.js';
import { bindSession, type BindSessionOptions } from './bindSession.js';
import { callStackGuard, type CallStackGuardOptions } from './callStackGuard.js';
import { publishTools, type PublishToolsOptions } from './publishTools.js';
import { rateLimit, type RateLimitOptions } from './rateLimit.js';
import { validateOrigin, type ValidateOriginOptions } from './validateOrigin.js';
import { verifySignature, type SignatureMode, type VerifySignatureOptions } from './verifySignature.js';

/** What the profile gives to every check itself. */
type Shared =
  'tools' | 'resource' | 'keys' | 'trust' | 'identity' | 'signer' | 'replay' | 'store' | 'calls' | 'now' | 'fetch';
/** A check that a level may leave out: `true`, or how it is done, switches it on. */
type Extra<Options> = true | Omit<Options, Shared>;

/** What the checks of a profile need, each option given once. They are explained where the checks are. */
export interface SecurityProfileOptions
  extends
    Omit<ValidateOriginOptions, 'resource'>,
    Omit<AuthenticateOptions, 'scopes'>,
    Omit<AuthorizeScopesOptions, 'resource'> {
  readonly level: SecurityLevel;
  /**
   * Where the audit records go: what `openAuditTrail` returned, a winston `Logger` as it is, anything else with
   * `info(message, meta)`, or a function. From level `high` on it must be a trail.
   */
  readonly audit: AuditTrail | AuditSink;
  /** How records are written. */
  readonly auditing?: Omit<AuditLogOptions, 'sink' | 'trail' | 'now'>;
  /** The scopes that a 401 tells a client to ask for. Default: those of `base`, where scopes are permissions. */
  readonly challengeScopes?: readonly string[];
  /** The clients and agents whose signatures on requests count. Default: none but `toolServers`. */
  readonly keys?: readonly TrustedKeys[];
  /** The servers whose tools call tools here: they sign requests, and must bring a call chain. Default: none. */
  readonly toolServers?: readonly TrustedKeys[];
  /** Signs tool definitions and calls of other servers: what `openKeyStore` returned. Needed from level `enhanced` on. */
  readonly keyStore?: { readonly signer: (purpose: KeyPurpose) => Signer };
  /**
   * What several instances share: `redisStores(client)`, or `memoryStores({ singleProcess: true })`. Needed from level
   * `high` on. Default: the memory of this process.
   */
  readonly stores?: Stores;
  /** Which requests must be signed besides calls of tools that ask for it, or more about it. */
  readonly signatures?: SignatureMode | Omit<VerifySignatureOptions, Shared>;
  /** Sessions are bound to whoever opened them. */
  readonly sessions?: Extra<BindSessionOptions>;
  /** Callers stay within a rate; `tools` gives some tools a budget of their own. Default: 100 messages a minute. */
  readonly rate?: true | (Omit<RateLimitOptions, Shared> & Pick<RateLimitOptions, 'tools'>);
  /** Every tool in a call stack agreed to the call. Always where a tool says who may call it, or how deep. */
  readonly callChains?: Extra<CallStackGuardOptions>;
  /** Tool definitions are signed and do not change behind a version. */
  readonly definitions?: Extra<PublishToolsOptions>;
}

/** The checks of a level, in their order: spread it into `toExpress` or `toKoa`. */
export type SecurityProfile = readonly [Middleware, Middleware, Middleware<never, 'auth'>, ...AnyMiddleware[]];

const RATE = { limit: 100, windowMs: 60_000 };

/** Each check validates its own options. The names are listed here so that a misspelt one is suggested from all of them. */
const elsewhere: Check = () => undefined;
const extra: Check = (value) => (value === true ? undefined : object(value) && 'must be true or an object');
/** What the profile gives to a check itself must not be given to that check alone: it would be left out without a word. */
const SHARED = ['tools', 'resource', 'keys', 'trust', 'identity', 'signer', 'replay', 'store', 'calls', 'now', 'fetch'];
const unshared =
  (check: Check, names: readonly string[] = SHARED): Check =>
  (value) => {
    const problem = check(value);
    if (problem !== undefined || object(value) !== undefined) return problem;
    const name = names.find((one) => Object.hasOwn(value as object, one));
    return name === undefined ? undefined : `must not have '${name}': that is for the profile to give`;
  };
const RATE_SHARED = SHARED.filter((name) => name !== 'tools');
const CHECKS: Checks<SecurityProfileOptions> = {
  level: oneOf(...SECURITY_LEVELS),
  audit: elsewhere,
  auditing: optional(unshared(object, ['sink', 'trail', 'now'])),
  challengeScopes: elsewhere,
  keys: optional(listOf(object)),
  toolServers: optional(listOf(object)),
  keyStore: optional((value) =>
    typeof (value as { signer?: unknown } | null)?.signer === 'function'
      ? undefined
      : 'must be what openKeyStore returned',
  ),
  stores: optional((value) =>
    typeof (value as { replay?: unknown } | null)?.replay === 'object'
      ? undefined
      : 'must be redisStores(client), or memoryStores({ singleProcess: true })',
  ),
  signatures: optional(
    unshared((value) => (typeof value === 'object' ? object(value) : oneOf('off', 'observe', 'calls', 'all')(value))),
  ),
  sessions: optional(unshared(extra)),
  rate: optional(unshared(extra, RATE_SHARED)),
  callChains: optional(unshared(extra)),
  definitions: optional(unshared(extra)),
  allowedOrigins: elsewhere,
  allowedHosts: elsewhere,
  issuers: elsewhere,
  resource: elsewhere,
  audience: elsewhere,
  clockTolerance: elsewhere,
  dpop: optional(object),
  requireBinding: elsewhere,
  mtls: elsewhere,
  revoked: elsewhere,
  exposeToken: elsewhere,
  cache: elsewhere,
  keySets: elsewhere,
  now: elsewhere,
  fetch: elsewhere,
  tools: elsewhere,
  prompts: elsewhere,
  resources: elsewhere,
  methods: elsewhere,
  base: elsewhere,
  scopes: elsewhere,
  implies: elsewhere,
  roles: elsewhere,
  clients: elsewhere,
  scopeWildcards: elsewhere,
  fullAccess: elsewhere,
  decide: elsewhere,
};

/**
 * The checks of a security level, ready to mount: `toExpress(...securityProfile({ level: 'basic', ... }))`.
 *
 * Options add to what a level has, and never take from it. What is in force is recorded once, as `configuration_loaded`.
 * @throws {TypeError} for an unknown level, for an option that would lower it, for what the checks say about their
 *   options, and, all at once, for whatever the level needs and was not given
 */
export function securityProfile(options: SecurityProfileOptions): SecurityProfile {
  const asked = readOptions<SecurityProfileOptions>('securityProfile', options, CHECKS);
  const measures = measuresOf(asked.level, askedBy(asked));
  assertComplete(asked, measures);
  assertShared(asked);
  const revoked = asked.revoked ?? (measures.stores ? asked.stores?.revocations : undefined);
  const given = revoked === undefined ? asked : { ...asked, revoked };
  const profile = checksOf(given, measures);
  const names = profile.map(({ name }) => name);
  const settings = settingsOf(given, measures, names);
  record(given, { type: 'configuration_loaded', component: 'securityProfile', settings });
  return profile;
}

/** A store of its own would let each instance accept the same proof once. */
function assertShared({ stores, dpop }: SecurityProfileOptions): void {
  if (stores === undefined || dpop?.replay === undefined) return;
  throw new TypeError("securityProfile: 'dpop' must not have 'replay': 'stores' has it for all instances");
}

function checksOf(given: SecurityProfileOptions, measures: Measures): SecurityProfile {
  const peers = [...(given.keys ?? []), ...(given.toolServers ?? [])];
  return [
    auditing(given, measures),
    origins(given),
    authentication(given, measures),
    ...(peers.length > 0 ? [signing(given, measures, peers)] : []),
    ...(measures.sessions ? [sessions(given)] : []),
    ...(measures.rate ? [rate(given)] : []),
    authorization(given),
    ...(measures.callChains ? [callChains(given)] : []),
    ...(measures.definitions ? [definitions(given)] : []),
  ];
}

/** What the options ask for on top of the level. */
function askedBy({ signatures, requireBinding, auditing, ...given }: SecurityProfileOptions): Partial<Measures> {
  const onRateFailure = typeof given.rate === 'object' ? given.rate.onFailure : undefined;
  const mode = typeof signatures === 'object' ? signatures.mode : signatures;
  return defined({
    signatures: mode,
    binding: requireBinding,
    auditOrDeny: auditing?.onFailure === undefined ? undefined : auditing.onFailure === 'deny',
    auditAhead: auditing?.writeAhead,
    events: auditing?.level,
    sessions: isAsked(given.sessions),
    rate: isAsked(given.rate),
    rateOrDeny: given.rate === undefined ? undefined : onRateFailure !== 'continue',
    callChains: isAsked(given.callChains) ?? hasCallRules(given.tools),
    definitions: isAsked(given.definitions),
  });
}

/** Without the guard, what a tool says about callers would mean nothing. */
function hasCallRules(tools: SecurityProfileOptions['tools']): true | undefined {
  const rules = ['allowedCallers', 'blockedCallers', 'allowedCallees', 'blockedCallees', 'maxCallDepth'] as const;
  const found = isTools(tools) && [...tools].some(([, policy]) => rules.some((rule) => policy[rule] !== undefined));
  return found ? true : undefined;
}

function isAsked(extra: object | true | undefined): true | undefined {
  return extra === undefined ? undefined : true;
}

function auditing({ audit, auditing: how, now }: SecurityProfileOptions, measures: Measures): Middleware {
  const where = trailOf(audit) === undefined ? { sink: audit as AuditSink } : { trail: audit as AuditTrail };
  const onFailure = measures.auditOrDeny ? 'deny' : undefined;
  const writeAhead = measures.auditAhead ? true : undefined;
  return auditLog(defined({ ...how, ...where, onFailure, writeAhead, now }));
}

function record(
  { audit, auditing: how = {}, now = systemTime }: SecurityProfileOptions,
  what: Omit<ConfigurationEvent, 'v' | 'time'>,
): void {
  const event = Object.freeze({ v: 1, time: now().toISOString(), ...what } as const);
  const trail = trailOf(audit);
  if (trail !== undefined) trail.put(event);
  else openLoneSink(audit as AuditSink, defined({ onError: how.onError, format: how.format, now }))(event);
}

const systemTime = (): Date => new Date();

function origins({ resource, allowedOrigins, allowedHosts }: SecurityProfileOptions): Middleware {
  return validateOrigin(defined({ resource, allowedOrigins, allowedHosts }));
}

function authentication(given: SecurityProfileOptions, measures: Measures): Middleware<never, 'auth'> {
  const { issuers, resource, audience, clockTolerance, mtls, revoked, exposeToken, cache, keySets, now, fetch } = given;
  const scopes = given.challengeScopes ?? (given.scopes === undefined ? given.base : undefined);
  const replay = given.stores?.replay;
  const dpop =
    replay === undefined || given.dpop?.mode === 'off' ? given.dpop : { replay, ...defined(given.dpop ?? {}) };
  const common = { issuers, resource, audience, scopes, clockTolerance, cache, keySets, now, fetch };
  const requireBinding = measures.binding ? true : undefined;
  return authenticate(defined({ ...common, dpop, requireBinding, mtls, revoked, exposeToken }));
}

function signing(given: SecurityProfileOptions, { signatures: mode }: Measures, keys: readonly TrustedKeys[]) {
  const { resource, tools, stores, now, fetch, signatures } = given;
  const more = typeof signatures === 'object' ? signatures : {};
  return verifySignature(defined({ ...more, mode, keys, resource, tools, replay: stores?.replay, now, fetch }));
}

function sessions({ stores, now, sessions: how }: SecurityProfileOptions) {
  return bindSession(defined({ ...optionsOf(how), store: stores?.sessions, now }));
}

function rate({ stores, now, tools, rate: how }: SecurityProfileOptions) {
  const options: Partial<RateLimitOptions> = optionsOf(how);
  assertDefined(Object.keys(options.tools ?? {}), tools);
  return rateLimit(defined({ ...RATE, ...options, store: stores?.rate, now }));
}

/** A budget under a name that is no tool would limit nothing. */
function assertDefined(names: readonly string[], tools: SecurityProfileOptions['tools']): void {
  const known = isTools(tools) ? [...tools].map(([name]) => name) : names;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(`securityProfile: 'rate.tools' has '${unknown}', which is not defined${suggest(unknown, known)}`);
}

function authorization(given: SecurityProfileOptions) {
  const { tools, prompts, resources, methods, base, scopes, implies, roles, clients, now } = given;
  const { scopeWildcards, fullAccess, decide } = given;
  const rules = { tools, prompts, resources, methods, base, scopes, implies, roles, clients };
  return authorizeScopes(defined({ ...rules, scopeWildcards, fullAccess, decide, now }));
}

function callChains({
  tools,
  resource,
  keyStore,
  toolServers,
  stores,
  now,
  fetch,
  callChains: how,
}: SecurityProfileOptions) {
  const identity = defined({ resource, signer: keyStore?.signer('call-chain') });
  const shared = { replay: stores?.replay, calls: stores?.rate, now, fetch };
  return callStackGuard(defined({ ...optionsOf(how), tools, identity, trust: toolServers, ...shared }));
}

function definitions({ tools, resource, keyStore, audit, now, definitions: how }: SecurityProfileOptions) {
  const onEvent = trailOf(audit) === undefined ? undefined : (audit as AuditTrail).onToolEvent;
  const signer = keyStore?.signer('definition');
  return publishTools(defined({ onEvent, ...optionsOf(how), tools, resource, signer, now }));
}

function optionsOf<Options extends object>(how: true | Options | undefined): Options | Record<string, never> {
  return how === true || how === undefined ? {} : how;
}
