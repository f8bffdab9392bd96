import type { RequestListener } from 'node:http';

/** What every contender is set up with. */
export interface Setup {
  readonly algorithm: 'RS256' | 'ES256';
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUri: string;
  readonly jwks: { readonly keys: readonly Record<string, unknown>[] };
  /** The public key. */
  readonly pem: string;
  /** The keys of an agent that signs its requests, where there is one. */
  readonly agent?: { readonly keys: readonly object[] };
}

/** What a contender must deny before it is measured. */
export type Denies = 'nothing' | 'bad tokens' | 'bad tokens, weak scopes' | 'bad tokens, weak scopes, unknown tools';

/** One way to protect the same endpoint, served by a process of its own. */
export interface Contender {
  readonly name: string;
  /** The row its added cost is counted from: the same framework and body parser without a check. */
  readonly baseline?: string;
  readonly denies: Denies;
  readonly build: (setup: Setup) => RequestListener | Promise<RequestListener>;
}

/** The tool that the measured request calls. */
export const TOOL = 'echo';
export const SCOPE = 'mcp:read';
