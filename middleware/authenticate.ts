/** Who is calling, as proven by an access token. Frozen, and shared between requests that carry the same token. */
export interface Auth {
  /** The authorization server that vouches for the caller: the exact `iss` of the token. */
  readonly issuer: string;
  readonly subject: string;
  /** The OAuth client. For client credentials it may equal `subject`: a client is never a user (RFC 9700 section 4.15). */
  readonly clientId: string;
  /** What the token was granted, whatever claim its issuer puts it in. */
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** The resource the token was issued for, in canonical form. */
  readonly resource: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly token: string;
  /** Every claim of the token, frozen. */
  readonly claims: Readonly<Record<string, unknown>>;
}

declare module '../lib/context.js' {
  interface State {
    auth: Auth;
  }
}
