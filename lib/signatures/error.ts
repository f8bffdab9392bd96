/** Why a message is not signed as it should be. Stable, and never part of an answer: it would be an oracle. */
export type SignatureReason =
  /** A field is not the structured field it must be, or is too long. */
  | 'malformed'
  /** More signatures or components than are looked at. */
  | 'too_many'
  /** A component identifier with a name or a parameter that is unknown or out of place. */
  | 'component_invalid'
  | 'component_duplicate'
  /** The message does not have what the signature says it covers. */
  | 'component_missing'
  /** A covered value that cannot stand in a signature base: not ASCII, or more than one line. */
  | 'component_unprintable'
  /** A signature parameter that is not of its type. */
  | 'parameter_invalid'
  /** The `alg` parameter disagrees with the key. */
  | 'algorithm_mismatch'
  /** The request target is not one of the origin. */
  | 'target_invalid'
  /** The key did not make this signature over this message. */
  | 'signature_mismatch'
  | 'digest_missing'
  /** No digest of an algorithm that is safe against an adversary. */
  | 'digest_unsupported'
  | 'digest_mismatch';

/** The only error that reading, checking and making HTTP message signatures throws for a message. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
  readonly reason: SignatureReason;

  /** `message` is a constant sentence: nothing of the message that was read comes back in it. */
  constructor(reason: SignatureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
