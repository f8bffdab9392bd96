import type { WireForm } from '../../lib/definitions/form.js';
import type { DefinitionFault } from '../../lib/definitions/verify.js';
import { approvedForm, type Approval } from './approval.js';
import { factsOf, type Decided, type Evidence } from './decide.js';
import { diffLines } from './diff.js';
import type { ToolVerdict } from './verdict.js';

/** The verdict on what has no canonical form. */
export function malformed(server: string, name: string | undefined, form: WireForm): ToolVerdict {
  const decided = { outcome: 'deny', reason: 'definition_malformed' } as const;
  return Object.freeze({ ...decided, tool: name ?? '', server, form, permissions: [], diff: [] });
}

/** The verdict in full. */
export function describe(evidence: Evidence, decided: Decided): ToolVerdict {
  const { name, server, form, digest, approval } = evidence;
  const fault = faultOf(evidence);
  const other = decided.outcome === 'ask' ? decided.other : undefined;
  return Object.freeze({
    outcome: decided.outcome,
    reason: decided.reason,
    tool: name,
    server,
    form,
    digest,
    ...factsOf(evidence),
    diff: decided.reason === 'approved' ? [] : diffFrom(approval ?? other, evidence),
    ...(fault === undefined ? {} : { fault }),
    ...(other === undefined ? {} : { other: { tool: other.tool, server: other.server } }),
  });
}

function faultOf({ proven, expired, list }: Evidence): DefinitionFault | undefined {
  if (typeof proven === 'string') return proven;
  return list.fault ?? (expired === undefined && list.expired === undefined ? undefined : 'signature_expired');
}

function diffFrom(approval: Approval | undefined, { tool, form }: Evidence): readonly string[] {
  const before = approval?.forms[form] ?? approval?.forms.legacy ?? approval?.forms.modern;
  return before === undefined ? [] : diffLines(before.definition, approvedForm(tool).definition);
}

/** What is approved with a tool. Forms of one version add up. Those of another version are gone. */
export function approvalOf(evidence: Evidence, approver: string, approvedAt: Date, expiresAt: Date): Approval {
  const { tool, name, server, form, approval } = evidence;
  const { publisher, signer, version, permissions } = factsOf(evidence);
  const isSame = approval !== undefined && approval.publisher === publisher && approval.version === version;
  const kept = isSame ? approval.forms : {};
  return Object.freeze({
    server,
    tool: name,
    ...(publisher === undefined || signer === undefined || version === undefined ? {} : { publisher, signer, version }),
    permissions,
    forms: { ...kept, [form]: approvedForm(tool) },
    approver,
    approvedAt,
    expiresAt,
  });
}
