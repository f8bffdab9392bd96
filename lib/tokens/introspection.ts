import { Unavailable } from '../denial.js';
import { fetchJson } from '../fetch.js';
import { parseStrictJson } from '../json/strict.js';
import { deepFreeze } from '../json/freeze.js';
import { orUnavailable } from '../outage.js';
import { isObject } from '../rpc.js';
import { TokenCache } from './cache.js';
import { readClaims } from './claims.js';
import { tokenDigest } from './digest.js';
import { clientRequest } from './clientRequest.js';
import { TokenFault } from './fault.js';
import type { IntrospectionSource, Issuer } from './issuer.js';
import { MAX_TOKEN_LENGTH, member, type Members } from './jwt.js';
import { serverEndpoint } from './serverEndpoint.js';
import type { TokenVerifier, VerifiedToken, VerifierOptions } from './verifier.js';

/** An issuer that is asked about its tokens. */
export type AskedIssuer = Issuer & { readonly keys: { readonly introspection: IntrospectionSource } };

const OUTAGE = 'The authorization server is not available';
/** How many denied tokens are remembered; the oldest makes room for a new one. */
const MAX_DENIED = 10_000;
const TOKEN_TYPES: readonly unknown[] = [undefined, 'bearer', 'dpop'];

/** Whether an issuer is asked about its tokens. */
export function isAsked(issuer: Issuer): issuer is AskedIssuer {
  return 'introspection' in issuer.keys;
}

/**
 * Verifies tokens by asking their issuer (RFC 7662), once for all who wait. What it answers is checked here all the same:
 * audience, lifetime, and what the token is bound to. A denied token is not asked about again for a moment.
 *
 * It throws `TokenFault` for a bad token and `Unavailable` when the issuer cannot be asked.
 */
export function introspector(issuer: AskedIssuer, options: VerifierOptions): TokenVerifier {
  const { now } = options;
  const source = issuer.keys.introspection;
  const ask = asker(issuer, options);
  const denied = new TokenCache<TokenFault>({ max: MAX_DENIED, milliseconds: source.negativeMaxAge * 1000, now });
  const pending = new Map<string, Promise<VerifiedToken>>();

  const verify = async (token: string): Promise<VerifiedToken> => {
    try {
      return readAnswer(await ask(token), issuer, options);
    } catch (error) {
      if (error instanceof TokenFault) denied.set(token, error, { from: -Infinity, until: Infinity });
      throw error;
    }
  };

  return async (token) => {
    if (token.length > MAX_TOKEN_LENGTH) throw new TokenFault('size');
    const fault = denied.get(token);
    if (fault !== undefined) throw fault;
    const key = tokenDigest(token);
    const known = pending.get(key);
    if (known !== undefined) return known;
    // Tokens that nobody knows cost this server a request each, and the other one as well.
    if (pending.size >= source.maxPending) throw new Unavailable(OUTAGE);
    const flight = verify(token).finally(() => pending.delete(key));
    pending.set(key, flight);
    return flight;
  };
}

type Ask = (token: string) => Promise<Members>;

/** An answer that says no more than that something is wrong on this side is an outage: the caller did nothing wrong. */
function asker(
  { issuer, keys: { introspection: source } }: AskedIssuer,
  { network, keySets, now }: VerifierOptions,
): Ask {
  const about = { network, keySets, now, outage: OUTAGE };
  const endpoint = serverEndpoint(issuer, source.endpoint, 'introspection_endpoint', about);
  const ask: Ask = async (token) => {
    const question = { token, token_type_hint: 'access_token' };
    const post = await clientRequest(question, issuer, source, now());
    const signal = AbortSignal.timeout(source.timeout * 1000);
    const answer = await fetchJson(await endpoint(), { fetch: network.fetch, signal, post, parse: parseStrictJson });
    if (!isObject(answer) || typeof answer['active'] !== 'boolean')
      throw new TypeError('not an introspection response');
    return deepFreeze(answer);
  };
  return (token) => orUnavailable(OUTAGE, () => ask(token));
}

function readAnswer(answer: Members, issuer: AskedIssuer, options: VerifierOptions): VerifiedToken {
  const now = options.now();
  if (answer['active'] !== true) throw new TokenFault('inactive');
  const iss = member(answer, 'iss');
  if (iss !== undefined && iss !== issuer.issuer) throw new TokenFault('issuer');
  const type = typeOf(answer);
  if (!TOKEN_TYPES.includes(type) || !issuer.isAccessToken(answer)) throw new TokenFault('type');
  const proven = readClaims(withSubject(answer, issuer), issuer, options, now);
  if (type === 'dpop' && !proven.bindings.some(({ method }) => method === 'dpop')) throw new TokenFault('bound');
  const { maxAge } = issuer.keys.introspection;
  const rememberUntil = Math.min(proven.expiresAt * 1000, now.getTime() + maxAge * 1000);
  return { ...proven, issuer: issuer.issuer, claims: answer, rememberUntil };
}

/** A refresh token can be active too, and is none that may be presented here. */
function typeOf(answer: Members): unknown {
  const type = member(answer, 'token_type');
  return typeof type === 'string' ? type.toLowerCase() : type;
}

/** A token that no user stands behind has the client for its subject (RFC 9068 section 2.2); RFC 7662 lets it be left out. */
function withSubject(answer: Members, { clientIdClaims }: Issuer): Members {
  if (member(answer, 'sub') !== undefined) return answer;
  const name = clientIdClaims.find((one) => member(answer, one) !== undefined);
  return name === undefined ? answer : { ...answer, sub: answer[name] };
}
