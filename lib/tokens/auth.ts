import type { AuthInfo } from '../middleware.js';
import { actorsOf, type Actor } from './actors.js';
import type { Binding } from './binding.js';
import type { VerifiedToken } from './verifier.js';

/** Who is calling, as proven by an access token. Frozen, and shared between requests that carry the same token. */
export interface Auth {
  /** The authorization server that vouches for the caller: the exact `iss` of the token. */
  readonly issuer: string;
  readonly subject: string;
  /** The OAuth client. For client credentials it may equal `subject`: a client is never a user (RFC 9700 section 4.15). */
  readonly clientId: string;
  /** What the token was granted, whatever claim its issuer puts it in. */
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** The resource the token was issued for, in canonical form. */
  readonly resource: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** Empty for a caller without a token, and where `exposeToken` is false. */
  readonly token: string;
  /** Whether the token was left out on purpose. */
  readonly redacted?: true;
  /** Every claim of the token, frozen. */
  readonly claims: Readonly<Record<string, unknown>>;
  /**
   * Who acts for the subject, as the token says (RFC 8693 section 4.1): the current actor first, then those before it,
   * who are for information alone. Nothing is decided from it here. Absent where the token names nobody.
   */
  readonly actors?: readonly Actor[];
  /** The key and certificate that the token is bound to, and that this request proved to hold. Absent for a bearer token. */
  readonly bindings?: readonly Binding[];
  /** How tokens were taken where a bound one was. A later check asks for another one in the same way. */
  readonly schemes?: AcceptedSchemes;
}

/** The schemes of access tokens at a resource, for a challenge (RFC 9449 section 7.1). */
export interface AcceptedSchemes {
  /** Whether a token that is bound to nothing is taken too. */
  readonly bearer: boolean;
  /** What proofs may be signed with. */
  readonly algorithms: readonly string[];
}

/** Who calls, as a verified token says. Without a token it is redacted. */
export function toAuth(
  verified: VerifiedToken,
  resource: string,
  token: string | undefined,
  schemes: AcceptedSchemes,
): Auth {
  const { issuer, subject, clientId, scopes, roles, expiresAt, claims, bindings } = verified;
  const auth = { issuer, subject, clientId, scopes, roles, resource, expiresAt, token: token ?? '', claims };
  const actors = actorsOf(claims);
  return Object.freeze({
    ...auth,
    ...(actors.length === 0 ? {} : { actors }),
    ...(bindings.length === 0 ? {} : { bindings, schemes }),
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
