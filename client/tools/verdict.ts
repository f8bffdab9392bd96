import type { WireForm, WireTool } from '../../lib/definitions/form.js';
import type { DefinitionFault } from '../../lib/definitions/verify.js';
import { escapeText } from '../../lib/text.js';

/** Why a tool may be called. */
export type AllowReason =
  /** It is what was approved. */
  | 'approved'
  /** Seen for the first time, from a trusted publisher, where trust on first use was asked for. */
  | 'first_use'
  /** A new version with another title or icon and nothing else, where such are accepted. */
  | 'appearance_changed';

/** Why somebody has to approve a tool before it is called. */
export type AskReason =
  | 'not_approved'
  /** The approval has expired. */
  | 'approval_expired'
  /** Its publisher signed it, or the list it is in, for a time that is over. */
  | 'definition_expired'
  /** A new version, with the permissions of the approved one or fewer. */
  | 'version_new'
  /** A new version that takes permissions which the approved one did not. */
  | 'permissions_added'
  /** The same version in the form of the other protocol era, which was not approved so far. */
  | 'form_new'
  /** An approved tool of this server under another name. */
  | 'renamed'
  /** A tool of that name is approved for another server. */
  | 'name_shadowed'
  /** An unsigned tool that is not what was approved. It states no version that could tell more. */
  | 'unsigned_changed';

/** Why a tool must not be called, whoever approves it. */
export type DenyReason =
  /** Another definition under the version that was approved: a rug pull. */
  | 'definition_changed'
  /** A lower version than the approved one. */
  | 'version_lower'
  /** A lower version than the configured minimum. */
  | 'version_below_minimum'
  /** Unsigned. */
  | 'signature_missing'
  /** Unsigned, or signed by none of the publishers, where the approved one was signed: stripped. */
  | 'signature_vanished'
  /** The signature proves nothing; `fault` tells what is wrong with it. */
  | 'signature_invalid'
  /** Signed by a key of no configured publisher. */
  | 'publisher_unknown'
  /** Signed by another key than the publisher's known ones, without a statement of the old key. */
  | 'signer_changed'
  /** Signed by another publisher than the approved one. */
  | 'publisher_changed'
  /** Signed for another server than this one: copied, or moved. */
  | 'server_moved'
  /** The list of it carries no manifest, where lists of the server did before: stripped. */
  | 'manifest_vanished'
  /** The manifest of the list proves nothing, or is that of another server. */
  | 'manifest_invalid'
  /** The manifest of the list does not know it: added, put back, or exchanged on the way. */
  | 'manifest_lacks_tool'
  /** The list is that of an earlier deployment than was seen: a rollback. */
  | 'serial_lower'
  /** The server lists more than one tool of that name. */
  | 'name_duplicate'
  /** The server does not list a tool of that name. */
  | 'tool_unknown'
  /** It has no canonical form, or states a definition that is not one. */
  | 'definition_malformed';

export type ToolReason = AllowReason | AskReason | DenyReason;

/** What was decided about one tool, and why. */
export interface ToolVerdict {
  readonly outcome: 'allow' | 'ask' | 'deny';
  readonly reason: ToolReason;
  /** The name of the tool, as it was received. */
  readonly tool: string;
  readonly server: string;
  readonly form: WireForm;
  /** As in `digestOfTool`; none for a tool without a canonical form. */
  readonly digest?: string;
  /** Who signed it. Only where the signature holds. */
  readonly publisher?: string;
  /** The RFC 7638 thumbprint of the key that signed it. */
  readonly signer?: string;
  /** Only where the signature holds. */
  readonly version?: string;
  /** What the tool says it needs. Only where the signature holds. */
  readonly permissions: readonly string[];
  /** What differs from the tool that was approved: short lines in which nothing is hidden. */
  readonly diff: readonly string[];
  /** What is wrong with the signature. */
  readonly fault?: DefinitionFault;
  /** The approved tool that this one is compared with, where it has another name or server. */
  readonly other?: { readonly tool: string; readonly server: string };
}

/** What somebody is asked to approve. */
export interface ApprovalRequest extends ToolVerdict {
  /** The tool as it was received. Its texts are the server's: show them escaped. */
  readonly definition: WireTool;
}

const SENTENCES: Readonly<Record<ToolReason, string>> = {
  approved: 'it is what was approved',
  first_use: 'it was seen for the first time, and such tools are trusted',
  appearance_changed: 'it is a new version with another title or icon and nothing else, and such are accepted',
  not_approved: 'nobody has approved it',
  approval_expired: 'its approval has expired',
  version_new: 'it is a new version',
  permissions_added: 'it is a new version that takes more permissions',
  form_new: 'its server describes it in a form that was not approved',
  renamed: 'it is an approved tool under another name',
  name_shadowed: 'a tool of that name is approved for another server',
  unsigned_changed: 'it is unsigned and not what was approved',
  definition_changed: 'it has changed without a new version',
  version_lower: 'it is a lower version than the approved one',
  version_below_minimum: 'it is a lower version than is required',
  signature_missing: 'it is unsigned',
  signature_vanished: 'it was signed when it was approved, and is not any more',
  signature_invalid: 'its signature proves nothing',
  definition_expired: 'its publisher signed it, or the list it is in, for a time that is over',
  publisher_unknown: 'it is signed by none of the trusted publishers',
  signer_changed: 'it is signed by a key that its publisher is not known to have',
  publisher_changed: 'it is signed by another publisher than the approved one',
  server_moved: 'it was signed for another server',
  manifest_vanished: 'its list carries no manifest, and lists of its server did before',
  manifest_invalid: 'the manifest of its list proves nothing',
  manifest_lacks_tool: 'the manifest of its list does not know it',
  serial_lower: 'its list is that of an earlier deployment',
  name_duplicate: 'its server lists more than one tool of that name',
  tool_unknown: 'its server does not list it',
  definition_malformed: 'its definition cannot be read in one way only',
};

/** Why, in one sentence for people. */
export function explain({ reason, fault, other }: ToolVerdict): string {
  const of = other === undefined ? '' : `: '${escapeText(other.tool)}' of ${escapeText(other.server)}`;
  return `${SENTENCES[reason]}${fault === undefined || fault === reason ? '' : ` (${fault})`}${of}`;
}

/** A tool that is not called. The message holds the difference to the approved one, in lines that hide nothing. */
export class ToolDenied extends Error {
  override readonly name = 'ToolDenied';
  readonly code: ToolReason;
  readonly verdict: ToolVerdict;

  constructor(verdict: ToolVerdict) {
    const lines = verdict.diff.map((line) => `\n  ${line}`).join('');
    super(`The tool '${escapeText(verdict.tool)}' must not be called: ${explain(verdict)}${lines}`);
    this.code = verdict.reason;
    this.verdict = verdict;
  }
}
