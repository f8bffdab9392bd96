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
}
