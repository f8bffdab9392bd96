import type { AuditSink } from '../../lib/audit/sink.js';
import { trailOf, type AuditTrail } from '../../lib/audit/trail.js';
import type { TrustedKeys } from '../../lib/keys/trust.js';
import type { AnyMiddleware, Middleware } from '../../lib/middleware.js';
import { suggest } from '../../lib/options.js';
import { defined } from '../../lib/profile/defined.js';
import type { Measures } from '../../lib/profile/levels.js';
import { isTools } from '../../lib/tools/defineTools.js';
import { auditLog } from '../auditLog.js';
import { authenticate } from '../authenticate.js';
import { authorizeScopes } from '../authorizeScopes.js';
import { bindSession } from '../bindSession.js';
import { callStackGuard } from '../callStackGuard.js';
import { publishTools } from '../publishTools.js';
import { rateLimit, type RateLimitOptions } from '../rateLimit.js';
import { validateOrigin } from '../validateOrigin.js';
import { verifySignature } from '../verifySignature.js';
import type { SecurityProfileOptions } from './options.js';

/** The checks of a level, in their order: spread it into `toExpress` or `toKoa`. */
export type SecurityProfile = readonly [Middleware, Middleware, Middleware<never, 'auth'>, ...AnyMiddleware[]];

const RATE = { limit: 100, windowMs: 60_000 };

/** Makes each check of its share of the options, and puts them into their order. */
export function checksOf(given: SecurityProfileOptions, measures: Measures): SecurityProfile {
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

function auditing({ audit, auditing: how, now }: SecurityProfileOptions, measures: Measures): Middleware {
  const where = trailOf(audit) === undefined ? { sink: audit as AuditSink } : { trail: audit as AuditTrail };
  const onFailure = measures.auditOrDeny ? 'deny' : undefined;
  const writeAhead = measures.auditAhead ? true : undefined;
  return auditLog(defined({ ...how, ...where, onFailure, writeAhead, now }));
}

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
