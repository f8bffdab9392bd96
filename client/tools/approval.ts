import type { WireForm, WireTool } from '../../lib/definitions/form.js';
import { definitionOf, digestOfTool, isDigest, isVersion } from '../../lib/definitions/form.js';
import { hash } from 'node:crypto';
import { canonicalize } from '../../lib/json/canonical.js';
import { isObject } from '../../lib/rpc.js';
import { canonicalResource } from '../../lib/url.js';

/** A tool in one form, as it was approved. */
export interface ApprovedForm {
  /** As in `digestOfTool`. */
  readonly digest: string;
  /** The tool without its signatures, so that a later one can be compared with it. */
  readonly definition: WireTool;
}

/** That somebody approved a tool of a server. An unsigned tool has no publisher, signer and version. */
export interface Approval {
  /** The canonical resource URI (RFC 8707) of the server. */
  readonly server: string;
  readonly tool: string;
  readonly publisher?: string;
  /** The RFC 7638 thumbprint of the key that signed the tool. */
  readonly signer?: string;
  readonly version?: string;
  readonly permissions: readonly string[];
  /** By the era of the protocol, since a server describes its tools in another form in each. */
  readonly forms: Readonly<Partial<Record<WireForm, ApprovedForm>>>;
  /** Who approved it. */
  readonly approver: string;
  readonly approvedAt: Date;
  readonly expiresAt: Date;
}

/** Under what an approval is kept: one server and one name of a tool, never a name alone. */
export function approvalKey(server: string, tool: string): string {
  return hash('sha256', canonicalize([canonicalResource(server), tool]), 'base64url');
}

export function approvedForm(tool: WireTool): ApprovedForm {
  return { digest: digestOfTool(tool), definition: JSON.parse(definitionOf(tool)) as WireTool };
}

/** What is signed. Times are whole seconds, as in the header of the signature. */
export function encodeApproval({ approvedAt, expiresAt, ...approval }: Approval): string {
  return canonicalize({ ...approval, approvedAt: seconds(approvedAt), expiresAt: seconds(expiresAt) });
}

/** What a signed record says, or nothing when it is not an approval. */
export function decodeApproval(value: unknown): Approval | undefined {
  if (!isObject(value)) return undefined;
  const { approvedAt, expiresAt, ...stated } = value;
  if (!isStated(stated) || !Number.isSafeInteger(approvedAt) || !Number.isSafeInteger(expiresAt)) return undefined;
  const [at, until] = [approvedAt, expiresAt].map((time) => new Date((time as number) * 1000)) as [Date, Date];
  return Object.freeze({ ...stated, approvedAt: at, expiresAt: until });
}

function isStated(
  value: Readonly<Record<string, unknown>>,
): value is Record<string, never> & Omit<Approval, 'approvedAt' | 'expiresAt'> {
  const { server, tool, publisher, signer, version, permissions, forms, approver } = value;
  const isSigned = typeof publisher === 'string' && typeof signer === 'string' && isVersion(version);
  const isUnsigned = publisher === undefined && signer === undefined && version === undefined;
  return (
    [server, tool, approver].every((one) => typeof one === 'string') &&
    (isSigned || isUnsigned) &&
    Array.isArray(permissions) &&
    permissions.every((one) => typeof one === 'string') &&
    isObject(forms) &&
    Object.entries(forms).every(([form, one]) => isForm(form) && isApprovedForm(one))
  );
}

function isForm(value: string): value is WireForm {
  return value === 'legacy' || value === 'modern';
}

function isApprovedForm(value: unknown): value is ApprovedForm {
  return isObject(value) && isDigest(value['digest']) && isObject(value['definition']);
}

export function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
