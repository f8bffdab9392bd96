import type { JWK } from 'jose';
import { PRIVATE_MEMBERS } from '../keys/algorithms.js';
import { thumbprint } from '../keys/thumbprint.js';
import { isObject } from '../rpc.js';
import { canonicalAlgorithm } from '../tokens/algorithms.js';
import { TokenFault } from '../tokens/fault.js';
import { decodeJwt, member, type DecodedJwt, type Members } from '../tokens/jwt.js';
import { ProofFault } from './fault.js';

/** The longest proof that is looked at, in characters: one with the largest RSA key takes half. */
const MAX_PROOF = 8192;

/** What a proof says. Nothing of it is verified yet. */
export interface Proof {
  /** As written in its header. */
  readonly algorithm: string;
  /** The key that it says it is signed with. It has no private members. */
  readonly jwk: JWK;
  /** The RFC 7638 thumbprint of that key. */
  readonly thumbprint: string;
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
  /** The bytes under the signature, and the signature. */
  readonly input: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Takes a proof for a protected resource apart (RFC 9449 section 4.2).
 * @throws {ProofFault} when it is not one: not a JWT, of another type, without a public key, or without a claim it needs
 */
export function readProof(text: string): Proof {
  const { header, claims } = decode(text);
  const typ = member(header, 'typ');
  if (typeof typ !== 'string' || typ.toLowerCase().replace(/^application\//, '') !== 'dpop+jwt') {
    throw new ProofFault('type');
  }
  // No extension is understood here, so none may be critical (RFC 7515 section 4.1.11).
  if (member(header, 'crit') !== undefined) throw new ProofFault('critical');
  const end = text.lastIndexOf('.');
  return {
    ...readKey(header),
    jti: textOf(claims, 'jti'),
    htm: textOf(claims, 'htm'),
    htu: textOf(claims, 'htu'),
    ath: textOf(claims, 'ath'),
    iat: secondsOf(claims, 'iat') ?? missing('iat'),
    exp: secondsOf(claims, 'exp'),
    nbf: secondsOf(claims, 'nbf'),
    nonce: member(claims, 'nonce') === undefined ? undefined : textOf(claims, 'nonce'),
    input: Buffer.from(text.slice(0, end)),
    signature: Buffer.from(text.slice(end + 1), 'base64url'),
  };
}

function decode(text: string): DecodedJwt {
  if (text.length > MAX_PROOF) throw new ProofFault('format');
  try {
    return decodeJwt(text);
  } catch (error) {
    throw error instanceof TokenFault ? new ProofFault('format') : error;
  }
}

/** The one place where a token brings its own key: it counts for nothing before it is the one a token is bound to. */
function readKey(header: Members): Pick<Proof, 'algorithm' | 'jwk' | 'thumbprint'> {
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
