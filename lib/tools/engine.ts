import type { RequestContext } from '../context.js';
import { Denial, type DenialCode, type DenialCodes } from '../denial.js';
import { isObject, type Target } from '../rpc.js';
import type { Auth } from '../tokens/auth.js';
import type { Caller } from './caller.js';
import { isTrue, policyCall, type Case } from './judge.js';

declare module '../denial.js' {
  interface DenialCodes {
    policy_denied: 403;
  }
}

/** The codes that stand for status 403. Declare one of your own by merging into `DenialCodes`. */
export type ForbiddenCode = { [Code in DenialCode]: DenialCodes[Code] extends 403 ? Code : never }[DenialCode];

/** One question to a policy engine. */
export interface DecideRequest {
  /** The id of the HTTP request, as in `ctx.id`. */
  readonly id: string;
  readonly httpMethod: string;
  /** The JSON-RPC method, or nothing for a response of the client and for a request without messages. */
  readonly method: string | undefined;
  /** What is used, as in `PolicyCall`, or nothing. */
  readonly target: Target | undefined;
  /** As in `PolicyCall`: not validated. Empty where nothing is used. */
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly auth: Auth | undefined;
  readonly clientId: string;
  /** The permissions that the whole request needs. */
  readonly required: readonly string[];
  /** Everything the caller is granted. */
  readonly granted: readonly string[];
}

/** What a policy engine says. The code of a denial goes to the client. Default: `policy_denied`. */
export type Verdict = boolean | { readonly allow: boolean; readonly code?: ForbiddenCode };

/**
 * A policy engine.
 * @throws {Unavailable} when it cannot be reached; any other error is a constant 500
 */
export type Decide = (request: DecideRequest) => Verdict | Promise<Verdict>;

const CODE = /^[a-z][a-z0-9_]{0,63}$/;
const NO_ARGUMENTS: DecideRequest['arguments'] = Object.freeze({});

/**
 * Asks the engine about one case after the other.
 * @throws {Denial} 403 `policy_denied`, or the code that the engine gives
 */
export async function askEngine(
  decide: Decide,
  { id, request }: RequestContext,
  cases: readonly Case[],
  caller: Caller,
  required: readonly string[],
): Promise<void> {
  const { auth, clientId, permissions } = caller;
  for (const { use, rules } of cases) {
    const [rule] = rules;
    const call = use === undefined || rule === undefined ? undefined : policyCall(use, rule, caller);
    const verdict: unknown = await decide({
      id,
      httpMethod: request.method,
      method: call?.method,
      target: call?.target,
      arguments: call?.arguments ?? NO_ARGUMENTS,
      auth,
      clientId,
      required,
      granted: permissions.list,
    });
    assertAgrees(verdict, use?.target.kind ?? 'base');
  }
}

function assertAgrees(verdict: unknown, kind: string): void {
  const { allow, code = 'policy_denied' } = isObject(verdict) ? verdict : { allow: verdict };
  if (isTrue('decide', allow)) return;
  if (typeof code !== 'string' || !CODE.test(code)) throw new TypeError('decide must give a code in snake_case');
  throw new Denial<DenialCode>(403, code as ForbiddenCode, 'The policy of this server denies the request', {
    policy: true,
    detail: { kind },
  });
}
