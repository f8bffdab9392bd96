import type { JWK } from 'jose';
import { PRIVATE_MEMBERS } from '../keys/algorithms.js';
import { thumbprint } from '../keys/thumbprint.js';
import { isObject } from '../rpc.js';
import { canonicalAlgorithm } from '../tokens/algorithms.js';
import { TokenFault } from '../tokens/fault.js';
import { decodeSegment, member, splitJwt, type Members } from '../tokens/jwt.js';
import { ProofFault } from './fault.js';

/** The longest proof that is looked at, in characters: one with the largest RSA key takes half. */
const MAX_PROOF = 8192;
const NONE: ReadonlyMap<string, ProofHeader> = new Map();

/** What the header of a proof says: the same for all that a caller makes with one key. Nothing of it is verified. */
export interface ProofHeader {
  /** As written in it. */
  readonly algorithm: string;
  /** The key that it says the proof is signed with. It has no private members. */
  readonly jwk: JWK;
  /** The RFC 7638 thumbprint of that key. */
  readonly thumbprint: string;
}

/** What a proof says. Nothing of it is verified yet. */
export interface Proof extends ProofHeader {
  readonly jti: string;
  readonly htm: string;
  readonly htu: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly ath: string;
  readonly nonce: string | undefined;
  /** Seconds since the epoch. Not asked for, and kept to where given (RFC 7519 sections 4.1.4 and 4.1.5). */
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
  /** The header as it was sent. */
  readonly header: string;
  /** The bytes under the signature, and the signature. */
  readonly input: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Takes a proof for a protected resource apart (RFC 9449 section 4.2).
 * @param known headers that were read before
 * @throws {ProofFault} when it is not one: not a JWT, of another type, without a public key, or without a claim it needs
 */
export function readProof(text: string, known: ReadonlyMap<string, ProofHeader> = NONE): Proof {
  if (text.length > MAX_PROOF) throw new ProofFault('format');
  const { header, claims: segment, signature } = asProof(() => splitJwt(text));
  const claims = asProof(() => decodeSegment(segment, 'format'));
  const { algorithm, jwk, thumbprint } = known.get(header) ?? readHeader(header);
  return {
    algorithm,
    jwk,
    thumbprint,
    jti: textOf(claims, 'jti'),
    htm: textOf(claims, 'htm'),
    htu: textOf(claims, 'htu'),
    ath: textOf(claims, 'ath'),
    iat: secondsOf(claims, 'iat') ?? missing('iat'),
    exp: secondsOf(claims, 'exp'),
    nbf: secondsOf(claims, 'nbf'),
    nonce: member(claims, 'nonce') === undefined ? undefined : textOf(claims, 'nonce'),
    header,
    input: Buffer.from(text.slice(0, text.lastIndexOf('.'))),
    signature,
  };
}

function asProof<Value>(decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    throw error instanceof TokenFault ? new ProofFault('format') : error;
  }
}

function readHeader(segment: string): ProofHeader {
  const header = asProof(() => decodeSegment(segment, 'header'));
  const typ = member(header, 'typ');
  if (typeof typ !== 'string' || typ.toLowerCase().replace(/^application\//, '') !== 'dpop+jwt') {
    throw new ProofFault('type');
  }
  // No extension is understood here, so none may be critical (RFC 7515 section 4.1.11).
  if (member(header, 'crit') !== undefined) throw new ProofFault('critical');
  return readKey(header);
}

/** The one place where a token brings its own key: it counts for nothing before it is the one a token is bound to. */
function readKey(header: Members): ProofHeader {
  const algorithm = member(header, 'alg');
  const jwk = member(header, 'jwk');
  if (typeof algorithm !== 'string') throw new ProofFault('algorithm');
  if (!isObject(jwk) || PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) throw new ProofFault('key');
  const own = member(jwk, 'alg');
  if (own !== undefined && (typeof own !== 'string' || canonicalAlgorithm(own) !== canonicalAlgorithm(algorithm))) {
    throw new ProofFault('algorithm');
  }
  try {
    return { algorithm, jwk, thumbprint: thumbprint(jwk) };
  } catch {
    throw new ProofFault('key');
  }
}

function textOf(claims: Members, name: string): string {
  const value = member(claims, name);
  if (value === undefined) return missing(name);
  if (typeof value !== 'string' || value === '') throw new ProofFault('claim', { claim: name });
  return value;
}

function secondsOf(claims: Members, name: string): number | undefined {
  const value = member(claims, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new ProofFault('claim', { claim: name });
  return value;
}

function missing(claim: string): never {
  throw new ProofFault('claim', { claim });
}
