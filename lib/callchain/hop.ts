import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { isDigest } from '../definitions/form.js';
import { decode } from '../definitions/jws.js';
import { canonicalize } from '../json/canonical.js';
import { isPermission } from '../permissions.js';
import { isObject } from '../rpc.js';
import { parseStrictJson } from '../json/strict.js';
import { member, type Members } from '../tokens/jwt.js';
import { isToolName } from '../tools/toolName.js';
import { callDenial } from './denials.js';

/** The member of a call's `_meta` that holds its chain: one signed hop after the other, the root first. */
export const CALL_CHAIN = 'io.github.mcp-etdi/call-chain';
/** The `typ` of a hop: a token that was made for something else is none (RFC 8725 section 3.11). */
export const HOP_TYPE = 'etdi-call+jwt';
/** The type of the authorization details of a hop (RFC 9396). */
export const TOOL_CALL = 'https://mcp-etdi.github.io/tool-call';
/** How many hops a chain may have. */
export const MAX_HOPS = 8;
/** How long a chain may be, in characters. */
export const MAX_CHAIN = 16_384;

/** What one hop says: a server, or the agent that starts a chain, consents to this very call of one tool. */
export interface HopClaims {
  /** Who calls: the resource URI of a server, or the URI of an agent. */
  readonly issuer: string;
  /** The resource URI of the server that is called. */
  readonly audience: string;
  readonly subject: string | undefined;
  readonly transaction: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** The place in the chain, from 0. */
  readonly depth: number;
  /** The last place that a chain with this hop may have. */
  readonly maxDepth: number;
  /** The digest of the hop before this one. */
  readonly parent: string | undefined;
  /** The tool that calls. Only the first hop says it: all others are made by the tool that the hop before them calls. */
  readonly caller: string | undefined;
  readonly permissions: readonly string[];
  /** The thumbprint of the only key that may sign the next hop. */
  readonly nextKey: string | undefined;
  readonly tool: string;
  readonly argumentsDigest: string;
  /** The digest of the tool's definition that the caller approved. */
  readonly toolDigest: string | undefined;
}

/** A hop as it was sent. */
export interface Hop extends HopClaims {
  readonly token: string;
  /** What its signature is over. */
  readonly signed: string;
  readonly keyId: string;
  readonly algorithm: string;
  readonly id: string;
}

type HopHeader = Pick<Hop, 'algorithm' | 'keyId'>;

const DIGEST = /^[\w-]{43}$/;
const ID = /^[\w-]{22,128}$/;
const TRANSACTION = /^[\w.~:-]{8,128}$/;
const MAX_TEXT = 2048;
/** Members that would let a hop choose its own key, or change what is signed. */
const FOREIGN = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256'];

/**
 * Reads a chain, without believing it. Counts and lengths go first: what is too long costs nothing. `known` gives a hop that
 * was read before.
 * @throws {Denial} 403 `chain_malformed`
 */
export function readChain(chain: unknown, known: (token: string) => Hop | undefined): readonly Hop[] {
  if (!Array.isArray(chain) || chain.length === 0) throw malformed('shape');
  if (chain.length > MAX_HOPS) throw malformed('hops');
  let length = 0;
  for (const token of chain as readonly unknown[]) {
    if (typeof token !== 'string') throw malformed('shape');
    length += token.length;
    if (length > MAX_CHAIN) throw malformed('size');
  }
  return (chain as readonly string[]).map((token) => known(token) ?? readHop(token));
}

/** The digest by which the next hop names a hop: of what is signed, not of the signature. */
export function hopDigest(signed: string): string {
  return hash('sha256', signed, 'base64url');
}

/** What the signature of a token is over (RFC 7515 section 7.1). */
export function signingInput(token: string): string {
  return token.slice(0, token.lastIndexOf('.'));
}

/**
 * The digest of what a tool is called with. No arguments and an empty object are the same.
 * @throws {JsonError} for what not every reader would read the same
 */
export function argumentsDigest(args: unknown): string {
  return hash('sha256', canonicalize(args ?? {}), 'base64url');
}

function readHop(token: string): Hop {
  const first = token.indexOf('.');
  const last = token.lastIndexOf('.');
  if (first < 0 || token.indexOf('.', first + 1) !== last) throw malformed('format');
  // Of the signature only the spelling matters here. Its bytes would keep all others that share a pool with them.
  toBytes(token.slice(last + 1));
  const header = headerOf(token.slice(0, first));
  return hopOf(token, token.slice(0, last), header, toObject(token.slice(first + 1, last)));
}

/** A peer sends the same header with each hop: few are ever seen, and what one says is in its characters alone. */
const headers = new Map<string, HopHeader>();
const MAX_HEADERS = 100;

function headerOf(part: string): HopHeader {
  const known = headers.get(part);
  if (known !== undefined) return known;
  const header = Object.freeze(readHeader(toObject(part)));
  if (headers.size >= MAX_HEADERS) headers.clear();
  headers.set(part, header);
  return header;
}

/** Each part in its only spelling: another one would be another hop that verifies. */
function toBytes(part: string): Buffer {
  const bytes = decode(part);
  if (bytes === undefined) throw malformed('format');
  return bytes;
}

function toObject(part: string): Members {
  const bytes = toBytes(part);
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

/** Makes a hop in one literal: to put it together of parts would take longer than to parse its claims. */
function hopOf(token: string, signed: string, header: HopHeader, claims: Members): Hop {
  const parent = optional(claims, 'par_hash', isDigestText);
  const caller = optional(claims, 'caller', isToolName);
  const issuedAt = claim(claims, 'iat', isCount);
  const expiresAt = claim(claims, 'exp', isCount);
  if (expiresAt <= issuedAt) throw malformed('claim', 'exp');
  if (Object.hasOwn(claims, 'nbf')) throw malformed('claim', 'nbf');
  const audience = claim(claims, 'aud', isText);
  const detail = detailOf(claims, audience);
  return {
    token,
    signed,
    algorithm: header.algorithm,
    keyId: header.keyId,
    issuer: claim(claims, 'iss', isText),
    audience,
    subject: optional(claims, 'sub', isText),
    transaction: claim(claims, 'txn', isTransaction),
    id: claim(claims, 'jti', isId),
    issuedAt,
    expiresAt,
    depth: claim(claims, 'del_depth', isCount),
    maxDepth: claim(claims, 'del_max_depth', isCount),
    parent,
    caller,
    nextKey: optional(claims, 'cnf', isConfirmation)?.jkt,
    permissions: permissionsOf(claim(claims, 'scope', isString)),
    tool: claim(detail, 'identifier', isToolName),
    argumentsDigest: claim(detail, 'args_digest', isDigestText),
    toolDigest: optional(detail, 'tool_digest', isDigest),
  };
}

function permissionsOf(scope: string): readonly string[] {
  const permissions = scope === '' ? [] : scope.split(' ');
  if (!permissions.every(isPermission)) throw malformed('claim', 'scope');
  return permissions;
}

function detailOf(claims: Members, audience: string): Members {
  const details = member(claims, 'authorization_details');
  const detail: unknown = Array.isArray(details) && details.length === 1 ? details[0] : undefined;
  const fits =
    isObject(detail) &&
    member(detail, 'type') === TOOL_CALL &&
    isSole(member(detail, 'locations'), audience) &&
    isSole(member(detail, 'actions'), 'tools/call');
  if (!fits) throw malformed('claim', 'authorization_details');
  return detail;
}

/** An own member: a hop cannot inherit a claim from a polluted prototype. */
function claim<Value>(claims: Members, name: string, fits: (value: unknown) => value is Value): Value {
  const value = member(claims, name);
  if (!fits(value)) throw malformed('claim', name);
  return value;
}

function optional<Value>(claims: Members, name: string, fits: (value: unknown) => value is Value): Value | undefined {
  const value = member(claims, name);
  if (value === undefined || fits(value)) return value;
  throw malformed('claim', name);
}

function isSole(list: unknown, only: unknown): boolean {
  return Array.isArray(list) && list.length === 1 && list[0] === only;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT;
}

function isDigestText(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

function isTransaction(value: unknown): value is string {
  return typeof value === 'string' && TRANSACTION.test(value);
}

function isConfirmation(value: unknown): value is { readonly jkt: string } {
  return isObject(value) && isDigestText(member(value, 'jkt'));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(reason: string, claim?: string): Error {
  return callDenial('chain_malformed', claim === undefined ? { reason } : { reason, claim });
}
