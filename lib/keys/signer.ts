import type { Check } from '../options.js';
import type { KeyPurpose } from './keyRecord.js';

/** One private key, ready to sign. It stays usable for as long as it is held: ask `current()` anew for every signature. */
export interface SigningKey {
  /** The RFC 7638 SHA-256 thumbprint of the public key. */
  readonly keyId: string;
  /** The JWS algorithm (RFC 7518, RFC 9864), for example `ES256`. */
  readonly algorithm: string;
  /** A raw JWS signature over the bytes: for ECDSA `r || s` (RFC 7518 section 3.4), never DER. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** Signs with whichever key is active now, so that its holder follows rotation and revocation. */
export interface Signer {
  /** @throws {Unavailable} when the keys cannot be reached */
  readonly current: () => Promise<SigningKey>;
  /** What its keys are published for: it can sign nothing else. Default: verifiers take them for everything. */
  readonly purpose?: KeyPurpose;
}

/**
 * Requires a signer that does not sign for something else. Whatever such a one signed would be denied wherever it is
 * verified, as if somebody had changed it.
 */
export const signerFor =
  (purpose: KeyPurpose): Check =>
  (value) => {
    const signer = value as Partial<Signer> | null | undefined;
    if (typeof signer?.current !== 'function') return `must be a signer, such as keyStore.signer('${purpose}')`;
    if (signer.purpose === undefined || signer.purpose === purpose) return undefined;
    return `signs for '${signer.purpose}'; pass keyStore.signer('${purpose}')`;
  };
