import { safeCopy } from '../audit/content.js';
import type { AuditedContent } from '../audit/record.js';
import { areInMemory } from '../stores/memoryStores.js';
import type { Measures, SecurityLevel } from './levels.js';

/** What was given, as far as it is recorded. */
export interface Configured {
  readonly level: SecurityLevel;
  readonly resource: string;
  readonly issuers: readonly { readonly issuer: string }[];
  readonly allowedOrigins?: readonly string[];
  readonly dpop?: { readonly mode?: string };
  readonly mtls?: object;
  readonly revoked?: unknown;
  readonly exposeToken?: boolean;
  readonly scopeWildcards?: boolean;
  readonly fullAccess?: boolean;
  readonly decide?: unknown;
  readonly stores?: object;
}

/**
 * What is in force, for the audit log: names, URLs and switches. Keys, secrets and functions are not taken up, whatever
 * they are called: of what holds them only whether it was given.
 */
export function settingsOf(given: Configured, measures: Measures, middlewares: readonly string[]): AuditedContent {
  const { level, resource, issuers, allowedOrigins = [], dpop } = given;
  const { signatures: signed, binding, rateOrDeny, events, auditOrDeny, auditAhead } = measures;
  const settings = {
    level,
    resource,
    middlewares,
    issuers: issuers.map(({ issuer }) => issuer),
    allowedOrigins,
    // Not under their own names, which are those of secrets.
    signed,
    proofs: dpop?.mode ?? 'accept',
    binding,
    certificates: given.mtls !== undefined,
    revocation: given.revoked !== undefined,
    exposeToken: given.exposeToken ?? true,
    scopeWildcards: given.scopeWildcards ?? false,
    fullAccess: given.fullAccess ?? false,
    policyEngine: given.decide !== undefined,
    stores: storesOf(given.stores),
    rateOrDeny,
    events,
    auditOrDeny,
    auditAhead,
  };
  return Object.freeze({ value: safeCopy(settings) });
}

/** Where what several processes would have to know in common is kept. */
function storesOf(stores: object | undefined): 'own' | 'memory' | 'shared' {
  if (stores === undefined) return 'own';
  return areInMemory(stores) ? 'memory' : 'shared';
}
