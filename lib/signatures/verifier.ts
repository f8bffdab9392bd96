import { mayHideContent } from '../content.js';
import type { RequestContext } from '../context.js';
import { Unavailable } from '../denial.js';
import type { Trust, TrustedKey } from '../keys/trust.js';
import type { ReplayStore } from '../stores/replay.js';
import { verifyContentDigest } from './contentDigest.js';
import { originOf, targetOf, type Origin, type RequestMessage } from './message.js';
import { isNonce, requiredComponents } from './profile.js';
import { SignatureError } from './error.js';
import { readSignature, type FoundSignature, type ReceivedSignature } from './received.js';
import { verifyMessage } from './verify.js';

/** Why a well-formed signature does not count. Recorded, never sent. */
export type FaultReason =
  | 'coverage'
  | 'parameters'
  | 'future'
  | 'stale'
  | 'lifetime'
  | 'key_unknown'
  | 'signer_mismatch'
  | 'target_mismatch'
  /** More signatures of trusted keys than are verified. */
  | 'surplus'
  | 'replayed';

/** A signature that does not count, for a reason that is not in its form. */
export class SignatureFault extends Error {
  override readonly name = 'SignatureFault';
  readonly reason: FaultReason;

  constructor(reason: FaultReason) {
    super('The signature is not valid');
    this.reason = reason;
  }
}

/** A signature that counts, and whose it is. */
export interface VerifiedSignature {
  readonly trusted: TrustedKey;
  readonly signature: ReceivedSignature;
  readonly created: number;
  readonly expires: number;
  readonly nonce: string;
}

export interface VerifierOptions {
  readonly trust: Trust;
  readonly replay: ReplayStore;
  readonly resource: string;
  readonly path: string;
  /** Seconds. */
  readonly maxAge: number;
  /** Seconds. */
  readonly clockTolerance: number;
  readonly now: () => Date;
}

type Parameters = Pick<VerifiedSignature, 'created' | 'expires' | 'nonce'> & { readonly keyId: string };

/** A signature that is as it must be. What remains is whose it is, cryptography and state. */
interface Candidate {
  readonly signature: ReceivedSignature;
  readonly parameters: Parameters;
  readonly message: RequestMessage;
}

/**
 * How many signatures of one request are verified: that of the signer, and one that somebody else put beside it. An
 * ES512 signature that holds for nothing costs two milliseconds.
 */
const MAX_VERIFIED = 2;

/** Proves one of the signatures of a request. */
export type SignatureVerifier = (
  ctx: RequestContext,
  found: readonly FoundSignature[],
  clientId: string | undefined,
) => Promise<VerifiedSignature>;

/**
 * Makes the check of the signatures of a request, of which one must count. Cheap before costly, cryptography before
 * state: the body is read only for someone who holds a trusted key, and a nonce is claimed last, so that nobody can spend
 * the nonces of others.
 * @throws {SignatureFault | SignatureError} from the check, when none counts: the reason of the first one
 * @throws {Unavailable} from the check, when one might count that cannot be judged now
 */
export function signatureVerifier(options: VerifierOptions): SignatureVerifier {
  const examine = examiner(options);
  const prove = prover(options);
  return async (ctx, found, clientId) => {
    let left = MAX_VERIFIED;
    let outage: Unavailable | undefined;
    let fault: SignatureFault | SignatureError | undefined;
    for (const one of found) {
      try {
        const candidate = examine(ctx, one);
        const trusted = await options.trust.find(candidate.parameters.keyId);
        if (trusted === undefined) throw new SignatureFault('key_unknown');
        if (clientId !== undefined && trusted.clientId !== clientId) throw new SignatureFault('signer_mismatch');
        if (left === 0) throw new SignatureFault('surplus');
        left -= 1;
        return await prove(ctx, candidate, trusted);
      } catch (error) {
        if (error instanceof Unavailable) outage ??= error;
        else if (error instanceof SignatureFault || error instanceof SignatureError) fault ??= error;
        else throw error;
      }
    }
    throw outage ?? fault ?? new SignatureFault('key_unknown');
  };
}

/** Makes the checks that need no key. */
function examiner(options: VerifierOptions): (ctx: RequestContext, found: FoundSignature) => Candidate {
  const signedFor = { origin: originOf(options.resource), path: new URL(options.resource).pathname };
  return ({ request }, found) => {
    const signature = readSignature(found);
    assertCoverage(request, signature);
    const parameters = readParameters(signature);
    assertFresh(parameters, options, options.now());
    return { signature, parameters, message: toMessage(request, signedFor, options.path) };
  };
}

function prover(
  options: VerifierOptions,
): (ctx: RequestContext, candidate: Candidate, trusted: TrustedKey) => Promise<VerifiedSignature> {
  const { replay, now } = options;
  return async ({ request }, { signature, parameters, message }, trusted) => {
    const { keyId, created, expires, nonce } = parameters;
    await verifyMessage(message, signature, trusted.key);
    if (signature.coverage.names.has('content-digest')) {
      await verifyContentDigest(request.headers['content-digest'], await request.body());
      // The body may have been long in coming. A claim outlives its signature by the tolerance, not by more.
      assertFresh(parameters, options, now());
    } else if (mayHideContent(request.method, request.headers) && (await request.body()).byteLength > 0) {
      throw new SignatureFault('coverage');
    }
    const until = new Date((expires + options.clockTolerance) * 1000);
    if (!(await replay.claim(`${keyId}:${nonce}`, until, trusted.owner))) throw new SignatureFault('replayed');
    return { trusted, signature, created, expires, nonce };
  };
}

function assertCoverage({ method, headers }: RequestContext['request'], { coverage }: ReceivedSignature): void {
  if (!requiredComponents(method, headers).every((name) => coverage.names.has(name))) {
    throw new SignatureFault('coverage');
  }
}

function readParameters({ created, expires, nonce, keyid }: ReceivedSignature): Parameters {
  if (created === undefined || expires === undefined || nonce === undefined || keyid === undefined) {
    throw new SignatureFault('parameters');
  }
  if (!isNonce(nonce)) throw new SignatureFault('parameters');
  return { created, expires, nonce, keyId: keyid };
}

function assertFresh(
  { created, expires }: Pick<Parameters, 'created' | 'expires'>,
  { maxAge, clockTolerance }: VerifierOptions,
  now: Date,
): void {
  const seconds = now.getTime() / 1000;
  // A clock that tells no time makes every comparison false, and so nothing fresh.
  if (!(created <= seconds + clockTolerance)) throw new SignatureFault('future');
  if (!(seconds < expires && seconds < created + maxAge)) throw new SignatureFault('stale');
  if (!(created < expires && expires - created <= maxAge)) throw new SignatureFault('lifetime');
}

/** What the signer asked for: the resource itself, with the query as received, wherever the request arrived. */
function toMessage(
  { method, target, headers }: RequestContext['request'],
  { origin, path }: { readonly origin: Origin; readonly path: string },
  arrivesAt: string,
): RequestMessage {
  const arrived = targetOf(origin, target);
  if (arrived.path !== arrivesAt) throw new SignatureFault('target_mismatch');
  if (path === arrivesAt) return { method, target: arrived, headers };
  const query = arrived.query === '?' && !target.includes('?') ? '' : arrived.query;
  return { method, target: targetOf(origin, `${path}${query}`), headers };
}
