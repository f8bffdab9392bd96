import type { JWK } from 'jose';
import { readCompact, signCompact, type CompactJws } from '../../lib/definitions/compact.js';
import { verifyJws } from '../../lib/definitions/jws.js';
import { canonicalize } from '../../lib/json/canonical.js';
import { parseStrictJson } from '../../lib/json/strict.js';
import { importVerifyKey, type VerifyKey } from '../../lib/keys/algorithms.js';
import { servesPurpose } from '../../lib/keys/publishedJwk.js';
import { signerFor, type Signer } from '../../lib/keys/signer.js';
import type { Trust, TrustedKey } from '../../lib/keys/trust.js';
import { callback, object, optional, readOptions, text, type Check } from '../../lib/options.js';
import { isObject } from '../../lib/rpc.js';
import { canonicalResource } from '../../lib/url.js';

/** The member of a result's `_meta` in which a server may pass on statements of its publishers. */
export const KEY_ROTATIONS = 'io.github.mcp-etdi/key-rotations';

export interface KeyRotationOptions {
  /** Whose key it is: the `owner` under which clients trust the old key. */
  readonly publisher: string;
  /** The public JWK of the new key, `alg` included. */
  readonly key: JWK;
  /** Signs with the old key, which is one for definitions. */
  readonly signer: Signer;
  /** Until when the statement counts. Clients need the new key in their configuration by then. */
  readonly expiresAt: Date;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** How many statements are looked at. */
const MOST_STATEMENTS = 8;
const MOST_CHARACTERS = 16_384;

const date: Check = (value) =>
  value instanceof Date && !Number.isNaN(value.getTime()) ? undefined : 'must be a valid Date';

/**
 * States with the old key of a publisher that another key is its key too: a compact JWS (RFC 7515) of `typ`
 * `etdi-key-rotation+jws`.
 * @throws {TypeError} for a key that clients could not use, an expiry that has passed, or another option that is not what
 *   it must be
 */
export async function signKeyRotation(options: KeyRotationOptions): Promise<string> {
  const {
    publisher,
    key,
    signer,
    expiresAt,
    now = () => new Date(),
  } = readOptions<KeyRotationOptions>('signKeyRotation', options, {
    publisher: text,
    key: object,
    signer: signerFor('definition'),
    expiresAt: date,
    now: optional(callback),
  });
  importVerifyKey(key);
  const payload = canonicalize({ publisher, key });
  const terms = { key: await signer.current(), issuedAt: now(), expiresAt };
  return signCompact('etdi-key-rotation+jws', payload, publisher, terms);
}

/** A statement that was read, and not yet proven. */
interface Statement {
  readonly publisher: string;
  readonly key: VerifyKey;
  readonly jws: CompactJws;
}

/** Finds the trusted keys, and those that a trusted key of the same publisher names as its successors. */
export function followRotations(find: Trust['find'], statements: readonly unknown[], now: Date): Trust['find'] {
  if (statements.length === 0) return find;
  return search(find, statements.slice(0, MOST_STATEMENTS).flatMap(read), now);
}

function search(find: Trust['find'], statements: readonly Statement[], now: Date): Trust['find'] {
  return async (keyId) => {
    const known = await find(keyId);
    if (known !== undefined) return known;
    // No key is asked about twice on the way back to a trusted one, so that nothing leads in a circle.
    const others = statements.filter(({ key }) => key.keyId !== keyId);
    for (const statement of statements.filter(({ key }) => key.keyId === keyId)) {
      const found = await prove(statement, search(find, others, now), now);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

async function prove(statement: Statement, find: Trust['find'], now: Date): Promise<TrustedKey | undefined> {
  const { publisher, key, jws } = statement;
  const facts = await verifyJws('etdi-key-rotation+jws', jws.payload, jws.signature, find, now);
  if (typeof facts === 'string' || facts.issuer !== publisher) return undefined;
  if (canonicalResource(facts.owner) !== canonicalResource(publisher)) return undefined;
  return { key, owner: facts.owner, clientId: facts.owner, mayRoot: false };
}

function read(statement: unknown): readonly Statement[] {
  const jws = readCompact(statement, MOST_CHARACTERS);
  if (jws === undefined) return [];
  try {
    const stated = parseStrictJson(jws.payload);
    if (!isObject(stated) || typeof stated['publisher'] !== 'string' || !isObject(stated['key'])) return [];
    if (!servesPurpose(stated['key'], 'definition')) return [];
    const key = importVerifyKey(stated['key']);
    return [{ publisher: stated['publisher'], key, jws }];
  } catch {
    return [];
  }
}
