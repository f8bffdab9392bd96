import type { Check } from '../options.js';

/** The characters of a scope token (RFC 6749 section 3.3): it can stand in a list, and in a quoted string. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Whether a value is one OAuth scope. */
export function isScope(value: unknown): value is string {
  return typeof value === 'string' && SCOPE.test(value);
}

export const scope: Check = (value) => (isScope(value) ? undefined : 'must be a scope (RFC 6749 section 3.3)');
