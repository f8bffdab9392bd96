import { uri } from '../callchain/identity.js';
import { callee, calleeOrAny, caller } from '../callchain/names.js';
import { flag, integer, listOf, object, optional, suggest, type Check, type Checks } from '../options.js';
import { permission } from '../permissions.js';
import { isObject } from '../rpc.js';
import { secureUrl } from '../url.js';
import {
  DEFINITION,
  isDigest,
  isVersion,
  metaOf,
  type CallStackRules,
  type Definition,
  type WireTool,
} from './form.js';

const RULES: Checks<CallStackRules> = {
  maxDepth: optional(integer(1)),
  allowedCallers: optional(listOf(caller)),
  blockedCallers: optional(listOf(caller)),
  allowedCallees: optional(listOf(callee)),
  blockedCallees: optional(listOf(calleeOrAny)),
};

/** A rule that was misspelt would be signed, and kept by nobody. */
const callStack: Check = (value) => {
  const problem = object(value);
  if (problem !== undefined) return problem;
  const unknown = Object.keys(value as object).find((name) => !Object.hasOwn(RULES, name));
  if (unknown !== undefined) return `.${unknown} is not known${suggest(unknown, Object.keys(RULES))}`;
  const [first] = faultsIn(value as object, RULES);
  return first === undefined ? undefined : `.${first.name} ${first.problem}`;
};

const MEMBERS: Checks<Definition> = {
  version: (value) => (isVersion(value) ? undefined : "must be a version such as '1.2.0'"),
  server: secureUrl,
  publisher: uri,
  permissions: listOf(permission),
  requireSignature: optional(flag),
  codeDigest: optional((value) => (isDigest(value) ? undefined : "must be 'sha256:' and 64 digits of lower-case hex")),
  callStack: optional(callStack),
};

/**
 * Says what keeps a tool that somebody wrote from being signed, or nothing: the rules are those of `defineTools` and
 * `publishTools`. Verifiers are less strict, so that they take what is signed by later rules.
 */
export function faultOf(tool: WireTool): string | undefined {
  const stated = metaOf(tool)?.[DEFINITION];
  if (!isObject(stated)) return `states nothing in _meta["${DEFINITION}"]`;
  const faults = faultsIn(stated, MEMBERS).map(({ name, problem }) => `'${name}' ${problem}`);
  return faults.length === 0 ? undefined : `cannot be signed: of _meta["${DEFINITION}"], ${faults.join('; ')}`;
}

function faultsIn(
  value: object,
  checks: Readonly<Record<string, Check>>,
): readonly { readonly name: string; readonly problem: string }[] {
  const members = value as Readonly<Record<string, unknown>>;
  return Object.entries(checks).flatMap(([name, check]) => {
    const problem = check(members[name]);
    if (problem === undefined) return [];
    return [{ name, problem: Object.hasOwn(members, name) ? problem : 'is missing' }];
  });
}
