import type { HttpRequest } from '../context.js';
import { SignatureError } from '../signatures/error.js';
import { originOf, targetOf, type Origin } from '../signatures/message.js';
import type { ReplayStore } from '../stores/replay.js';
import { tokenDigest } from '../tokens/digest.js';
import { ProofFault } from './fault.js';
import { ProofHeaders, proofKeys } from './keys.js';
import type { Nonces } from './nonces.js';
import { readProof, type Proof } from './proof.js';
import { proofUrl } from './url.js';

export interface ProofVerifierOptions {
  /** The public URL of the resource, which proofs must be for. */
  readonly resource: string;
  /** The path at which its requests arrive. */
  readonly path: string;
  readonly algorithms: readonly string[];
  /** Seconds. */
  readonly window: number;
  readonly nonces: Nonces | undefined;
  readonly replay: ReplayStore;
  readonly now: () => Date;
}

/** What a proof must prove, beside the request itself. */
export interface ProofOf {
  readonly token: string;
  /** The thumbprint of the key that the token is bound to. */
  readonly thumbprint: string;
}

/** Requires a valid proof of a request. It throws `ProofFault`, and `Unavailable` when the store cannot tell. */
export type ProofVerifier = (request: HttpRequest, of: ProofOf) => Promise<void>;

/**
 * Prepares the twelve checks of RFC 9449 section 4.3, and the replay check of section 11.1. The cheap ones come first,
 * then the signature, and a proof is spent last, so that nobody can spend the proofs of others.
 * @throws {TypeError} when no proof could be for the resource
 */
export function proofVerifier(options: ProofVerifierOptions): ProofVerifier {
  const { resource, nonces, replay, now, window } = options;
  const url = proofUrl(resource);
  if (url === undefined) throw new TypeError("'resource' must be a URL with plain escapes, which proofs can name");
  const origin = originOf(resource);
  const algorithms = new Set(options.algorithms);
  const keyOf = proofKeys();
  const headers = new ProofHeaders();

  const assertFor = (request: HttpRequest, proof: Proof, { token, thumbprint }: ProofOf): void => {
    if (proof.thumbprint !== thumbprint) throw new ProofFault('key');
    if (proof.htm !== request.method) throw new ProofFault('method');
    if (proof.htu !== url && proofUrl(proof.htu) !== url) throw new ProofFault('url');
    if (proof.ath !== tokenDigest(token)) throw new ProofFault('token');
  };

  return async (request, of) => {
    const proof = readProof(proofLine(request), headers.known);
    if (!algorithms.has(proof.algorithm)) throw new ProofFault('algorithm');
    // What is proven is the resource, so the request must be one for it.
    if (pathOf(origin, request) !== options.path) throw new ProofFault('target');
    assertFor(request, proof, of);
    assertFresh(proof, window, now());
    if (nonces !== undefined && !(proof.nonce !== undefined && nonces.accepts(proof.nonce)))
      throw new ProofFault('nonce');
    if (!(await keyOf(proof).verify(proof.input, proof.signature))) throw new ProofFault('signature');
    headers.remember(proof);
    // Kept for as long as the proof would be accepted, whose time counts in whole seconds.
    const until = new Date((proof.iat + window + 1) * 1000);
    if (!(await replay.claim(`dpop ${of.thumbprint} ${proof.jti}`, until, of.thumbprint)))
      throw new ProofFault('replayed');
  };
}

function proofLine({ headers }: HttpRequest): string {
  const [line, ...others] = headers['dpop'] ?? [];
  if (line === undefined) throw new ProofFault('missing');
  if (others.length > 0) throw new ProofFault('duplicate');
  return line;
}

function assertFresh({ iat, exp, nbf }: Proof, window: number, now: Date): void {
  const seconds = Math.floor(now.getTime() / 1000);
  // A clock that tells no time makes every comparison false, and so nothing fresh.
  if (!(Math.abs(seconds - iat) <= window)) throw new ProofFault('time');
  if (!(exp === undefined || seconds < exp) || !(nbf === undefined || nbf <= seconds)) throw new ProofFault('time');
}

function pathOf(origin: Origin, { target }: HttpRequest): string | undefined {
  try {
    return targetOf(origin, target).path;
  } catch (error) {
    if (error instanceof SignatureError) return undefined;
    throw error;
  }
}
