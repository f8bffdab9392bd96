import type { Auth } from '../../middleware/authenticate.js';
import type { AuthInfo } from '../middleware.js';
import { actorsOf } from './actors.js';
import type { VerifiedToken } from './verifier.js';

/** Who calls, as a verified token says. Without a token it is redacted. */
export function toAuth(verified: VerifiedToken, resource: string, token: string | undefined): Auth {
  const { issuer, subject, clientId, scopes, roles, expiresAt, claims, bindings } = verified;
  const auth = { issuer, subject, clientId, scopes, roles, resource, expiresAt, token: token ?? '', claims };
  const actors = actorsOf(claims);
  return Object.freeze({
    ...auth,
    ...(actors.length === 0 ? {} : { actors }),
    ...(bindings.length === 0 ? {} : { bindings }),
    ...(token === undefined ? { redacted: true as const } : {}),
  });
}

/** Whether a token was accepted for the last time. */
export function hasEnded({ expiresAt }: Auth, tolerance: number, now: Date): boolean {
  return now.getTime() >= (expiresAt + tolerance) * 1000;
}

/** A token that is accepted after its end, within the tolerance, ends with that: its stream is not cut off at once. */
export function endOf({ expiresAt }: Auth, tolerance: number, now: Date): Date {
  const end = new Date(expiresAt * 1000);
  return now < end ? end : new Date((expiresAt + tolerance) * 1000);
}

/** A new object for each request, so that a handler which changes it changes nobody else's. */
export function toAuthInfo({ token, clientId, scopes, expiresAt, resource, issuer, subject, roles }: Auth): AuthInfo {
  return {
    token,
    clientId,
    scopes: [...scopes],
    expiresAt,
    resource: new URL(resource),
    extra: { iss: issuer, sub: subject, roles: [...roles] },
  };
}
