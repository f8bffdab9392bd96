import { isUtf8 } from 'node:buffer';
import { fromBase64url, toBase64url } from '../base64url.js';
import { canonicalize } from '../json/canonical.js';
import { parseStrictJson } from '../json/strict.js';
import type { SigningKey } from '../keys/signer.js';
import type { Trust, TrustedKey } from '../keys/trust.js';
import { memo } from '../memo.js';
import { isObject } from '../rpc.js';
import { proves } from './proven.js';

/** What a signature is for. One that was made for something else proves nothing (RFC 8725 section 3.11). */
export type Purpose =
  | 'etdi-tool+jws'
  | 'etdi-manifest+jws'
  | 'etdi-approval+jws'
  | 'etdi-deployments+jws'
  | 'etdi-key-rotation+jws'
  | 'etdi-checkpoint+jws';

/** Why a signature proves nothing. */
export type SignatureFault =
  /** Not a JWS of this profile: not canonical base64url, not strict JSON, a member that names keys or extensions. */
  | 'signature_malformed'
  /** Made for another purpose. */
  | 'signature_misused'
  | 'signature_expired'
  /** Issued in the future. */
  | 'signature_premature'
  /** No trusted key has this thumbprint. */
  | 'signer_unknown'
  /** Not made by that key, with its algorithm, over these bytes. */
  | 'signature_invalid';

/** Who signs, for how long, and in whose name. */
export interface SigningTerms {
  readonly key: SigningKey;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

/** The parts of a JWS without its payload (RFC 7515 appendix F). */
export interface DetachedSignature {
  /** The protected header, base64url. */
  readonly protected: string;
  /** Base64url. */
  readonly signature: string;
}

/** What a signature that holds says. */
export interface SignatureFacts {
  /** The RFC 7638 thumbprint of the key. */
  readonly keyId: string;
  /** The `owner` of the key. */
  readonly owner: string;
  readonly algorithm: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** The `iss` of the protected header. */
  readonly issuer: string;
}

/** How strictly a signature is taken. */
export interface VerifyTerms {
  /** Whether one that has expired still proves who signed. Its facts tell until when it held. Default: `deny`. */
  readonly expired?: 'deny' | 'take';
}

interface Header {
  readonly alg: string;
  readonly kid: string;
  readonly typ: string;
  readonly iss: string;
  readonly iat: number;
  readonly exp: number;
}

/** Members that would let a signature choose its own key, or change what is signed (RFC 7515 section 4.1). */
const FOREIGN = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256'];
const MOST_CHARACTERS = 4096;
/** How far the clocks of signer and verifier may differ. */
const SKEW_MS = 60_000;
const LAST_SECOND = 8_640_000_000_000;
const MOST_HEADERS = 256;

/**
 * Signs a payload (RFC 7515). The header names the key by its RFC 7638 thumbprint.
 * @throws {TypeError} for terms that end before they begin
 */
export async function signJws(
  purpose: Purpose,
  payload: string,
  issuer: string,
  { key, issuedAt, expiresAt }: SigningTerms,
): Promise<DetachedSignature> {
  const { keyId: kid, algorithm: alg } = key;
  const [iat, exp] = [issuedAt, expiresAt].map((time) => Math.floor(time.getTime() / 1000)) as [number, number];
  if (!(exp > iat)) throw new TypeError('a signature must expire after it is issued');
  const header = toBase64url(canonicalize({ alg, kid, typ: purpose, iss: issuer, iat, exp } satisfies Header));
  const signature = await key.sign(Buffer.from(signingInput(header, payload), 'ascii'));
  return Object.freeze({ protected: header, signature: toBase64url(signature) });
}

/**
 * Verifies a signature over a payload that the caller holds, as a text or in UTF-8. Cheap checks go first, the signature itself last.
 * @param find gives the one trusted key of a thumbprint; its algorithm is the only one that counts
 * @throws {Unavailable} when the key cannot be had
 */
export async function verifyJws(
  purpose: Purpose,
  payload: string | Buffer,
  signature: DetachedSignature,
  find: Trust['find'],
  now: Date,
  { expired = 'deny' }: VerifyTerms = {},
): Promise<SignatureFacts | SignatureFault> {
  const header = readHeader(signature.protected);
  const made = fromBase64url(signature.signature);
  if (header === undefined || made === undefined) return 'signature_malformed';
  if (header.typ !== purpose) return 'signature_misused';
  if (header.iat * 1000 > now.getTime() + SKEW_MS) return 'signature_premature';
  if (expired === 'deny' && header.exp * 1000 <= now.getTime()) return 'signature_expired';
  const trusted = await find(header.kid);
  if (trusted?.key.keyId !== header.kid) return 'signer_unknown';
  const { key } = trusted;
  const holds =
    header.alg === key.algorithm &&
    (await proves(key, signingInput(signature.protected, payload), signature.signature, made));
  return holds ? factsOf(header, trusted) : 'signature_invalid';
}

function signingInput(header: string, payload: string | Buffer): string {
  return `${header}.${toBase64url(payload)}`;
}

function factsOf({ iss, iat, exp }: Header, { key, owner }: TrustedKey): SignatureFacts {
  return Object.freeze({
    keyId: key.keyId,
    owner,
    algorithm: key.algorithm,
    issuedAt: new Date(iat * 1000),
    expiresAt: new Date(exp * 1000),
    issuer: iss,
  });
}

/** One text is one header: what was signed within a second has the same. */
const readHeader = memo(MOST_HEADERS, parseHeader);

function parseHeader(text: string): Header | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  const bytes = fromBase64url(text);
  if (bytes === undefined || !isUtf8(bytes)) return undefined;
  try {
    const header = parseStrictJson(bytes.toString());
    return isHeader(header) ? header : undefined;
  } catch {
    return undefined;
  }
}

function isHeader(value: unknown): value is Header {
  if (!isObject(value) || FOREIGN.some((name) => Object.hasOwn(value, name))) return false;
  const texts = [value['alg'], value['kid'], value['typ'], value['iss']];
  const { iat, exp } = value;
  return texts.every((text) => typeof text === 'string' && text !== '') && isTime(iat) && isTime(exp) && iat < exp;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= LAST_SECOND;
}
