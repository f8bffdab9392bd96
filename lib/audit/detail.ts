import type { Decision, Detail } from '../decision.js';
import { escapeText } from '../text.js';
import type { AuditedDecision, AuditedScopes, AuditedValue } from './record.js';

/**
 * The members of a denial's detail that are recorded: never a secret, never anything a client sent at length.
 * `required`, `granted` and `missing` are recorded as scopes.
 */
const SAFE: ReadonlySet<string> = new Set(['claim', 'issuer', 'kind', 'limit', 'permissions', 'reason', 'roles']);
const MAX_LIST = 50;
const MAX_TEXT = 128;
const NAME = /^[A-Za-z_$][\w$]{0,63}$/;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const MAX_CAUSES = 4;

/** One verdict as it is recorded. */
export function auditDecision(decision: Decision): AuditedDecision {
  const { middleware, effect } = decision;
  const ms = roundMs(decision.ms);
  if (decision.effect === 'allow') return Object.freeze({ middleware, effect, ms });
  const { status, code } = decision;
  const detail = decision.detail === undefined ? undefined : auditDetail(decision.detail);
  const error = decision.cause === undefined ? undefined : auditError(decision.cause);
  return Object.freeze({
    middleware,
    effect,
    ms,
    status,
    code: escapeText(code, MAX_TEXT),
    ...(detail === undefined ? {} : { detail }),
    ...(error === undefined ? {} : { error }),
  });
}

/** The scopes that a denial names. What it does not say about the granted ones, the caller's token does. */
export function auditScopes(decisions: readonly Decision[], granted?: readonly string[]): AuditedScopes | undefined {
  for (const decision of decisions) {
    if (decision.effect === 'allow') continue;
    const { required, missing, granted: told = granted } = decision.detail ?? {};
    if (!Array.isArray(required) && !Array.isArray(missing)) continue;
    return Object.freeze({ ...named('required', required), ...named('granted', told), ...named('missing', missing) });
  }
  return undefined;
}

/** Milliseconds with three decimals: a check may take less than a microsecond, noise takes the rest. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function named(name: keyof AuditedScopes, value: unknown): AuditedScopes {
  return Array.isArray(value) ? { [name]: auditList(value) } : {};
}

function auditDetail(detail: Detail): AuditedDecision['detail'] {
  const kept = Object.entries(detail).flatMap(([name, value]) => {
    const safe = SAFE.has(name) ? auditValue(value) : undefined;
    return safe === undefined ? [] : [[name, safe] as const];
  });
  return kept.length === 0 ? undefined : Object.freeze(Object.fromEntries(kept));
}

function auditValue(value: unknown): AuditedValue | undefined {
  return Array.isArray(value) ? auditList(value) : auditScalar(value);
}

function auditList(values: readonly unknown[]): readonly (string | number | boolean)[] {
  return Object.freeze(values.slice(0, MAX_LIST).flatMap((value) => auditScalar(value) ?? []));
}

function auditScalar(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'string') return escapeText(value, MAX_TEXT);
  return typeof value === 'boolean' || Number.isFinite(value) ? (value as boolean | number) : undefined;
}

/** The name of an error and the first code along its causes: a failed `fetch` has its reason one level down. */
function auditError(cause: unknown): AuditedDecision['error'] {
  const { name } = membersOf(cause);
  const code = codeOf(cause, MAX_CAUSES);
  return Object.freeze({ name: matches(name, NAME) ? name : 'unknown', ...(code === undefined ? {} : { code }) });
}

function codeOf(error: unknown, depth: number): string | undefined {
  if (depth === 0) return undefined;
  const { code, cause } = membersOf(error);
  return matches(code, CODE) ? code : codeOf(cause, depth - 1);
}

function membersOf(error: unknown): { readonly name?: unknown; readonly code?: unknown; readonly cause?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}

function matches(value: unknown, form: RegExp): value is string {
  return typeof value === 'string' && form.test(value);
}
