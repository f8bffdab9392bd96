import { inTime } from '../inTime.js';
import type { Check } from '../options.js';
import { orUnavailable } from '../outage.js';
import { isPromise } from '../promise.js';
import type { RevocationStore, TokenFacts } from '../stores/revocations.js';
import type { Auth } from './auth.js';
import { tokenDigest } from './digest.js';
import { TokenFault } from './fault.js';
import { member } from './jwt.js';

/** Whether a token was revoked. Exactly `false` lets it pass. */
export type IsRevoked = (token: TokenFacts) => boolean | Promise<boolean>;

/** How long an answer is waited for. */
const TIMEOUT_MS = 2000;
/** What a check says about its failure is for the operator alone. */
const OUTAGE = 'Whether the token was revoked cannot be known';

export const revocations: Check = (value) =>
  typeof value === 'function' || typeof (value as Partial<RevocationStore> | null)?.isRevoked === 'function'
    ? undefined
    : 'must be a function, or a store such as memoryRevocations()';

/**
 * Requires that a token was not revoked, of every request: it may have been since it was verified.
 *
 * @throws {TokenFault} `revoked`
 * @throws {Unavailable} when that cannot be known, or not in time
 * @throws {TypeError} for an answer that is neither true nor false
 */
export type NotRevoked = (auth: Auth, token: string) => Promise<void>;

/** Prepares the check. */
export function notRevoked(given: IsRevoked | RevocationStore): NotRevoked {
  const ask: IsRevoked = typeof given === 'function' ? given : (token) => given.isRevoked(token);
  return async (auth, token) => {
    const answer = await orUnavailable(OUTAGE, () => answerOf(ask, factsOf(auth, token)));
    if (typeof answer !== 'boolean')
      throw new TypeError("authenticate: 'revoked' must return, or resolve to, true or false");
    if (answer) throw new TokenFault('revoked');
  };
}

function answerOf(ask: IsRevoked, facts: TokenFacts): unknown {
  const answer: unknown = ask(facts);
  return isPromise(answer) ? inTime(answer, TIMEOUT_MS) : answer;
}

function factsOf({ issuer, subject, clientId, expiresAt, claims }: Auth, token: string): TokenFacts {
  const [tokenId, issuedAt] = [member(claims, 'jti'), member(claims, 'iat')];
  return {
    issuer,
    subject,
    clientId,
    tokenId: typeof tokenId === 'string' ? tokenId : undefined,
    issuedAt: typeof issuedAt === 'number' ? issuedAt : undefined,
    expiresAt,
    digest: tokenDigest(token),
    claims,
  };
}
