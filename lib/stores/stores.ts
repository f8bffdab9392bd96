import type { ApprovalStore } from './approvals.js';
import type { RateStore } from './rate.js';
import type { ReplayStore } from './replay.js';
import type { RevocationStore } from './revocations.js';
import type { SessionStore } from './sessions.js';

/** All that several instances of a server must know in common. */
export interface Stores {
  /** Used signatures, proofs and call chains: for `verifySignature`, `authenticate` and `callStackGuard`. */
  readonly replay: ReplayStore;
  /** Owners of sessions: for `bindSession`. */
  readonly sessions: SessionStore;
  /** Makes a counter for windows of one length, in milliseconds: for `rateLimit`, and for `calls` of `callStackGuard`. */
  readonly rate: (windowMs: number) => RateStore;
  /** Tokens that count no longer: for `revoked` of `authenticate`. */
  readonly revocations: RevocationStore;
  /** What users approved: for `signedApprovals` of `mcp-etdi/client`. */
  readonly approvals: ApprovalStore;
}
