/** What is wrong with a DPoP proof. For the audit record: the caller learns only that it is not valid. */
export type ProofReason =
  | 'missing'
  | 'duplicate'
  | 'format'
  | 'type'
  | 'algorithm'
  | 'critical'
  | 'key'
  | 'claim'
  | 'method'
  | 'url'
  | 'target'
  | 'time'
  | 'token'
  | 'nonce'
  | 'signature'
  | 'replayed';

/** A proof does not count. It carries no part of the proof. */
export class ProofFault extends Error {
  override readonly name = 'ProofFault';
  readonly reason: ProofReason;
  /** The name of the claim at fault. */
  readonly claim: string | undefined;

  constructor(reason: ProofReason, { claim, cause }: { readonly claim?: string; readonly cause?: unknown } = {}) {
    super(claim === undefined ? reason : `${reason}: ${claim}`, { cause });
    this.reason = reason;
    this.claim = claim;
  }
}
