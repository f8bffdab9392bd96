import { challenge } from '../lib/challenge.js';
import { Denial } from '../lib/denial.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, optional, readOptions } from '../lib/options.js';
import { principalOf, type Principal } from '../lib/principal.js';
import type { Target } from '../lib/rpc.js';
import { bearerChallenge } from '../lib/tokens/bearer.js';
import { callerOf, may, type Caller, type May } from '../lib/tools/caller.js';
import { askEngine, type Decide } from '../lib/tools/engine.js';
import { GRANT_CHECKS, readGrants, type GrantOptions, type Grants } from '../lib/tools/grants.js';
import { assertAllowed, assertRoles, assertUnsigned, casesOf, deny, permissionsOf } from '../lib/tools/judge.js';
import { readRulebook, RULEBOOK_CHECKS, type RulebookOptions } from '../lib/tools/rulebook.js';
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
 * @throws {Denial} 401 `caller_unproven`; 403 `signature_required`, `scope_insufficient`, `permission_insufficient`, `role_insufficient`,
 *   `argument_denied`, `policy_denied`, `tool_undefined`, `prompt_undefined`, `resource_undefined`, `method_undefined`
 * @throws {Unavailable} what `allow` and `decide` throw
 * @throws {TypeError} when an option is not what it must be
 */
export function authorizeScopes(options: AuthorizeScopesOptions): Middleware<never, 'access', 'auth' | 'signature'> {
  const { decide, resource, ...rest } = readOptions<AuthorizeScopesOptions>('authorizeScopes', options, {
    ...RULEBOOK_CHECKS,
    ...GRANT_CHECKS,
    decide: optional(callback),
    resource: optional(secureUrl),
  });
  const rulebook = readRulebook('authorizeScopes', rest);
  const grants = readGrants('authorizeScopes', rest);
  const authenticateBy = challengeOf(resource);
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
      assertGranted(required, caller, grants, resource ?? caller.auth?.resource);
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
  { permissions, hasToken }: Caller,
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
  const scope = grants.scopes.scopesFor(new Set(required)).join(' ');
  throw new Denial(403, 'scope_insufficient', 'The access token has not all scopes that this needs', {
    headers: { 'WWW-Authenticate': challengeOf(resource, scope) },
    detail,
  });
}

/** A scope list that is too long for a header is left out: RFC 6750 section 3 does not ask for one. */
function challengeOf(resource: string | undefined, scope?: string): string {
  const parameters =
    scope === undefined ? {} : { error: 'insufficient_scope' as const, ...(scope.length > MAX_SCOPE ? {} : { scope }) };
  return resource !== undefined && secureUrl(resource) === undefined
    ? bearerChallenge(resource, parameters)
    : challenge('Bearer', parameters);
}
