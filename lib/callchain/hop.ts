import { hash } from 'node:crypto';
import { canonicalize } from '../json/canonical.js';

/** The member of a call's `_meta` that holds its chain: one signed hop after the other, the root first. */
export const CALL_CHAIN = 'io.github.mcp-etdi/call-chain';
/** The `typ` of a hop: a token that was made for something else is none (RFC 8725 section 3.11). */
export const HOP_TYPE = 'etdi-call+jwt';
/** The type of the authorization details of a hop (RFC 9396). */
export const TOOL_CALL = 'https://mcp-etdi.github.io/tool-call';
/** How many hops a chain may have. */
export const MAX_HOPS = 8;
/** How long a chain may be, in characters. */
export const MAX_CHAIN = 16_384;

/** What one hop says: a server, or the agent that starts a chain, consents to this very call of one tool. */
export interface HopClaims {
  /** Who calls: the resource URI of a server, or the URI of an agent. */
  readonly issuer: string;
  /** The resource URI of the server that is called. */
  readonly audience: string;
  readonly subject: string | undefined;
  readonly transaction: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** The place in the chain, from 0. */
  readonly depth: number;
  /** The last place that a chain with this hop may have. */
  readonly maxDepth: number;
  /** The digest of the hop before this one. */
  readonly parent: string | undefined;
  /** The tool that calls. Only the first hop says it: all others are made by the tool that the hop before them calls. */
  readonly caller: string | undefined;
  readonly permissions: readonly string[];
  /** The thumbprint of the only key that may sign the next hop. */
  readonly nextKey: string | undefined;
  readonly tool: string;
  readonly argumentsDigest: string;
  /** The digest of the tool's definition that the caller approved. */
  readonly toolDigest: string | undefined;
}

/** A hop as it was sent. */
export interface Hop extends HopClaims {
  readonly token: string;
  /** What its signature is over. */
  readonly signed: string;
  readonly keyId: string;
  readonly algorithm: string;
  readonly id: string;
}

/** A chain, the root first. */
export type Hops = readonly [Hop, ...Hop[]];

/** The digest by which the next hop names a hop: of what is signed, not of the signature. */
export function hopDigest(signed: string): string {
  return hash('sha256', signed, 'base64url');
}

/** What the signature of a token is over (RFC 7515 section 7.1). */
export function signingInput(token: string): string {
  return token.slice(0, token.lastIndexOf('.'));
}

/**
 * The digest of what a tool is called with. No arguments and an empty object are the same.
 * @throws {JsonError} for what not every reader would read the same
 */
export function argumentsDigest(args: unknown): string {
  return hash('sha256', canonicalize(args ?? {}), 'base64url');
}
