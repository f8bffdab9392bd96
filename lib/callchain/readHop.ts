import { isUtf8 } from 'node:buffer';
import { fromBase64url } from '../base64url.js';
import { parseStrictJson } from '../json/strict.js';
import { memo } from '../memo.js';
import { isObject } from '../rpc.js';
import { member, type Members } from '../tokens/jwt.js';
import { HOP_TYPE, MAX_CHAIN, MAX_HOPS, type Hop, type Hops } from './hop.js';
import { hopOf, isDigestText, isText, malformed } from './hopClaims.js';
import { writtenHop } from './writtenHop.js';

type HopHeader = Pick<Hop, 'algorithm' | 'keyId'>;

/** Members that would let a hop choose its own key, or change what is signed. */
const FOREIGN = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256'];

/**
 * Reads a chain, without believing it. Counts and lengths go first: what is too long costs nothing. `known` gives a hop that
 * was read before; the last one never was.
 * @throws {Denial} 403 `chain_malformed`
 */
export function readChain(chain: unknown, known: (token: string) => Hop | undefined): Hops {
  if (!Array.isArray(chain) || chain.length === 0) throw malformed('shape');
  if (chain.length > MAX_HOPS) throw malformed('hops');
  let length = 0;
  for (const token of chain as readonly unknown[]) {
    if (typeof token !== 'string') throw malformed('shape');
    length += token.length;
    if (length > MAX_CHAIN) throw malformed('size');
  }
  const last = chain.length - 1;
  const read = (token: string, place: number): Hop => (place < last ? known(token) : undefined) ?? readHop(token);
  // It has at least one, which `map` does not say.
  return (chain as readonly string[]).map(read) as [Hop, ...Hop[]];
}

function readHop(token: string): Hop {
  const first = token.indexOf('.');
  const last = token.lastIndexOf('.');
  if (first < 0 || token.indexOf('.', first + 1) !== last) throw malformed('format');
  const { algorithm, keyId } = headerOf(token.slice(0, first));
  const sent = { token, signed: token.slice(0, last), algorithm, keyId };
  const claims = toBytes(token.slice(first + 1, last));
  // What it reads is ASCII, whatever the bytes of others may be.
  return writtenHop(sent, claims.toString('latin1')) ?? hopOf(sent, toObject(claims));
}

/** A peer sends the same header with each hop: few are ever seen, and what one says is in its characters alone. */
const headerOf = memo(100, (part): HopHeader => Object.freeze(readHeader(toObject(toBytes(part)))));

/**
 * Each part in its only spelling: another one would be another hop that verifies.
 * @throws {Denial} 403 `chain_malformed`
 */
export function toBytes(part: string): Buffer {
  const bytes = fromBase64url(part);
  if (bytes === undefined) throw malformed('format');
  return bytes;
}

function toObject(bytes: Buffer): Members {
  if (isUtf8(bytes)) {
    try {
      const value = parseStrictJson(bytes.toString());
      if (isObject(value)) return value;
    } catch {
      // What a parser says quotes what it read.
    }
  }
  throw malformed('json');
}

function readHeader(header: Members): HopHeader {
  const algorithm = member(header, 'alg');
  const keyId = member(header, 'kid');
  if (member(header, 'typ') !== HOP_TYPE) throw malformed('type');
  if (FOREIGN.some((name) => Object.hasOwn(header, name)) || !isText(algorithm) || !isDigestText(keyId)) {
    throw malformed('header');
  }
  return { algorithm, keyId };
}
