/** What is wrong with a token. For the audit record: the caller learns only that it is not valid. */
export type FaultReason =
  | 'size'
  | 'format'
  | 'header'
  | 'algorithm'
  | 'critical'
  | 'type'
  | 'issuer'
  | 'audience'
  | 'claim'
  | 'expired'
  | 'not_yet_valid'
  | 'bound'
  | 'unbound'
  | 'certificate'
  | 'inactive'
  | 'revoked'
  | 'key'
  | 'signature';

export interface FaultOptions {
  /** The name of the claim or header member at fault. */
  readonly claim?: string;
  readonly cause?: unknown;
}

/** A token is not valid, and it is the token's own fault. It carries no part of the token. */
export class TokenFault extends Error {
  override readonly name = 'TokenFault';
  readonly reason: FaultReason;
  readonly claim: string | undefined;

  constructor(reason: FaultReason, { claim, cause }: FaultOptions = {}) {
    super(claim === undefined ? reason : `${reason}: ${claim}`, { cause });
    this.reason = reason;
    this.claim = claim;
  }
}
