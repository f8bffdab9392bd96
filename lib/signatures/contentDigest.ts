import { hash, webcrypto } from 'node:crypto';
import { SignatureError } from './error.js';
import { parseDictionary } from './parse.js';
import { isInnerList, type Member } from './structured.js';

/** The digests that hold against an adversary (RFC 9530 section 5). */
export type DigestAlgorithm = 'sha-256' | 'sha-512';

interface Digest {
  readonly hash: string;
  readonly subtle: string;
}

const DIGESTS: ReadonlyMap<string, Digest> = new Map([
  ['sha-256', { hash: 'sha256', subtle: 'SHA-256' }],
  ['sha-512', { hash: 'sha512', subtle: 'SHA-512' }],
]);

const MAX_FIELD = 8192;
/** From here on a digest takes longer than the way to the thread pool and back. */
const LARGE = 131_072;

/** A `Content-Digest` value for these bytes (RFC 9530 section 2). */
export function contentDigest(content: Uint8Array, algorithm: DigestAlgorithm = 'sha-256'): string {
  return `${algorithm}=:${hash(algorithm === 'sha-256' ? 'sha256' : 'sha512', content, 'base64')}:`;
}

/**
 * Proves that `Content-Digest` is that of the bytes received.
 *
 * Of its digests at least one is SHA-256 or SHA-512, and every one of these matches; others are not looked at.
 * The lines of the field are one dictionary, in which no algorithm comes twice.
 * @throws {SignatureError} `digest_missing`, `malformed`, `digest_unsupported`, `digest_mismatch`
 */
export async function verifyContentDigest(lines: readonly string[] | undefined, content: Uint8Array): Promise<void> {
  const small = content.byteLength < LARGE;
  // What nearly every client sends, without taking it apart: only this very text has this very digest.
  if (small && lines?.length === 1 && lines[0] === contentDigest(content)) return;
  for (const [digest, expected] of readDigests(lines)) {
    const actual = small ? hash(digest.hash, content, 'buffer') : await inPool(digest, content);
    if (!actual.equals(expected)) throw new SignatureError('digest_mismatch', 'The content is not that of its digest');
  }
}

function readDigests(lines: readonly string[] | undefined): readonly (readonly [Digest, Uint8Array])[] {
  if (lines === undefined || lines.length === 0) {
    throw new SignatureError('digest_missing', 'The message has no Content-Digest');
  }
  const value = lines.join(', ');
  if (value.length > MAX_FIELD) throw malformed();
  const digests = Array.from(parseDictionary(value)).flatMap(([name, member]) => {
    const bytes = bytesOf(member);
    const digest = DIGESTS.get(name);
    return digest === undefined ? [] : [[digest, bytes] as const];
  });
  if (digests.length > 0) return digests;
  throw new SignatureError('digest_unsupported', 'The Content-Digest has neither sha-256 nor sha-512');
}

function bytesOf(member: Member): Uint8Array {
  if (isInnerList(member) || member.item.type !== 'bytes') throw malformed();
  return member.item.value;
}

async function inPool({ subtle }: Digest, content: Uint8Array): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.digest(subtle, content));
}

function malformed(): SignatureError {
  return new SignatureError('malformed', 'Content-Digest is malformed');
}
