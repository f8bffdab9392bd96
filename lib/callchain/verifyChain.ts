import type { Trust, TrustedKey } from '../keys/trust.js';
import { APPROVED_DIGEST, metaOf } from '../definitions/form.js';
import { JsonError } from '../json/strict.js';
import { isPromise } from '../promise.js';
import { callDenial } from './denials.js';
import { argumentsDigest, type Hop, type Hops } from './hop.js';
import { assertLinked, assertTimely, type HopTimes } from './links.js';
import { readChain, toBytes } from './readHop.js';
import { SeenHops } from './seenHops.js';

/** The call that a chain came with. */
export interface ReceivedCall {
  readonly tool: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The owner that the sender of the request is proven to be. Nothing for somebody who signs no hops. */
  readonly sender: string | undefined;
}

export interface ChainVerifierOptions extends HopTimes {
  /** Its owners are in canonical form. */
  readonly trust: Trust;
  /** The canonical resource URI that chains must be for. */
  readonly resource: string;
  readonly now: () => Date;
}

/**
 * Verifies that a chain is for this very call, now, and of whoever sends it, and that each hop is signed by a trusted
 * key of its issuer, the first by one that may start chains. What is cheap goes first, signatures last.
 */
export type VerifyChain = (chain: unknown, call: ReceivedCall) => Promise<Hops>;

/** Prepares a verifier. It throws the denials of chains, and `Unavailable` when keys of a peer are out of reach. */
export function chainVerifier({ trust, resource, now, ...times }: ChainVerifierOptions): VerifyChain {
  const seen = new SeenHops();
  return async (chain, call) => {
    let known: Map<Hop, TrustedKey> | undefined;
    const hops = readChain(chain, (token) => {
      const earlier = seen.get(token);
      if (earlier !== undefined) known = (known ?? new Map<Hop, TrustedKey>()).set(earlier.hop, earlier.trusted);
      return earlier?.hop;
    });
    assertTimely(hops, times, Math.floor(now().getTime() / 1000));
    assertLinked(hops);
    const [first] = hops;
    const leaf = hops.at(-1) ?? first;
    if (leaf.audience !== resource) throw callDenial('audience_mismatch');
    assertSameCall(leaf, call);
    for (const hop of hops) {
      const found = trust.find(hop.keyId);
      const trusted = assertOwn(hop, isPromise(found) ? await found : found);
      const isSeen = known?.get(hop) === trusted;
      const holds = isSeen || isSigned(hop, trusted);
      if (holds !== true && !(await holds)) throw callDenial('chain_invalid');
      if (hop === first && !trusted.mayRoot) throw callDenial('root_denied', { caller: first.issuer });
      if (!isSeen && hop !== leaf) seen.add(hop, trusted);
    }
    return hops;
  };
}

/** One peer must not speak for another: the key has to be one of the hop's issuer. */
function assertOwn({ issuer }: Hop, trusted: TrustedKey | undefined): TrustedKey {
  if (trusted?.owner !== issuer) throw callDenial('chain_untrusted');
  return trusted;
}

function assertSameCall(
  { issuer, tool, toolDigest, argumentsDigest: digest }: Hop,
  { tool: called, params, sender }: ReceivedCall,
): void {
  if (issuer !== sender) throw callDenial('possession_unproven');
  if (tool !== called) throw callDenial('tool_mismatch', { reason: 'name' });
  if (toolDigest !== undefined && metaOf(params)?.[APPROVED_DIGEST] !== toolDigest) {
    throw callDenial('tool_mismatch', { reason: 'digest' });
  }
  if (digest !== digestOf(params['arguments'])) throw callDenial('arguments_mismatch');
}

function digestOf(args: unknown): string {
  try {
    return argumentsDigest(args);
  } catch (error) {
    if (error instanceof JsonError) throw callDenial('arguments_mismatch', { reason: 'ambiguous' });
    throw error;
  }
}

function isSigned({ token, signed, algorithm }: Hop, { key }: TrustedKey): boolean | Promise<boolean> {
  const signature = toBytes(token.slice(signed.length + 1));
  return key.algorithm === algorithm && key.verify(signed, signature);
}
