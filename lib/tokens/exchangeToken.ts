import { hash } from 'node:crypto';
import { Unavailable } from '../denial.js';
import { fetchJson } from '../fetch.js';
import { parseStrictJson } from '../json/strict.js';
import { callback, integer, listOf, oneOf, optional, readOptions, text, type Check } from '../options.js';
import { discoveryUrls, issuerUrl } from '../providers/oidc.js';
import { secureUrl } from '../url.js';
import { TokenCache } from './cache.js';
import { CLIENT_CHECKS, clientRequest, readCredential, type OAuthClientOptions } from './clientRequest.js';
import { EXPLAINED, failureOf, readExchanged, type ExchangedToken } from './exchangeAnswer.js';
import { readKeySetOptions } from './keySet.js';
import { resolveHost } from './publicHost.js';
import { scope } from './scope.js';
import { serverEndpoint } from './serverEndpoint.js';

/** Kinds of tokens (RFC 8693 section 3): any access token, or one that is a JWT. */
export type ExchangeableType = 'access_token' | 'jwt';

/** Options of `exchangeToken`. */
export interface ExchangeTokenOptions extends OAuthClientOptions {
  /** The authorization server: an https URL, or an http one on loopback. */
  readonly issuer: string;
  /** Its token endpoint, the only place that tokens are sent to. Default: what its metadata says. */
  readonly endpoint?: string;
  /** What is asked for, and must be issued. Default: `access_token`. */
  readonly requestedTokenType?: ExchangeableType;
  /** Scopes that may come along without being asked for, as those that a server always adds. Default: none. */
  readonly extraScopes?: readonly string[];
  /** How long a token is used again, in seconds up to 3600, never up to its end. Default: 300. 0: not at all. */
  readonly maxAge?: number;
  /** How long before its end a token is used no longer, in seconds up to 600. Default: 30. */
  readonly margin?: number;
  /** How many tokens are remembered. Default: 10000. */
  readonly max?: number;
  /** How many exchanges may be under way at the same time; others are unavailable. Default: 100. */
  readonly maxPending?: number;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** How the authorization server is reached. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
}

/** Which token is exchanged, and for what. */
export interface TokenToExchange {
  /** The token of whoever calls: `contextOf(source, 'auth').state.auth.token`. */
  readonly subjectToken: string;
  /** Default: `access_token`. */
  readonly subjectTokenType?: ExchangeableType;
  /** The public URL of the server that the new token is for (RFC 8707). */
  readonly resource: string;
  /** Its name at the authorization server, where that knows no URLs. Sent beside `resource`. Default: none. */
  readonly audience?: string;
  /** All that the new token may do. Default: what the authorization server thinks right. */
  readonly scopes?: readonly string[];
  /** Who acts for the subject, where that is not the client alone. Default: none. */
  readonly actorToken?: string;
  /** Default: `access_token`. */
  readonly actorTokenType?: ExchangeableType;
}

/**
 * Obtains a token for another server.
 * @throws {Denial} 403 `exchange_denied` when the authorization server gives none for these tokens and this resource
 * @throws {Unavailable} when it is out of reach, does not accept this client, or answers something else than asked for
 * @throws {TypeError} when a member is not what it must be
 */
export type TokenExchange = (wanted: TokenToExchange) => Promise<ExchangedToken>;

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const OUTAGE = 'The authorization server is not available';
const tokenType: Check = oneOf('access_token', 'jwt');

/**
 * Prepares the exchange of the tokens that come to this server for tokens of other servers (RFC 8693): for one of them,
 * with no more scopes than asked for. The token that came is sent to the token endpoint and nowhere else.
 *
 * Tokens are remembered in memory, each for one subject token, resource and list of scopes; all who wait share one
 * exchange.
 * @throws {TypeError} when an option is unknown or not valid
 */
export function exchangeToken(options: ExchangeTokenOptions): TokenExchange {
  const given = readExchangeOptions(options);
  const { maxAge = 300, max = 10_000, maxPending = 100, margin = 30, now = () => new Date() } = given;
  const known = new TokenCache<ExchangedToken>({ max, milliseconds: maxAge * 1000, now });
  const pending = new Map<string, Promise<ExchangedToken>>();
  const exchange = exchanger(given, now);

  const renew = async (wanted: TokenToExchange, key: string): Promise<ExchangedToken> => {
    const exchanged = await exchange(wanted);
    const { expiresAt } = exchanged;
    if (maxAge > 0 && expiresAt !== undefined) {
      known.set(key, exchanged, { from: -Infinity, until: (expiresAt - margin) * 1000 });
    }
    return exchanged;
  };

  return async (request) => {
    const wanted = readWanted(request);
    const key = keyOf(wanted);
    const remembered = known.get(key) ?? pending.get(key);
    if (remembered !== undefined) return remembered;
    if (pending.size >= maxPending) throw new Unavailable(OUTAGE);
    const flight = renew(wanted, key).finally(() => pending.delete(key));
    pending.set(key, flight);
    return flight;
  };
}

/** Asks the authorization server, once for each call. */
function exchanger(options: ExchangeTokenOptions, now: () => Date): TokenExchange {
  const { issuer, clientId, timeout = 5, extraScopes = [], requestedTokenType = 'access_token' } = options;
  const client = { clientId, credential: readCredential('exchangeToken', options) };
  const network = options.fetch === undefined ? { fetch, resolve: resolveHost } : { fetch: options.fetch };
  const keySets = readKeySetOptions('exchangeToken', { timeout });
  const about = { network, keySets, now, outage: OUTAGE };
  const endpoint = serverEndpoint(issuer, options.endpoint ?? discoveryUrls(issuer), 'token_endpoint', about);
  return async (wanted) => {
    const { subjectToken, resource, scopes } = wanted;
    const asked = { subjectToken, resource, scopes, extraScopes, tokenType: urn(requestedTokenType) };
    try {
      const url = await endpoint();
      const post = await clientRequest(fieldsOf(wanted, requestedTokenType), issuer, client, now());
      const http = { fetch: network.fetch, signal: AbortSignal.timeout(timeout * 1000), post };
      const answer = await fetchJson(url, { ...http, parse: parseStrictJson, explained: EXPLAINED });
      return readExchanged(answer, asked, now());
    } catch (error) {
      throw failureOf(error);
    }
  };
}

function fieldsOf(wanted: TokenToExchange, requested: ExchangeableType): Readonly<Record<string, string>> {
  const { subjectToken, subjectTokenType = 'access_token', resource, audience, scopes, actorToken } = wanted;
  const { actorTokenType = 'access_token' } = wanted;
  return {
    grant_type: GRANT,
    subject_token: subjectToken,
    subject_token_type: urn(subjectTokenType),
    requested_token_type: urn(requested),
    resource,
    ...(audience === undefined ? {} : { audience }),
    ...(scopes === undefined ? {} : { scope: scopes.join(' ') }),
    ...(actorToken === undefined ? {} : { actor_token: actorToken, actor_token_type: urn(actorTokenType) }),
  };
}

function urn(type: ExchangeableType): string {
  return `urn:ietf:params:oauth:token-type:${type}`;
}

/** Tokens are kept as digests alone. */
function keyOf(wanted: TokenToExchange): string {
  const { subjectToken, subjectTokenType, resource, audience, scopes, actorToken, actorTokenType } = wanted;
  const order = scopes && [...new Set(scopes)].sort();
  const about = [subjectToken, subjectTokenType, resource, audience, order, actorToken, actorTokenType];
  // `null` keeps the place of what was left out, so that no two requests share a key.
  return hash('sha256', JSON.stringify(about.map((one) => one ?? null)), 'base64');
}

function readWanted(wanted: TokenToExchange): TokenToExchange {
  return readOptions<TokenToExchange>('exchangeToken', wanted, {
    subjectToken: (value) =>
      value === '' ? "is empty: no token came, or authenticate has 'exposeToken: false'" : text(value),
    subjectTokenType: optional(tokenType),
    resource: secureUrl,
    audience: optional(text),
    scopes: optional(listOf(scope, { least: 1 })),
    actorToken: optional(text),
    actorTokenType: optional(tokenType),
  });
}

function readExchangeOptions(options: ExchangeTokenOptions): ExchangeTokenOptions {
  return readOptions<ExchangeTokenOptions>('exchangeToken', options, {
    issuer: issuerUrl,
    endpoint: optional(secureUrl),
    ...CLIENT_CHECKS,
    requestedTokenType: optional(tokenType),
    extraScopes: optional(listOf(scope)),
    maxAge: optional(integer(0, 3600)),
    margin: optional(integer(0, 600)),
    max: optional(integer(1, 1_000_000)),
    maxPending: optional(integer(1)),
    now: optional(callback),
    fetch: optional(callback),
  });
}
