/** Who signed a request. */
export interface Signature {
  /** The RFC 7638 SHA-256 thumbprint of the key. */
  readonly keyId: string;
  readonly algorithm: string;
  /** The peer whose key it is: a resource URI, or the URI of an agent. */
  readonly owner: string;
  /** The OAuth client id of that peer; its `owner` where none was configured. */
  readonly clientId: string;
  /** Whether that peer may start call chains. */
  readonly mayRoot: boolean;
  /** Seconds since the epoch. */
  readonly created: number;
  /** Seconds since the epoch. */
  readonly expires: number;
  readonly nonce: string;
  /** What the signature covers. Only these parts of the request are proven to be the signer's. */
  readonly components: readonly string[];
}
