import { Denial } from '../lib/denial.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, optional, readOptions } from '../lib/options.js';
import { principalOf, type Principal } from '../lib/principal.js';
import type { Target } from '../lib/rpc.js';
import type { Auth } from '../lib/tokens/auth.js';
import type { BearerParameters } from '../lib/tokens/bearer.js';
import { challengeTo } from '../lib/tokens/challengeTo.js';
import { callerOf, may, type Caller, type May } from '../lib/tools/caller.js';
import { askEngine, type Decide } from '../lib/tools/engine.js';
import { GRANT_CHECKS, readGrants, type GrantOptions, type Grants } from '../lib/tools/grants.js';
import { assertAllowed, assertRoles, assertUnsigned, casesOf, deny, permissionsOf } from '../lib/tools/judge.js';
import { readRulebook, RULEBOOK_CHECKS, type RulebookOptions } from '../lib/tools/rulebook.js';
import { assertSignedIn, signInOf, type SignIn } from '../lib/tools/stepUp.js';
import { secureUrl } from '../lib/url.js';
import type {} from './authenticate.js';
import type {} from './verifySignature.js';

/** What the caller may do. */
export interface Access {
  /**
   * Whether the caller may use something, as far as that can be told without a call: `'depends'` where a rule looks at
   * the arguments. The name of a resource is its URI, or the text of its template.
   */
  readonly may: (kind: Target['kind'], name: string) => May;
  /** The permissions that this request needed, all of them held. */
  readonly required: readonly string[];
  /** Everything the caller is granted, wildcards as they were written. */
  readonly granted: readonly string[];
}

declare module '../lib/context.js' {
  interface State {
    access: Access;
  }
}

declare module '../lib/denial.js' {
  interface DenialCodes {
    scope_insufficient: 403;
    permission_insufficient: 403;
  }
}

export interface AuthorizeScopesOptions extends RulebookOptions, GrantOptions {
  /**
   * A policy engine of your own. Asked about everything that a request uses, after all else agreed: it can deny, never
   * allow more. Exactly `true`, or `{ allow: true }`, allows. Default: none.
   */
  readonly decide?: Decide;
  /** The public URL of the MCP endpoint, for challenges. Default: the `resource` of the caller's token. */
  readonly resource?: string;
  /** The clock, for `maxAge`. Default: the system's. */
  readonly now?: () => Date;
}

interface Rights {
  readonly caller: Caller;
  readonly may: Access['may'];
}

/** The longest `scope` of a challenge, in characters: clients limit the headers they read to 16 KiB. */
const MAX_SCOPE = 4096;

/**
 * Requires that the caller may use the very tools, prompts, resources and methods that the request names.
 *
 * What no policy knows is denied. Every message of a batch is decided, notifications too, from the body alone. A
 * challenge names all scopes that the whole request needs, held or not (RFC 6750 section 3.1, SEP-2350); where no
 * scope would help there is none.
 *
 * @throws {Denial} 401 `caller_unproven`, `authentication_insufficient`; 403 `authentication_impossible`,
 *   `signature_required`, `scope_insufficient`, `permission_insufficient`, `role_insufficient`, `argument_denied`,
 *   `policy_denied` or the code that `decide` gives, `tool_undefined`, `prompt_undefined`, `resource_undefined`,
 *   `method_undefined`; and what reading the body throws
 * @throws {Unavailable} what `allow` and `decide` throw
 * @throws {TypeError} when an option is not what it must be
 */
export function authorizeScopes(options: AuthorizeScopesOptions): Middleware<never, 'access', 'auth' | 'signature'> {
  const {
    decide,
    resource,
    now = () => new Date(),
    ...rest
  } = readOptions<AuthorizeScopesOptions>('authorizeScopes', options, {
    ...RULEBOOK_CHECKS,
    ...GRANT_CHECKS,
    decide: optional(callback),
    resource: optional(secureUrl),
    now: optional(callback),
  });
  const rulebook = readRulebook('authorizeScopes', rest);
  const grants = readGrants('authorizeScopes', rest);
  const authenticateBy = challengeTo(undefined, resource);
  // A token's `auth` is one frozen object for as long as the token is cached: its rights are worked out once.
  const known = new WeakMap<object, Rights>();

  const rightsOf = ({ auth, signature }: Principal): Rights => {
    const proof = auth ?? signature;
    const earlier = known.get(proof);
    if (earlier !== undefined) return earlier;
    const caller = callerOf({ auth, clientId: proof.clientId }, grants);
    const rights: Rights = {
      caller,
      may: (kind, name) => {
        const answer = may(rulebook, caller, { kind, name });
        return answer === 'yes' && decide !== undefined ? 'depends' : answer;
      },
    };
    known.set(proof, rights);
    return rights;
  };

  return {
    name: 'authorizeScopes',
    needs: [],
    oneOf: ['auth', 'signature'],
    reads: ['auth', 'signature'],
    adds: ['access'],
    async run(ctx) {
      const { caller, may: mayUse } = rightsOf(principalOf(ctx.state, authenticateBy));
      const cases = casesOf(await ctx.request.rpc(), rulebook);
      const required = permissionsOf(cases, caller);
      if (ctx.state.signature === undefined) assertUnsigned(cases);
      assertRoles(cases, caller);
      assertGranted(required, caller, grants, resource);
      // Who may not do it at all is not sent to sign in once more.
      const signIn = signInOf(cases);
      if (signIn !== undefined)
        assertSignedIn(signIn, caller, now(), (auth) => stepUpChallenge(auth, resource, signIn));
      for (const one of cases) {
        const asked = assertAllowed(one, caller);
        if (asked !== undefined) await asked;
      }
      if (decide !== undefined) await askEngine(decide, ctx, cases, caller, required);
      return { access: { may: mayUse, required, granted: caller.permissions.list } };
    },
  };
}

/** @throws {Denial} 403 unless all is granted, with a challenge when a wider token would help */
function assertGranted(
  required: readonly string[],
  { auth, permissions, hasToken }: Caller,
  grants: Grants,
  resource: string | undefined,
): void {
  if (required.every(permissions.has)) return;
  const missing = required.filter((permission) => !permissions.has(permission));
  const detail = { required, granted: permissions.list, missing };
  const sources = missing.map(grants.sourceOf);
  if (!hasToken || sources.includes(undefined)) {
    throw deny('permission_insufficient', 'The caller is not granted what this needs', undefined, detail);
  }
  if (sources.includes('role'))
    throw deny('role_insufficient', 'The caller has no role that may do this', undefined, detail);
  const scopes = grants.scopes.scopesFor(new Set(required));
  throw new Denial(403, 'scope_insufficient', 'The access token has not all scopes that this needs', {
    headers: {
      'WWW-Authenticate': challengeTo(auth, resource, { error: 'insufficient_scope', ...scopeParameter(scopes) }),
    },
    detail,
  });
}

/** It names the scopes of the token, which were enough, so that the next one can do no less (RFC 9470 section 3). */
function stepUpChallenge(auth: Auth, resource: string | undefined, { acr, maxAge }: SignIn): string {
  return challengeTo(auth, resource, {
    error: 'insufficient_user_authentication',
    error_description: 'This needs another sign-in of the user',
    ...(acr === undefined ? {} : { acr_values: acr.join(' ') }),
    ...(maxAge === undefined ? {} : { max_age: String(maxAge) }),
    ...scopeParameter(auth.scopes),
  });
}

/** A scope list that is too long for a header is left out: RFC 6750 section 3 does not ask for one. */
function scopeParameter(scopes: readonly string[]): Pick<BearerParameters, 'scope'> {
  const scope = scopes.join(' ');
  return scope === '' || scope.length > MAX_SCOPE ? {} : { scope };
}
