import type { Decision, Denied, Detail } from '../decision.js';
import { escapeText } from '../text.js';
import { perFrozen } from './perFrozen.js';
import type { Privacy } from './privacy.js';
import type { AuditedDecision, AuditedAccess, AuditedValue } from './record.js';
import { maskSecrets } from './secrets.js';

/**
 * The members of a denial's detail that are recorded: never a secret, never anything a client sent at length.
 * `required`, `granted` and `missing` are recorded as the access of the record.
 */
const SAFE: ReadonlySet<string> = new Set(['callee', 'caller', 'claim', 'kind', 'reason', 'roles']);
const MAX_LIST = 50;
const MAX_TEXT = 128;
const NAME = /^[A-Za-z_$][\w$]{0,63}$/;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const MAX_CAUSES = 4;

/** For what is no part of a request. */
const PLAIN: Pick<Privacy, 'text'> = { text: (text, most) => escapeText(maskSecrets(text), most) };

/** One verdict as it is recorded. What the request itself carries is masked in it. */
export function auditDecision(decision: Decision, privacy: Pick<Privacy, 'text'> = PLAIN): AuditedDecision {
  const { middleware, effect } = decision;
  const ms = roundMs(decision.ms);
  if (decision.effect === 'allow') return Object.freeze({ middleware, effect, ms });
  const { status, code } = decision;
  const detail = decision.detail === undefined ? undefined : auditDetail(decision.detail, privacy);
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

/** What a denial says about the caller's rights, or else what was proven about them. */
export function auditAccess(
  decisions: readonly Decision[],
  proven: AuditedAccess | undefined,
  privacy: Pick<Privacy, 'text' | 'holdsOwn'>,
): AuditedAccess | undefined {
  const denied = decisions.find((one) => one.effect === 'deny' && Array.isArray(one.detail?.['required']));
  const { required, granted, missing } = (denied as Denied | undefined)?.detail ?? proven ?? {};
  if (!Array.isArray(required)) return undefined;
  // A policy may make what it requires of what the client sent.
  const isOwn = required.some((one) => typeof one === 'string' && privacy.holdsOwn(one));
  if (Array.isArray(granted) && missing === undefined && !isOwn) return allowedAccess(required)(granted);
  const access: { -readonly [Name in keyof AuditedAccess]: AuditedAccess[Name] } = {
    required: auditList(required, privacy),
  };
  if (Array.isArray(granted)) access.granted = auditList(granted, privacy);
  if (Array.isArray(missing)) access.missing = auditList(missing, privacy);
  return Object.freeze(access);
}

/** The list of a policy and that of a principal are the same for many requests. */
const allowedAccess = perFrozen((required: readonly unknown[]) =>
  perFrozen((granted: readonly unknown[]): AuditedAccess =>
    Object.freeze({ required: auditList(required, PLAIN), granted: auditList(granted, PLAIN) }),
  ),
);

/** Milliseconds with three decimals: a check may take less than a microsecond, noise takes the rest. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function auditDetail(detail: Detail, privacy: Pick<Privacy, 'text'>): AuditedDecision['detail'] {
  const kept = Object.entries(detail).flatMap(([name, value]) => {
    const safe = SAFE.has(name) ? auditValue(value, privacy) : undefined;
    return safe === undefined ? [] : [[name, safe] as const];
  });
  return kept.length === 0 ? undefined : Object.freeze(Object.fromEntries(kept));
}

function auditValue(value: unknown, privacy: Pick<Privacy, 'text'>): AuditedValue | undefined {
  if (typeof value === 'string') return privacy.text(value, MAX_TEXT);
  if (Array.isArray(value)) return auditList(value, privacy);
  return typeof value === 'boolean' || Number.isFinite(value) ? (value as boolean | number) : undefined;
}

function auditList(values: readonly unknown[], privacy: Pick<Privacy, 'text'>): readonly string[] {
  const texts = values.filter((value) => typeof value === 'string').slice(0, MAX_LIST);
  return Object.freeze(texts.map((value) => privacy.text(value, MAX_TEXT)));
}

/** The name of an error and the first code along its causes: a failed `fetch` has its reason one level down. */
export function auditError(cause: unknown): NonNullable<AuditedDecision['error']> {
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
