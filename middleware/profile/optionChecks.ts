import { listOf, object, oneOf, optional, type Check, type Checks } from '../../lib/options.js';
import { SECURITY_LEVELS } from '../../lib/profile/levels.js';
import { SHARED, type SecurityProfileOptions } from './options.js';

/** Each check validates its own options. Their names are here so that a misspelt one is suggested from all of them. */
const elsewhere: Check = () => undefined;
const extra: Check = (value) => (value === true ? undefined : object(value) && 'must be true or an object');
/** What the profile gives to a check itself must not be given to that check alone: it would be left out without a word. */
const unshared =
  (check: Check, names: readonly string[] = SHARED): Check =>
  (value) => {
    const problem = check(value);
    if (problem !== undefined || object(value) !== undefined) return problem;
    const name = names.find((one) => Object.hasOwn(value as object, one));
    return name === undefined ? undefined : `must not have '${name}': that is for the profile to give`;
  };
/** What the profile takes from the stores. One that is missing would be kept by each instance for itself, without a word. */
const STORES = { replay: 'object', sessions: 'object', rate: 'function', revocations: 'object' } as const;
const RATE_SHARED = SHARED.filter((name) => name !== 'tools');

/** Validates the options of a profile, as far as no check does it for its own. */
export const OPTION_CHECKS: Checks<SecurityProfileOptions> = {
  level: oneOf(...SECURITY_LEVELS),
  audit: elsewhere,
  auditing: optional(unshared(object, ['sink', 'trail', 'now'])),
  challengeScopes: elsewhere,
  keys: optional(listOf(object)),
  toolServers: optional(listOf(object)),
  keyStore: optional((value) =>
    typeof (value as { signer?: unknown } | null)?.signer === 'function'
      ? undefined
      : 'must be what openKeyStore returned',
  ),
  stores: optional(stores),
  signatures: optional(
    unshared((value) => (typeof value === 'object' ? object(value) : oneOf('off', 'observe', 'calls', 'all')(value))),
  ),
  sessions: optional(unshared(extra)),
  rate: optional(unshared(extra, RATE_SHARED)),
  callChains: optional(unshared(extra)),
  definitions: optional(unshared(extra)),
  allowedOrigins: elsewhere,
  allowedHosts: elsewhere,
  issuers: elsewhere,
  resource: elsewhere,
  audience: elsewhere,
  clockTolerance: elsewhere,
  dpop: optional(object),
  requireBinding: elsewhere,
  mtls: elsewhere,
  revoked: elsewhere,
  exposeToken: elsewhere,
  cache: elsewhere,
  keySets: elsewhere,
  now: elsewhere,
  fetch: elsewhere,
  tools: elsewhere,
  prompts: elsewhere,
  resources: elsewhere,
  methods: elsewhere,
  base: elsewhere,
  scopes: elsewhere,
  implies: elsewhere,
  roles: elsewhere,
  clients: elsewhere,
  scopeWildcards: elsewhere,
  fullAccess: elsewhere,
  decide: elsewhere,
};

function stores(value: unknown): string | undefined {
  const given = Object(value) as Readonly<Record<string, unknown>>;
  const missing = Object.entries(STORES).find(([name, kind]) => !given[name] || typeof given[name] !== kind);
  if (missing === undefined) return undefined;
  return `must be redisStores(client), or memoryStores({ singleProcess: true }); it has no '${missing[0]}'`;
}
