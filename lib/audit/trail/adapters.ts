import type { ToolEvent, ToolListener } from '../../definitions/events.js';
import type { KeyEvent } from '../../keys/keyEvents.js';
import { auditError } from '../detail.js';
import type { AuditEventInput } from '../trail.js';

/** What a `toolVerifier` decides, as far as it is recorded. */
export interface VerdictSeen {
  readonly outcome: 'allow' | 'ask' | 'deny';
  readonly reason: string;
  readonly tool: string;
  readonly server: string;
  readonly version?: string;
  readonly publisher?: string;
  readonly digest?: string;
}

/** What approvals look like to the trail: those of `fileApprovals` and `signedApprovals`. */
export interface ApprovalsSeen<Approved extends ApprovalSeen> {
  readonly save: (approval: Approved) => Promise<void>;
  readonly revoke: (server: string, tool: string, by?: { readonly approver?: string }) => Promise<boolean>;
}

export interface ApprovalSeen {
  readonly server: string;
  readonly tool: string;
  readonly publisher?: string;
  readonly version?: string;
  readonly permissions: readonly string[];
  readonly approver: string;
  readonly expiresAt: Date;
}

/** One line for each part that reports to a trail. All of them can be handed on without the trail. */
export interface TrailAdapters {
  /** `openKeyStore({ ..., onEvent: trail.onKeyEvent })` */
  readonly onKeyEvent: (event: KeyEvent) => void;
  /** `publishTools({ ..., onEvent: trail.onToolEvent })` */
  readonly onToolEvent: ToolListener;
  /** Takes what `toolVerifier(...).check(...)` resolves to. */
  readonly onVerdict: (verdict: VerdictSeen) => void;
  /** `toolVerifier({ ..., approvals: trail.approvals(fileApprovals({ ... })) })`: records who approved and revoked what. */
  readonly approvals: <All extends ApprovalsSeen<never>>(approvals: All) => All;
}

/** @param record never throws */
export function adaptersOf(record: (event: AuditEventInput) => void): TrailAdapters {
  return {
    onKeyEvent: (event) => {
      record(keyEvent(event));
    },
    onToolEvent: Object.assign(
      (event: ToolEvent) => {
        record(toolEvent(event));
      },
      { recordsOnly: true } as const,
    ),
    onVerdict: ({ outcome, reason, tool, server, ...rest }) => {
      const type = outcome === 'allow' ? 'definition_verified' : 'definition_refused';
      record({ type, tool, server, outcome, reason, ...present(rest, ['version', 'publisher', 'digest']) });
    },
    approvals: (approvals) => Object.freeze({ ...approvals, ...recorded(approvals, record) }),
  };
}

function keyEvent(event: KeyEvent): AuditEventInput {
  const time = event.at.toISOString();
  if (event.type === 'upkeep_failed') return { type: 'key_upkeep_failed', time, error: auditError(event.cause) };
  const { type, keyId, purpose, algorithm } = event;
  return { type, time, keyId, purpose, algorithm };
}

function toolEvent(event: ToolEvent): AuditEventInput {
  const { type, name: tool } = event;
  return 'digest' in event
    ? { type, tool, version: event.version, form: event.form, digest: event.digest }
    : { type, tool };
}

/** What has happened is recorded, and what failed has not happened. */
function recorded(
  approvals: ApprovalsSeen<never>,
  record: (event: AuditEventInput) => void,
): ApprovalsSeen<ApprovalSeen> {
  return {
    async save(approval) {
      await approvals.save(approval as never);
      const { tool, server, approver, permissions, version, publisher } = approval;
      const expiresAt = approval.expiresAt.toISOString();
      const more = present({ version, publisher }, ['version', 'publisher']);
      record({ type: 'approval_granted', tool, server, approver, permissions, expiresAt, ...more });
    },
    async revoke(server, tool, by = {}) {
      const revoked = await approvals.revoke(server, tool, by);
      if (revoked) record({ type: 'approval_revoked', tool, server, ...present(by, ['approver']) });
      return revoked;
    },
  };
}

function present<Name extends string>(
  from: Readonly<Partial<Record<Name, string | undefined>>>,
  names: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const found = names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]);
  return Object.fromEntries(found) as Partial<Record<Name, string>>;
}
