import type { Trust } from '../keys/trust.js';
import { APPROVED_DIGEST, metaOf } from '../definitions/form.js';
import { decode } from '../definitions/jws.js';
import { JsonError } from '../json/strict.js';
import { canonicalResource } from '../url.js';
import { callDenial } from './denials.js';
import { argumentsDigest, readChain, signingInput, type Hop } from './hop.js';
import { assertLinked, assertTimely, type HopTimes } from './links.js';

/** The call that a chain came with. */
export interface ReceivedCall {
  readonly tool: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The owner that the sender of the request is proven to be. Nothing for somebody who signs no hops. */
  readonly sender: string | undefined;
}

export interface ChainVerifierOptions extends HopTimes {
  readonly trust: Trust;
  /** The canonical resource URI that chains must be for. */
  readonly resource: string;
  readonly now: () => Date;
}

/**
 * Verifies that a chain is for this very call, now, and of whoever sends it, and that each hop is signed by a trusted
 * key of its issuer, the first by one that may start chains. What is cheap goes first, signatures last.
 */
export type VerifyChain = (chain: unknown, call: ReceivedCall) => Promise<readonly [Hop, ...Hop[]]>;

/** Prepares a verifier. It throws the denials of chains, and `Unavailable` when keys of a peer are out of reach. */
export function chainVerifier({ trust, resource, now, ...times }: ChainVerifierOptions): VerifyChain {
  return async (chain, call) => {
    const hops = readChain(chain);
    assertTimely(hops, times, Math.floor(now().getTime() / 1000));
    assertLinked(hops);
    const [first, leaf] = [hops.at(0), hops.at(-1)];
    if (first === undefined || leaf === undefined) throw callDenial('chain_malformed', { reason: 'shape' });
    if (leaf.audience !== resource) throw callDenial('audience_mismatch');
    if (leaf.issuer !== call.sender) throw callDenial('possession_unproven');
    assertSameCall(leaf, call);
    if (!(await verifyHop(first, trust))) throw callDenial('root_denied', { caller: first.issuer });
    for (const hop of hops.slice(1)) await verifyHop(hop, trust);
    return [first, ...hops.slice(1)];
  };
}

function assertSameCall({ tool, toolDigest, ...leaf }: Hop, { tool: called, params }: ReceivedCall): void {
  if (tool !== called) throw callDenial('tool_mismatch', { reason: 'name' });
  if (toolDigest !== undefined && metaOf(params)?.[APPROVED_DIGEST] !== toolDigest) {
    throw callDenial('tool_mismatch', { reason: 'digest' });
  }
  if (leaf.argumentsDigest !== digestOf(params['arguments'])) throw callDenial('arguments_mismatch');
}

function digestOf(args: unknown): string {
  try {
    return argumentsDigest(args);
  } catch (error) {
    if (error instanceof JsonError) throw callDenial('arguments_mismatch', { reason: 'ambiguous' });
    throw error;
  }
}

/** Whether the signer of a hop may start chains. */
async function verifyHop(hop: Hop, trust: Trust): Promise<boolean> {
  const trusted = await trust.find(hop.keyId);
  // One peer must not speak for another: the key has to be one of the hop's issuer.
  if (trusted === undefined || canonicalResource(trusted.owner) !== hop.issuer) throw callDenial('chain_untrusted');
  const { key, mayRoot } = trusted;
  const signature = decode(hop.token.slice(hop.token.lastIndexOf('.') + 1));
  const holds =
    key.algorithm === hop.algorithm &&
    signature !== undefined &&
    (await key.verify(Buffer.from(signingInput(hop.token), 'ascii'), signature));
  if (!holds) throw callDenial('chain_invalid');
  return mayRoot;
}
