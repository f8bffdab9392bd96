import { Denial } from '../denial.js';
import type { Auth } from '../tokens/auth.js';
import { member } from '../tokens/jwt.js';
import type { Caller } from './caller.js';
import { deny, type Case } from './judge.js';
import type { AccessPolicy } from './policies.js';

declare module '../denial.js' {
  interface DenialCodes {
    authentication_insufficient: 401;
    authentication_impossible: 403;
  }
}

/** How the user must have signed in (RFC 9470 section 3). At least one of the two is there. */
export interface SignIn {
  /** Each of these would do, the preferred one first. */
  readonly acr: readonly string[] | undefined;
  /** Seconds since then. */
  readonly maxAge: number | undefined;
}

/** How far ahead the clock of the authorization server may be, in seconds. */
const SKEW = 60;

/**
 * How the user must have signed in for everything that a request uses: batches are one request, under one token.
 * @throws {Denial} 403 `authentication_impossible` when no sign-in could do for all of it
 */
export function signInOf(cases: readonly Case[]): SignIn | undefined {
  const policies = cases.flatMap(({ rules }) => rules.filter(({ policy }) => asksForSignIn(policy)));
  if (policies.length === 0) return undefined;
  const lists = policies.flatMap(({ policy: { acr } }) => (acr === undefined ? [] : [acr]));
  const ages = policies.flatMap(({ policy: { maxAge } }) => maxAge ?? []);
  const [first, ...others] = lists;
  const acr = first?.filter((one) => others.every((list) => list.includes(one)));
  if (acr?.length === 0) throw impossible('conflict');
  return { acr, maxAge: ages.length === 0 ? undefined : Math.min(...ages) };
}

/** Whether it can depend on the sign-in, or on the time, who may use something. */
export function asksForSignIn({ acr, maxAge }: AccessPolicy): boolean {
  return acr !== undefined || maxAge !== undefined;
}

/**
 * Requires that the user signed in like that, as the claims `acr` and `auth_time` say. A client cannot make up for it by
 * another call, so it is told by a challenge, which only a token can answer.
 * @throws {Denial} 401 `authentication_insufficient`; 403 `authentication_impossible` to who calls without a token
 */
export function assertSignedIn(
  needed: SignIn,
  { auth, hasToken }: Caller,
  now: Date,
  challenge: (auth: Auth) => string,
): void {
  if (auth === undefined || !hasToken) throw impossible('token');
  const reason = problemOf(needed, auth, now.getTime() / 1000);
  if (reason === undefined) return;
  throw new Denial(401, 'authentication_insufficient', 'This needs another sign-in of the user', {
    headers: { 'WWW-Authenticate': challenge(auth) },
    detail: { reason, ...needed },
  });
}

function problemOf({ acr, maxAge }: SignIn, { claims }: Auth, seconds: number): 'acr' | 'auth_time' | undefined {
  const context = member(claims, 'acr');
  if (acr !== undefined && !acr.some((one) => one === context)) return 'acr';
  if (maxAge === undefined) return undefined;
  const time = member(claims, 'auth_time');
  const age = typeof time === 'number' ? seconds - time : NaN;
  return age <= maxAge && age >= -SKEW ? undefined : 'auth_time';
}

function impossible(reason: string): Denial {
  return deny('authentication_impossible', 'No sign-in of the user would be enough for this', undefined, { reason });
}
