import { digestOfTool, isVersion, type WireForm, type WireTool } from '../lib/definitions/form.js';
import { verifyTool, type DefinitionFault, type VerifiedDefinition } from '../lib/definitions/verify.js';
import { openTrust, type Trust, type TrustedKeys } from '../lib/keys/trust.js';
import {
  callback,
  flag,
  integer,
  listOf,
  object,
  oneOf,
  optional,
  readOptions,
  recordOf,
  text,
} from '../lib/options.js';
import { isObject } from '../lib/rpc.js';
import { canonicalResource, secureUrl } from '../lib/url.js';
import { changesAppearance } from './tools/appearance.js';
import type { Approval } from './tools/approval.js';
import type { Approvals, RevokeOptions } from './tools/approvals.js';
import { compareWithOthers, decide, type Evidence, type Policy } from './tools/decide.js';
import { approvalOf, describe, malformed } from './tools/describe.js';
import { followRotations } from './tools/keyRotation.js';
import { Manifests, type ListFacts } from './tools/manifests.js';
import { ToolDenied, type ToolVerdict } from './tools/verdict.js';

export interface ToolVerifierOptions {
  /** The URL of the MCP endpoint: the `resource` of the server. */
  readonly server: string;
  /** Who may publish tools for this server, and their keys. Default: nobody, which only makes sense with `unsigned`. */
  readonly publishers?: readonly TrustedKeys[];
  /** What was approved: `fileApprovals(...)`, or `signedApprovals(...)` over Redis. */
  readonly approvals: Approvals;
  /** Whether to approve tools that trusted publishers signed when they are first seen. Default: false. */
  readonly trustOnFirstUse?: boolean;
  /** Whether unsigned tools are denied, or may be approved as they are. Default: `deny`. */
  readonly unsigned?: 'deny' | 'ask';
  /**
   * Whether a new version is approved without a question where title and icons are all that changed. It holds for as
   * long as the approval before. Default: false.
   */
  readonly acceptAppearance?: boolean;
  /**
   * For how many seconds after a deployment was first seen its server may still show earlier ones: the length of a
   * rolling deployment. Later, an earlier one is a rollback. Default: an hour.
   */
  readonly deploymentGrace?: number;
  /** Lower versions of these tools are denied, approved or not. Default: none. */
  readonly minimumVersions?: Readonly<Record<string, string>>;
  /** Statements of publishers about their new keys, as `signKeyRotation` made them. Default: none. */
  readonly keyRotations?: readonly string[];
  /** For how long an approval holds, in seconds. Default: 90 days. */
  readonly approvalLifetime?: number;
  /** Fetches key sets. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

export interface CheckOptions {
  /** The era of the protocol in which the tool was listed. Default: `legacy`. */
  readonly form?: WireForm;
  /** Further statements about keys, such as those that came with the list. */
  readonly keyRotations?: readonly unknown[];
  /**
   * The manifest that came with the list, in `result._meta["io.github.mcp-etdi/manifest"]`; `null` where the list
   * carried none. Default: the tool did not come in a list.
   */
  readonly manifest?: unknown;
}

export interface ApproveOptions extends CheckOptions {
  /** Who approves. Default: `user`. */
  readonly approver?: string;
  /** Until when. Default: as `approvalLifetime` says. */
  readonly expiresAt?: Date;
}

/** Decides which tools of one server may be called. */
export interface ToolVerifier {
  readonly server: string;
  /**
   * What holds for a tool as it was received, every member of it.
   * @throws {ApprovalsError} when approvals were changed by hand
   * @throws {Unavailable} when keys or approvals cannot be had
   */
  readonly check: (tool: WireTool, options?: CheckOptions) => Promise<ToolVerdict>;
  /**
   * Approves a tool as it is.
   * @throws {ToolDenied} for one that nobody can approve
   */
  readonly approve: (tool: WireTool, options?: ApproveOptions) => Promise<Approval>;
  /** Takes an approval back. Whether there was one. */
  readonly revoke: (tool: string, options?: RevokeOptions) => Promise<boolean>;
}

const NINETY_DAYS = 7_776_000;
const HOUR = 3_600;

const version = (value: unknown): string | undefined => (isVersion(value) ? undefined : 'must be a version like 1.2.0');

/**
 * Decides whether a tool is what its publisher signed and somebody approved.
 *
 * The digest of the whole definition decides; versions, permissions and keys only explain, and tell what somebody may
 * approve from what nobody may. Nothing that a tool says of itself counts before its signature is proven.
 * @throws {TypeError} when an option is not what it must be
 */
export function toolVerifier(options: ToolVerifierOptions): ToolVerifier {
  const given = readOptions<ToolVerifierOptions>('toolVerifier', options, {
    server: secureUrl,
    publishers: optional(listOf(object)),
    approvals: object,
    trustOnFirstUse: optional(flag),
    unsigned: optional(oneOf('deny', 'ask')),
    acceptAppearance: optional(flag),
    deploymentGrace: optional(integer(0)),
    minimumVersions: optional(recordOf(version)),
    keyRotations: optional(listOf(text)),
    approvalLifetime: optional(integer(60)),
    fetch: optional(callback),
    now: optional(callback),
  });
  const { approvals, trustOnFirstUse = false, acceptAppearance = false, deploymentGrace = HOUR } = given;
  const { approvalLifetime = NINETY_DAYS, now = () => new Date() } = given;
  const server = canonicalResource(given.server);
  const trust = openPublishers(given, now);
  const manifests = new Manifests({ server, approvals, graceMs: deploymentGrace * 1000 });
  const policy: Policy = {
    minimumVersions: new Map(Object.entries(given.minimumVersions ?? {})),
    mayAskUnsigned: given.unsigned === 'ask',
  };

  const weigh = async (tool: WireTool, options: CheckOptions): Promise<Weighed> => {
    const { form = 'legacy', keyRotations = [], manifest } = options;
    const [name, time] = [nameOf(tool), now()];
    if (name === undefined) return { verdict: malformed(server, name, form) };
    const find = followRotations(trust.find, [...(given.keyRotations ?? []), ...keyRotations], time);
    const [proven, expired] = await prove(tool, find, time);
    const digest = typeof proven === 'string' ? digestIfAny(tool) : proven.digest;
    if (digest === undefined) return { verdict: malformed(server, name, form) };
    const list: ListFacts = manifest === undefined ? {} : await manifests.judge(manifest, find, time);
    const approval = await approvals.find(server, name);
    const evidence: Evidence = { tool, name, server, form, digest, proven, expired, list, approval, now: time };
    const decided = decide(evidence, policy);
    const isNew = decided.reason === 'not_approved' && approval === undefined;
    const final = isNew ? compareWithOthers(evidence, await approvals.list()) : decided;
    return { evidence, verdict: describe(evidence, final) };
  };

  const save = async (evidence: Evidence, { approver = 'user', expiresAt }: ApproveOptions): Promise<Approval> => {
    const time = now();
    const until = expiresAt ?? new Date(time.getTime() + approvalLifetime * 1000);
    const approval = approvalOf(evidence, approver, time, until);
    await approvals.save(approval);
    return approval;
  };

  return Object.freeze({
    server,
    async check(tool: WireTool, options: CheckOptions = {}): Promise<ToolVerdict> {
      const { evidence, verdict } = await weigh(tool, options);
      // What nobody was asked about must at least be in force.
      if (evidence === undefined || verdict.fault !== undefined) return verdict;
      const { approval } = evidence;
      const isNext = acceptAppearance && verdict.reason === 'version_new' && approval !== undefined;
      if (isNext && changesAppearance(approval, evidence)) {
        await save(evidence, { approver: 'appearance', expiresAt: approval.expiresAt });
        return Object.freeze({ ...verdict, outcome: 'allow', reason: 'appearance_changed' });
      }
      const isFirst = trustOnFirstUse && verdict.reason === 'not_approved' && verdict.publisher !== undefined;
      if (!isFirst || approval !== undefined || (await approvals.isRevoked(server, verdict.tool))) return verdict;
      await save(evidence, { approver: 'first use' });
      return Object.freeze({ ...verdict, outcome: 'allow', reason: 'first_use' });
    },
    async approve(tool: WireTool, options: ApproveOptions = {}) {
      const { evidence, verdict } = await weigh(tool, options);
      if (evidence === undefined || verdict.outcome === 'deny') throw new ToolDenied(verdict);
      return save(evidence, options);
    },
    revoke: (tool: string, { approver = 'user' }: RevokeOptions = {}) => approvals.revoke(server, tool, { approver }),
  });
}

interface Weighed {
  readonly verdict: ToolVerdict;
  /** None where there is nothing to decide about. */
  readonly evidence?: Evidence;
}

function openPublishers(
  { publishers = [], unsigned, fetch: send = fetch }: ToolVerifierOptions,
  now: () => Date,
): Trust {
  if (publishers.length > 0)
    return openTrust('toolVerifier', publishers, { option: 'publishers', purpose: 'definition', fetch: send, now });
  if (unsigned === 'ask') return { find: () => Promise.resolve(undefined) };
  throw new TypeError("toolVerifier: 'publishers' must name who signs the tools, unless 'unsigned' is 'ask'");
}

/** Who signed the tool also counts after the signature expired: without that there would be nothing to ask about. */
async function prove(
  tool: WireTool,
  find: Trust['find'],
  now: Date,
): Promise<readonly [VerifiedDefinition | DefinitionFault, Date?]> {
  const proven = await verifyTool(tool, find, now);
  if (proven !== 'signature_expired') return [proven];
  const late = await verifyTool(tool, find, now, { expired: 'take' });
  return typeof late === 'string' ? [late] : [late, late.expiresAt];
}

function nameOf(tool: unknown): string | undefined {
  const name = isObject(tool) && Object.hasOwn(tool, 'name') ? tool['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** None for a tool that has no canonical form. */
function digestIfAny(tool: WireTool): string | undefined {
  try {
    return digestOfTool(tool);
  } catch {
    return undefined;
  }
}
