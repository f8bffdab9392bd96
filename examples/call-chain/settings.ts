// What the three servers of this example know about each other and about their authorization server.
import type { Exchanger } from '../support/tokenExchange.js';

/** The servers: each is a process of its own, and a client of the authorization server under the same name. */
export const NAMES = ['reports', 'files', 'audit'] as const;
export type Name = (typeof NAMES)[number];

export interface Settings {
  /** Which of the servers this is. */
  readonly name: Name;
  /** The public URL of each MCP endpoint. */
  readonly resources: Readonly<Record<Name, string>>;
  readonly issuer: string;
  /** The key store of this server, and what encrypts it. */
  readonly directory: string;
  readonly secret: string;
  /** Proves this server to the authorization server. Left out where its request key does. */
  readonly clientSecret?: string;
  /** An agent that starts call chains itself, and where its keys are published. */
  readonly agent: { readonly owner: string; readonly clientId: string; readonly jwksUri: string };
}

/** Who may exchange tokens, and how they prove who they are. */
export function exchangerOf(name: Name, resource: string, credential: Exchanger['credential']): Exchanger {
  return { clientId: name, resource, credential };
}
