import type { WireForm, WireTool } from '../../lib/definitions/form.js';
import { definitionOf } from '../../lib/definitions/form.js';
import type { DefinitionFault, VerifiedDefinition } from '../../lib/definitions/verify.js';
import { canonicalResource } from '../../lib/url.js';
import type { Approval } from './approval.js';
import type { ListFacts } from './manifests.js';
import { compareVersions } from './semver.js';
import type { AllowReason, AskReason, DenyReason, ToolVerdict } from './verdict.js';

/** What is known of a tool before anything is decided. */
export interface Evidence {
  readonly tool: WireTool;
  readonly name: string;
  readonly server: string;
  readonly form: WireForm;
  readonly digest: string;
  /** What its signature proves, or what is wrong with it. */
  readonly proven: VerifiedDefinition | DefinitionFault;
  /** When the signature that proves it expired, where it has. */
  readonly expired: Date | undefined;
  /** What the list proves in which it was received, if it was received in one. */
  readonly list: ListFacts;
  readonly approval: Approval | undefined;
  readonly now: Date;
}

/** What the verifier was configured with. */
export interface Policy {
  readonly minimumVersions: ReadonlyMap<string, string>;
  /** Whether somebody may approve an unsigned tool. */
  readonly mayAskUnsigned: boolean;
}

export type Decided =
  | { readonly outcome: 'allow'; readonly reason: AllowReason }
  | { readonly outcome: 'ask'; readonly reason: AskReason; readonly other?: Approval }
  | { readonly outcome: 'deny'; readonly reason: DenyReason };

const allow = (reason: AllowReason): Decided => ({ outcome: 'allow', reason });
const ask = (reason: AskReason, other?: Approval): Decided => ({
  outcome: 'ask',
  reason,
  ...(other === undefined ? {} : { other }),
});
const deny = (reason: DenyReason): Decided => ({ outcome: 'deny', reason });

/** What holds for a tool by itself and by its own approval. The digest decides; all else explains. */
export function decide(evidence: Evidence, policy: Policy): Decided {
  const { proven } = evidence;
  const decided =
    typeof proven === 'string' ? decideUnproven(evidence, proven, policy) : decideSigned(evidence, proven, policy);
  // What is wrong with the tool itself says more than what is wrong with its list.
  return decided.outcome === 'deny' ? decided : (decideListed(evidence) ?? decided);
}

function decideListed({ list, digest }: Evidence): Decided | undefined {
  if (list.reason !== undefined) return deny(list.reason);
  return list.digests === undefined || list.digests.has(digest) ? undefined : deny('manifest_lacks_tool');
}

function decideUnproven(evidence: Evidence, fault: DefinitionFault, { mayAskUnsigned }: Policy): Decided {
  const wasSigned = evidence.approval?.publisher !== undefined;
  if (fault === 'signature_missing') {
    if (wasSigned) return deny('signature_vanished');
    return mayAskUnsigned ? decideUnsigned(evidence) : deny('signature_missing');
  }
  if (fault === 'signer_unknown') return deny(wasSigned ? 'signer_changed' : 'publisher_unknown');
  return deny(fault === 'definition_malformed' ? fault : 'signature_invalid');
}

function decideUnsigned(evidence: Evidence): Decided {
  const { approval, form } = evidence;
  if (approval === undefined) return ask('not_approved');
  const approved = approval.forms[form];
  if (approved === undefined) return ask('form_new');
  return approved.digest === evidence.digest ? whileValid(evidence, approval) : ask('unsigned_changed');
}

function decideSigned(evidence: Evidence, { definition }: VerifiedDefinition, policy: Policy): Decided {
  const { name, server, approval } = evidence;
  if (canonicalResource(definition.server) !== canonicalResource(server)) return deny('server_moved');
  const least = policy.minimumVersions.get(name);
  if (least !== undefined && compareVersions(definition.version, least) < 0) return deny('version_below_minimum');
  // An approval of an unsigned tool says nothing about one that somebody answers for.
  if (approval?.publisher === undefined || approval.version === undefined) return ask('not_approved');
  if (canonicalResource(approval.publisher) !== canonicalResource(definition.publisher)) {
    return deny('publisher_changed');
  }
  const order = compareVersions(definition.version, approval.version);
  if (order < 0) return deny('version_lower');
  if (order > 0) return ask(addsTo(approval, definition.permissions) ? 'permissions_added' : 'version_new');
  const approved = approval.forms[evidence.form];
  if (approved === undefined) return ask('form_new');
  return approved.digest === evidence.digest ? whileValid(evidence, approval) : deny('definition_changed');
}

/** Somebody who approved what had expired by then knew that it had. */
function whileValid({ now, expired, list }: Evidence, { approvedAt, expiresAt }: Approval): Decided {
  if (expiresAt <= now) return ask('approval_expired');
  const isLate = [expired, list.expired].some((end) => end !== undefined && approvedAt < end);
  return isLate ? ask('definition_expired') : allow('approved');
}

function addsTo({ permissions }: Approval, wanted: readonly string[]): boolean {
  const held = new Set(permissions);
  return wanted.some((permission) => !held.has(permission));
}

/** What a tool that nobody approved has to do with those that somebody did. */
export function compareWithOthers({ tool, name, server, form }: Evidence, approvals: readonly Approval[]): Decided {
  const isHere = (one: Approval): boolean => canonicalResource(one.server) === canonicalResource(server);
  const shadowed = approvals.find((one) => one.tool === name && !isHere(one));
  if (shadowed !== undefined) return ask('name_shadowed', shadowed);
  const nameless = definitionOf({ ...tool, name: '' });
  const renamed = approvals.find((one) => {
    const definition = one.forms[form]?.definition;
    return isHere(one) && definition !== undefined && definitionOf({ ...definition, name: '' }) === nameless;
  });
  return ask(renamed === undefined ? 'not_approved' : 'renamed', renamed);
}

/** What a verdict says beside the decision. Of a tool whose signature proves nothing, nothing is believed. */
export function factsOf({ proven }: Evidence): Pick<ToolVerdict, 'publisher' | 'signer' | 'version' | 'permissions'> {
  if (typeof proven === 'string') return { permissions: [] };
  const { publisher, version, permissions } = proven.definition;
  return { publisher, signer: proven.keyId, version, permissions };
}
