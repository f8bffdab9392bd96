import { randomUUID } from 'node:crypto';
import { argumentsDigest, hopDigest, signingInput } from '../callchain/hop.js';
import { signHop } from '../callchain/signHop.js';
import type { Signer } from '../keys/signer.js';

/** One hop of a chain, as a test wants it. */
export interface HopToSign {
  readonly signer: Signer;
  /** Who calls: the resource URI of a server, or the URI of an agent. */
  readonly issuer: string;
  /** The resource URI of the server that is called. */
  readonly resource: string;
  readonly tool: string;
  /** The tool that calls, in the first hop. Default: none, an agent calls. */
  readonly caller?: string;
  /** Default: none. */
  readonly arguments?: unknown;
  /** Default: none. */
  readonly permissions?: readonly string[];
  /** The thumbprint of the only key that may sign the next hop. Default: any. */
  readonly calleeKey?: string;
  /** Members that replace or join the claims; `undefined` leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Members that replace or join the protected header; `undefined` leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>;
}

/** What all hops have in common. Everything has a default. */
export interface SignCallChainOptions {
  /** Default: none. */
  readonly subject?: string;
  /** Default: random. */
  readonly transaction?: string;
  /** The last place that a hop may have, counted from 0. Default: 7. */
  readonly maxDepth?: number;
  /** Seconds. Default: 60. */
  readonly lifetime?: number;
  /** The hops that these continue. Default: none. */
  readonly after?: readonly string[];
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** Signs a call chain for tests of what gets one: each hop continues the one before it, whatever its members say. */
export async function signCallChain(hops: readonly HopToSign[], options: SignCallChainOptions = {}): Promise<string[]> {
  const {
    subject,
    transaction = randomUUID(),
    maxDepth = 7,
    lifetime = 60,
    after = [],
    now = () => new Date(),
  } = options;
  const issuedAt = Math.floor(now().getTime() / 1000);
  const chain = [...after];
  for (const hop of hops) {
    const parent = chain.at(-1);
    const claims = {
      issuer: hop.issuer,
      audience: hop.resource,
      subject,
      transaction,
      issuedAt,
      expiresAt: issuedAt + lifetime,
      depth: chain.length,
      maxDepth,
      parent: parent === undefined ? undefined : hopDigest(signingInput(parent)),
      caller: hop.caller,
      permissions: hop.permissions ?? [],
      nextKey: hop.calleeKey,
      tool: hop.tool,
      argumentsDigest: argumentsDigest(hop.arguments),
      toolDigest: undefined,
    };
    chain.push(await signHop(claims, await hop.signer.current(), hop));
  }
  return chain;
}
