import { trailOf } from '../audit/trail.js';
import { isTools } from '../tools/defineTools.js';
import type { Measures, SecurityLevel } from './levels.js';

/** What was given, as far as a level may need it. */
export interface Given {
  readonly level: SecurityLevel;
  readonly resource?: unknown;
  readonly issuers?: unknown;
  readonly tools?: unknown;
  readonly audit?: unknown;
  readonly keys?: readonly unknown[];
  readonly toolServers?: readonly unknown[];
  readonly keyStore?: object;
  readonly stores?: object;
}

/** Says what is missing, if something is. */
type Need = (given: Given, measures: Measures) => string | undefined;

const NEEDS: readonly Need[] = [
  ({ resource }) => (resource === undefined ? "'resource': the public URL of the MCP endpoint" : undefined),
  ({ issuers }) => (issuers === undefined ? "'issuers': who issues tokens, such as [oidc({ issuer })]" : undefined),
  ({ tools }) => (tools === undefined ? "'tools': what defineTools({ ... }) returned" : undefined),
  (given, measures) =>
    hasSigners(given) || !asksAll(measures) ? undefined : "'keys' or 'toolServers': who may sign requests",
  (given, measures) => {
    const signed = toolsWith(given, ({ requireSignature }) => requireSignature === true);
    if (hasSigners(given) || signed === '' || asksAll(measures)) return undefined;
    return `'keys' or 'toolServers': who may sign calls of ${signed}`;
  },
  ({ keyStore }, { definitions }) =>
    keyStore !== undefined || !definitions
      ? undefined
      : "'keyStore': what openKeyStore returned; it signs tool definitions",
  (given, { definitions }) => {
    const unversioned = toolsWith(given, ({ version }) => version === undefined);
    return unversioned === '' || !definitions ? undefined : `'tools': a version of ${unversioned}`;
  },
  ({ stores }, measures) =>
    stores !== undefined || !measures.stores
      ? undefined
      : "'stores': redisStores(client), or memoryStores({ singleProcess: true })",
  ({ audit }, { auditOrDeny, auditAhead }) => {
    if (auditOrDeny || auditAhead) {
      if (trailOf(audit) !== undefined) return undefined;
      return "'audit': what openAuditTrail returned; a logger does not say when it could not write";
    }
    return audit === undefined ? "'audit': what openAuditTrail returned, a winston logger, or a function" : undefined;
  },
];

/** @throws {TypeError} that lists everything that is missing at once */
export function assertComplete(given: Given, measures: Measures): void {
  const missing = NEEDS.flatMap((need) => need(given, measures) ?? []);
  if (missing.length === 0) return;
  throw new TypeError(`securityProfile: level '${given.level}' needs, with these options:\n- ${missing.join('\n- ')}`);
}

function hasSigners({ keys = [], toolServers = [] }: Given): boolean {
  return keys.length + toolServers.length > 0;
}

/** Whether calls must be signed, whatever their tools say. */
function asksAll({ signatures }: Measures): boolean {
  return signatures === 'calls' || signatures === 'all';
}

interface Policy {
  readonly requireSignature?: boolean;
  readonly version?: string;
}

function toolsWith({ tools }: Given, is: (policy: Policy) => boolean): string {
  const found = isTools(tools) ? [...tools].filter(([, policy]) => is(policy)) : [];
  return found.map(([name]) => `'${name}'`).join(', ');
}
