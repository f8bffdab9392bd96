import type { JSONWebKeySet } from 'jose';
import { readCompact, signCompact } from '../../lib/definitions/compact.js';
import { verifyJws } from '../../lib/definitions/jws.js';
import { readStrictJson } from '../../lib/json/strict.js';
import { signerFor, type Signer } from '../../lib/keys/signer.js';
import { openTrust, type Trust } from '../../lib/keys/trust.js';
import { keep } from '../../lib/memo.js';
import { callback, object, optional, readOptions } from '../../lib/options.js';
import type { ApprovalStore } from '../../lib/stores/approvals.js';
import { escapeText } from '../../lib/text.js';
import { approvalKey, decodeApproval, encodeApproval, seconds, type Approval } from './approval.js';
import { deploymentsKey, isDeploymentsKey, signDeployments, verifyDeployments } from './deployments.js';
import type { Deployments } from './serials.js';

/** What was approved, by whom, and until when. */
export interface Approvals {
  /**
   * The approval of a tool of a server, also one that has expired.
   * @throws {ApprovalsError} for one that was not signed by a known key
   * @throws {Unavailable} when that cannot be known
   */
  readonly find: (server: string, tool: string) => Promise<Approval | undefined>;
  /** All of them, also those that have expired. Throws as `find` does. */
  readonly list: () => Promise<readonly Approval[]>;
  /** Signs an approval and puts it in the place of the one before. */
  readonly save: (approval: Approval) => Promise<void>;
  /** Takes an approval back, and remembers that. Whether there was one. Who does is for those who record it. */
  readonly revoke: (server: string, tool: string, by?: RevokeOptions) => Promise<boolean>;
  /** Whether the last thing that happened to the approval of a tool is that it was taken back. */
  readonly isRevoked: (server: string, tool: string) => Promise<boolean>;
  /** The deployments of a server that were seen last. Empty where none was. Throws as `find` does. */
  readonly deployments: (server: string) => Promise<Deployments>;
  /** Remembers them: without a signer for as long as the process runs. */
  readonly saveDeployments: (server: string, deployments: Deployments) => Promise<void>;
}

export interface RevokeOptions {
  /** Who takes an approval back. Default of a `toolVerifier`: `user`. */
  readonly approver?: string;
}

export interface SignedApprovalsOptions {
  /** Where the records are kept: `memoryApprovals()`, or `redisStores(client).approvals`. */
  readonly store: ApprovalStore;
  /** Signs new approvals: `keyStore.signer('approval')`. Without it, approvals are read and revoked only. */
  readonly signer?: Signer;
  /** The public keys whose approvals count, those of the signer included. */
  readonly keys: JSONWebKeySet;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** An approval that nobody whose keys are known has signed: changed by hand, put in another place, or forged. */
export class ApprovalsError extends Error {
  override readonly name = 'ApprovalsError';
  readonly code = 'approvals_changed';
}

/** Stands in the place of an approval. It needs no signature: whoever could write it could remove the approval too. */
const REVOKED = 'revoked';
const MOST_CACHED = 1024;

/**
 * Keeps approvals, each as a JWS (RFC 7515) of `typ` `etdi-approval+jws`: the store can lose one, and cannot make one up.
 * @throws {TypeError} when an option is not what it must be
 */
export function signedApprovals(options: SignedApprovalsOptions): Approvals {
  const {
    store,
    signer,
    keys,
    now = () => new Date(),
  } = readOptions<SignedApprovalsOptions>('signedApprovals', options, {
    store: object,
    signer: optional(signerFor('approval')),
    keys: object,
    now: optional(callback),
  });
  const trust = openTrust('signedApprovals', [{ owner: 'approvals', jwks: keys }], {
    option: 'keys',
    purpose: 'approval',
    fetch,
    now,
  });
  const read = reader(trust, now);
  const unsaved = new Map<string, Deployments>();

  return Object.freeze({
    async find(server: string, tool: string) {
      const key = approvalKey(server, tool);
      const record = await store.get(key);
      return record === undefined || record === REVOKED ? undefined : read(key, record);
    },
    async list() {
      const records = [...(await store.entries())].filter(
        ([key, record]) => record !== REVOKED && !isDeploymentsKey(key),
      );
      return Promise.all(records.map(([key, record]) => read(key, record)));
    },
    async save(approval: Approval) {
      if (signer === undefined) throw new TypeError("signedApprovals: approving takes the option 'signer'");
      const payload = encodeApproval(approval);
      const terms = { key: await signer.current(), issuedAt: approval.approvedAt, expiresAt: approval.expiresAt };
      const key = approvalKey(approval.server, approval.tool);
      const record = await signCompact('etdi-approval+jws', payload, approval.approver, terms);
      // What could not be read again would lock the tool out, and everybody else with it.
      await read(key, record);
      await store.set(key, record);
    },
    async revoke(server: string, tool: string) {
      const key = approvalKey(server, tool);
      const record = await store.get(key);
      if (record === undefined || record === REVOKED) return false;
      await store.set(key, REVOKED);
      return true;
    },
    async isRevoked(server: string, tool: string) {
      return (await store.get(approvalKey(server, tool))) === REVOKED;
    },
    async deployments(server: string) {
      const key = deploymentsKey(server);
      const record = await store.get(key);
      const saved = record === undefined ? [] : await verifyDeployments(server, record, trust.find, now());
      if (saved === undefined) throw deploymentsChanged(server);
      return unsaved.get(key) ?? saved;
    },
    async saveDeployments(server: string, deployments: Deployments) {
      const key = deploymentsKey(server);
      if (signer === undefined) unsaved.set(key, deployments);
      else await store.set(key, await signDeployments(server, deployments, await signer.current(), now()));
    },
  });
}

/** The keys are pinned, so that what was verified once stays so. */
function reader(trust: Trust, now: () => Date): (key: string, record: string) => Promise<Approval> {
  const known = new Map<string, Approval>();
  return async (key, record) => {
    const name = `${key} ${record}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    const approval = await verify(key, record, trust, now());
    keep(known, MOST_CACHED, name, approval);
    return approval;
  };
}

async function verify(key: string, record: string, trust: Trust, now: Date): Promise<Approval> {
  const jws = readCompact(record);
  if (jws === undefined) throw changed();
  const approval = decodeApproval(readStrictJson(jws.payload));
  if (approval === undefined || approvalKey(approval.server, approval.tool) !== key) throw changed(approval);
  const { approvedAt, expiresAt, approver } = approval;
  // As of the time it was made: one that has expired is still known to have been given.
  const at = approvedAt > now ? now : approvedAt;
  const facts = await verifyJws('etdi-approval+jws', jws.payload, jws.signature, trust.find, at);
  if (typeof facts === 'string' || facts.issuer !== approver) throw changed(approval);
  const sameTimes = seconds(facts.issuedAt) === seconds(approvedAt) && seconds(facts.expiresAt) === seconds(expiresAt);
  if (!sameTimes) throw changed(approval);
  return approval;
}

function deploymentsChanged(server: string): ApprovalsError {
  return new ApprovalsError(
    `what is remembered of the deployments of ${escapeText(server)} was changed, or was signed by none of 'keys'; remove it from the store`,
  );
}

function changed(approval?: Approval): ApprovalsError {
  const of = approval === undefined ? '' : ` of '${escapeText(approval.tool)}' at ${escapeText(approval.server)}`;
  return new ApprovalsError(
    `the approval${of} was changed, or was signed by none of 'keys'; revoke it and approve the tool again`,
  );
}
