import { Denial, Unavailable } from '../denial.js';
import { FetchFailure } from '../fetch.js';
import { isObject } from '../rpc.js';
import { isToken68 } from './credentials.js';
import { MAX_TOKEN_LENGTH, member, type Members } from './jwt.js';

declare module '../denial.js' {
  interface DenialCodes {
    exchange_denied: 403;
  }
}

/** A token for another server, in exchange for one that came here. */
export interface ExchangedToken {
  /** To be sent as a bearer token, to its resource alone. */
  readonly token: string;
  /** The public URL of the server that it is for. */
  readonly resource: string;
  /** What it was granted. May be less than was asked for. */
  readonly scopes: readonly string[];
  /** Seconds since the epoch. Left out where the authorization server does not say. */
  readonly expiresAt?: number;
}

/** What was asked for. */
export interface AskedToken {
  readonly resource: string;
  readonly scopes: readonly string[] | undefined;
  /** Scopes that may come along although nobody asked. */
  readonly extraScopes: readonly string[];
  /** The URN that `issued_token_type` must be. */
  readonly tokenType: string;
  readonly subjectToken: string;
}

/** Answers that are about the tokens and what is asked for, not about the client that asks (RFC 8693 section 2.2.2). */
const REASONS: readonly unknown[] = [
  'invalid_request',
  'invalid_grant',
  'invalid_target',
  'invalid_scope',
  'access_denied',
  'interaction_required',
  'login_required',
  'consent_required',
];
const OUTAGE = 'The authorization server is not available';

/** The statuses with which token endpoints say why there is no token. */
export const EXPLAINED: readonly number[] = [400, 401, 403];

/**
 * Reads a successful answer of a token endpoint (RFC 8693 section 2.2.1).
 * @throws {TypeError} when it is not what was asked for
 */
export function readExchanged(answer: unknown, asked: AskedToken, now: Date): ExchangedToken {
  if (!isObject(answer)) throw new TypeError('not a token response');
  const token = member(answer, 'access_token');
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH || !isToken68(token)) {
    throw new TypeError('a token response without a usable access_token');
  }
  // With it, the other server could act here.
  if (token === asked.subjectToken) throw new TypeError('the token was not exchanged');
  if (member(answer, 'issued_token_type') !== asked.tokenType)
    throw new TypeError('issued_token_type was not asked for');
  const type = member(answer, 'token_type');
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') throw new TypeError('token_type is not Bearer');
  const expiresAt = readEnd(answer, now);
  return Object.freeze({
    token,
    resource: asked.resource,
    scopes: Object.freeze(readScopes(answer, asked)),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}

function readEnd(answer: Members, now: Date): number | undefined {
  const seconds = member(answer, 'expires_in');
  if (seconds === undefined) return undefined;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= 1e9)) throw new TypeError('expires_in is no lifetime');
  return Math.floor(now.getTime() / 1000 + seconds);
}

/** Left out, the scope is what was asked for (RFC 6749 section 5.1). */
function readScopes(answer: Members, { scopes: asked, extraScopes }: AskedToken): string[] {
  const scope = member(answer, 'scope') ?? asked?.join(' ') ?? '';
  if (typeof scope !== 'string') throw new TypeError('scope is no text');
  const granted = [...new Set(scope.split(' '))].filter((one) => one !== '');
  const isAsked = (one: string): boolean => asked === undefined || asked.includes(one) || extraScopes.includes(one);
  if (!granted.every(isAsked)) throw new TypeError('the token may do more than was asked for');
  return granted;
}

/** What a failed exchange is thrown as: the fault of the request, or of neither the caller nor its token. */
export function failureOf(cause: unknown): Denial | Unavailable {
  if (cause instanceof Denial || cause instanceof Unavailable) return cause;
  if (!(cause instanceof FetchFailure) || !isObject(cause.document)) return new Unavailable(OUTAGE, { cause });
  const reason = member(cause.document, 'error');
  if (typeof reason !== 'string' || !REASONS.includes(reason)) {
    return new Unavailable(OUTAGE, { cause: withoutDocument(cause, reason) });
  }
  const text = 'The authorization server gives no token for this call';
  return new Denial(403, 'exchange_denied', text, { policy: true, detail: { reason } });
}

/** What else a server says may quote the token that it got. */
function withoutDocument({ status }: FetchFailure, reason: unknown): FetchFailure {
  const said = typeof reason === 'string' && /^\w{1,64}$/.test(reason) ? reason : 'an unknown error';
  return new FetchFailure(`answered ${said}`, status === undefined ? {} : { status });
}
