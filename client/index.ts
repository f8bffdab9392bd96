export { dpopFetch, type DPoPFetchOptions } from './dpopFetch.js';
export { mtlsFetch, type MtlsFetch, type MtlsFetchOptions } from './mtlsFetch.js';
export type { MtlsServer } from './mtlsServer.js';
export { signingFetch, type SigningFetchOptions } from './signingFetch.js';
export { guardClient, VERDICT, type Consent, type GuardableClient, type GuardClientOptions } from './guardClient.js';
export {
  toolVerifier,
  type ApproveOptions,
  type CheckOptions,
  type ToolVerifier,
  type ToolVerifierOptions,
} from './toolVerifier.js';
export type { Approval, ApprovedForm } from './tools/approval.js';
export {
  ApprovalsError,
  signedApprovals,
  type Approvals,
  type RevokeOptions,
  type SignedApprovalsOptions,
} from './tools/approvals.js';
export { fileApprovals, type FileApprovalsOptions } from './tools/fileApprovals.js';
export { KEY_ROTATIONS, signKeyRotation, type KeyRotationOptions } from './tools/keyRotation.js';
export type { Deployment, Deployments } from './tools/serials.js';
export {
  explain,
  ToolDenied,
  type AllowReason,
  type ApprovalRequest,
  type AskReason,
  type DenyReason,
  type ToolReason,
  type ToolVerdict,
} from './tools/verdict.js';
export { memoryApprovals, type ApprovalStore } from '../lib/stores/approvals.js';
export type { TrustedKeys } from '../lib/keys/trust.js';
export type { WireForm, WireTool } from '../lib/definitions/form.js';
export type { ProofKey } from '../lib/dpop/createProof.js';
export { TokenDenied, verifyingFetch, type TokenReason, type VerifyingFetchOptions } from './verifyingFetch.js';
export type { SignatureFault } from '../lib/definitions/jws.js';
export type { DefinitionFault } from '../lib/definitions/verify.js';
export type { FaultReason } from '../lib/tokens/fault.js';
