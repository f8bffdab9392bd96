import type { RequestContext } from '../lib/context.js';
import { nonceHooks } from '../lib/dpop/nonces.js';
import { readDPoPOptions, type DPoPOptions } from '../lib/dpop/options.js';
import { openDPoP } from '../lib/dpop/possession.js';
import type { Middleware } from '../lib/middleware.js';
import { openMtls, type MtlsOptions } from '../lib/mtls/mtls.js';
import { callback, flag, integer, listOf, object, optional, readOptions, text, type Check } from '../lib/options.js';
import type { RevocationStore } from '../lib/stores/revocations.js';
import { endOf, hasEnded, toAuth, toAuthInfo, type Auth } from '../lib/tokens/auth.js';
import { possession, type Requirement } from '../lib/tokens/binding.js';
import { anyVerifier } from '../lib/tokens/anyVerifier.js';
import { openTokenCache, type TokenCacheOptions } from '../lib/tokens/cacheOptions.js';
import { credentialReader, type Presented, type Scheme } from '../lib/tokens/credentials.js';
import { tokenDenials } from '../lib/tokens/denials.js';
import { TokenFault } from '../lib/tokens/fault.js';
import { isAsked } from '../lib/tokens/introspection.js';
import { isIssuer, type Issuer } from '../lib/tokens/issuer.js';
import { readKeySetOptions, type KeySetOptions } from '../lib/tokens/keySet.js';
import { resolveHost } from '../lib/tokens/publicHost.js';
import { notRevoked, revocations, type IsRevoked } from '../lib/tokens/revocation.js';
import { scope } from '../lib/tokens/scope.js';
import { canonicalResource, secureUrl } from '../lib/url.js';

declare module '../lib/context.js' {
  interface State {
    auth: Auth;
  }
}

/** Options of `authenticate`. */
export interface AuthenticateOptions {
  /**
   * The authorization servers whose tokens are accepted: what `oidc`, `auth0`, `okta`, `entra`, `keycloak` and
   * `introspect` return. May be empty where `mtls` lists callers.
   */
  readonly issuers: readonly Issuer[];
  /** The public URL of the MCP endpoint (RFC 8707), which tokens must be for. */
  readonly resource: string;
  /** Further identifiers of this resource that tokens may be for, such as `api://...` or a client id of Entra. */
  readonly audience?: string | readonly string[];
  /** The scopes that a 401 tells a client to ask for. Default: none are named. */
  readonly scopes?: readonly string[];
  /** How far the clock of an issuer may differ, in seconds up to 300. Default: 30. */
  readonly clockTolerance?: number;
  /** How proofs that a caller holds the key of its token are taken (RFC 9449). Default: accepted. */
  readonly dpop?: DPoPOptions;
  /** Whether a token must be bound to a key or certificate of its caller. Default: false. */
  readonly requireBinding?: boolean;
  /**
   * Client certificates (RFC 8705): they prove tokens that are bound to them and, where `callers` are listed, who calls
   * without a token. `{}` takes them from the connection. Default: they count for nothing.
   */
  readonly mtls?: MtlsOptions;
  /**
   * Whether a token was revoked before its end: a function, or a store that `revoke` was called on. Asked about every
   * request, after the token was verified. Default: nothing is asked, and a token counts until it expires.
   */
  readonly revoked?: IsRevoked | RevocationStore;
  /**
   * Whether handlers and later checks get to see the token. With `false` it is `''` for them, the `Authorization` header
   * is taken off the request that handlers get, and no tool can pass the token on. Default: true.
   */
  readonly exposeToken?: boolean;
  /** How verified tokens are remembered, never longer than they are valid. `false` verifies every request anew. */
  readonly cache?: false | TokenCacheOptions;
  /** How long fetched keys are used. */
  readonly keySets?: KeySetOptions;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** How metadata and keys are fetched. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
}

const issuer: Check = (value) =>
  isIssuer(value) ? undefined : 'must be what oidc, auth0, okta, entra, keycloak or introspect returns';

/**
 * Requires an access token in the `Authorization` header (RFC 6750 section 2.1, RFC 9449 section 7.1) and proves who
 * calls by it or, where `mtls` lists callers and that header is absent, by a client certificate alone.
 *
 * - A JWT is verified as RFC 9068 section 4 and RFC 8725 require: a listed issuer, this resource as audience, unexpired,
 *   marked as an access token, signed by a key of the issuer with an allowed asymmetric algorithm.
 * - An opaque token is shown to its issuer (`introspect`, RFC 7662 section 2), whose answer must say that it is active,
 *   for this resource, and until when.
 * - A token that is bound (`cnf`) needs the proof of all that it is bound to: a DPoP proof for this method, resource and
 *   token, made lately and used once (RFC 9449 sections 4.3 and 11.1), or its client certificate (RFC 8705 section 3).
 *   `requireBinding` denies every other token, `dpop: { mode: 'require' }` every one that is not bound to a key.
 * - Where `revoked` is given, it is asked about each request.
 *
 * Adds `auth`. An event stream ends when its token does. A 401, and a 400 about the `Authorization` header, has a
 * challenge (RFC 6750 section 3, RFC 9449 sections 7.1 and 9) that names the resource metadata (RFC 9728 section 5.1).
 *
 * @throws {Denial} 401 `token_missing`, `token_invalid`; 400 `token_malformed`, `header_duplicate`. For DPoP: 401
 *   `proof_missing`, `proof_invalid`, `proof_nonce`; 400 `proof_target`. With `mtls`: 401 `certificate_invalid`; 400
 *   `certificate_misplaced`, `certificate_malformed`
 * @throws {Unavailable} when an issuer is out of reach and its keys or its answer are not known, or when the store of
 *   used proofs or `revoked` cannot tell
 * @throws {TypeError} when an option is unknown or not valid
 */
export function authenticate(options: AuthenticateOptions): Middleware<never, 'auth'> {
  const given = readAuthenticateOptions(options);
  const { clockTolerance: tolerance = 30, now = () => new Date() } = given;
  const resource = canonicalResource(given.resource);
  const dpopOptions = readDPoPOptions('authenticate', given.dpop);
  const dpop = openDPoP('authenticate', dpopOptions, { resource: given.resource, now });
  const read = credentialReader(dpop === undefined ? ['bearer'] : ['bearer', 'dpop']);
  const challenged = { resource, scopes: given.scopes, dpop: dpopOptions };
  const deny = tokenDenials(challenged);
  const remembered = openTokenCache<Auth>("authenticate 'cache'", given.cache, now);
  const mtls = given.mtls && openMtls(given.mtls, challenged, now);
  const proofs = [mtls?.proof, dpop?.proof].filter((proof) => proof !== undefined);
  const current = given.revoked === undefined ? undefined : notRevoked(given.revoked);
  const expose = given.exposeToken ?? true;
  const required = requirementOf(given);
  const schemes = Object.freeze({ bearer: required === 'none', algorithms: dpopOptions.algorithms });
  const prove = possession(proofs, required);
  const verify = anyVerifier({
    issuers: given.issuers,
    audiences: new Set([given.resource, ...[given.audience ?? []].flat()].map(canonicalResource)),
    tolerance,
    keySets: readKeySetOptions("authenticate 'keySets'", given.keySets ?? {}),
    network: given.fetch === undefined ? { fetch, resolve: resolveHost } : { fetch: given.fetch },
    now,
  });

  const verifyAnew = async (token: string): Promise<Auth> => {
    const verified = await verify(token);
    const auth = toAuth(verified, resource, expose ? token : undefined, schemes);
    const { notBefore, expiresAt, rememberUntil: until = (expiresAt + tolerance) * 1000 } = verified;
    remembered?.set(token, auth, { from: (notBefore - tolerance) * 1000, until });
    return auth;
  };

  const admit = async (ctx: RequestContext, presented: Presented, known?: Auth): Promise<{ auth: Auth }> => {
    try {
      const auth = known ?? (await verifyAnew(presented.token));
      // Before the proof, which may be one that can be used once.
      await current?.(auth, presented.token);
      await prove({ ctx, ...presented, bindings: auth.bindings ?? [] });
      return { auth };
    } catch (error) {
      throw error instanceof TokenFault ? deny.invalid(error, presented.scheme) : error;
    }
  };

  const isPlain = (auth: Auth, { scheme }: Presented): boolean =>
    auth.bindings === undefined && scheme === 'bearer' && required === 'none' && current === undefined;

  const withoutToken = (ctx: RequestContext): { auth: Auth } => {
    // Whoever sends credentials of another kind wants to be judged by them.
    const auth = ctx.request.headers['authorization'] === undefined ? mtls?.caller(ctx.request) : undefined;
    if (auth === undefined) throw deny.missing();
    return { auth };
  };

  return {
    name: 'authenticate',
    needs: [],
    adds: ['auth'],
    run: (ctx) => {
      mtls?.inspect(ctx.request);
      const credentials = read(ctx.request.headers['authorization']);
      if ('problem' in credentials && credentials.problem === 'missing') return withoutToken(ctx);
      if ('problem' in credentials) throw deny[credentials.problem]();
      const auth = remembered?.get(credentials.token);
      // A known token that is bound to nothing has nothing left to prove.
      if (auth !== undefined && isPlain(auth, credentials)) return { auth };
      return admit(ctx, credentials, auth);
    },
    hooks: {
      // A body can take longer to arrive than its token has left.
      admitted: ({ state }) => {
        if (state.auth !== undefined && hasEnded(state.auth, tolerance, now()))
          throw deny.invalid(new TokenFault('expired'), schemeOf(state.auth));
      },
      ...nonceHooks(dpop?.nonces),
      until: ({ state }) => state.auth && endOf(state.auth, tolerance, now()),
      authInfo: ({ state }) => state.auth && toAuthInfo(state.auth),
      ...(expose ? {} : { withheld: () => ['authorization'] }),
    },
  };
}

function readAuthenticateOptions(options: AuthenticateOptions): AuthenticateOptions {
  const given = readOptions<AuthenticateOptions>('authenticate', options, {
    issuers: listOf(issuer),
    resource: secureUrl,
    audience: optional((value) => (Array.isArray(value) ? listOf(text)(value) : text(value))),
    scopes: optional(listOf(scope)),
    clockTolerance: optional(integer(0, 300)),
    dpop: optional(object),
    requireBinding: optional(flag),
    mtls: optional(object),
    revoked: optional(revocations),
    exposeToken: optional(flag),
    cache: optional((value) => (value === false ? undefined : object(value))),
    keySets: optional(object),
    now: optional(callback),
    fetch: optional(callback),
  });
  // Without any, callers can still be proven by their certificates alone.
  if (given.issuers.length === 0 && given.mtls?.callers === undefined)
    throw new TypeError("authenticate: 'issuers' must have at least 1 element");
  // One server may issue both kinds of tokens.
  const names = given.issuers.filter((one) => !isAsked(one)).map((one) => one.issuer);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new TypeError(`authenticate: 'issuers' names '${twice}' twice; keep one of them`);
  return given;
}

function requirementOf({ dpop = {}, requireBinding = false }: AuthenticateOptions): Requirement {
  if (dpop.mode === 'require') return 'dpop';
  return requireBinding ? 'bound' : 'none';
}

function schemeOf({ bindings = [] }: Auth): Scheme {
  return bindings.some(({ method }) => method === 'dpop') ? 'dpop' : 'bearer';
}
