import { hash } from 'node:crypto';
import { isDigest } from '../definitions/form.js';
import { canonicalize } from '../json/canonical.js';
import { isPermission } from '../permissions.js';
import { isObject } from '../rpc.js';
import { TokenFault } from '../tokens/fault.js';
import { decodeJwt, type Members } from '../tokens/jwt.js';
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
export interface Hop {
  /** As it was sent. */
  readonly token: string;
  readonly keyId: string;
  readonly algorithm: string;
  /** Who calls: the resource URI of a server, or the URI of an agent. */
  readonly issuer: string;
  /** The resource URI of the server that is called. */
  readonly audience: string;
  readonly subject: string | undefined;
  readonly transaction: string;
  readonly id: string;
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

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const DIGEST = /^[\w-]{43}$/;
const ID = /^[\w-]{22,128}$/;
const TRANSACTION = /^[\w.~:-]{8,128}$/;
const MAX_TEXT = 2048;
/** Members that would let a hop choose its own key, or change what is signed. */
const FOREIGN = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256'];

/**
 * Reads a chain, without believing it. Counts and lengths go first: what is too long costs nothing.
 * @throws {Denial} 403 `chain_malformed`
 */
export function readChain(chain: unknown): readonly Hop[] {
  if (!Array.isArray(chain) || chain.length === 0) throw malformed('shape');
  if (chain.length > MAX_HOPS) throw malformed('hops');
  let length = 0;
  for (const token of chain as readonly unknown[]) {
    if (typeof token !== 'string') throw malformed('shape');
    length += token.length;
    if (length > MAX_CHAIN) throw malformed('size');
  }
  return (chain as readonly string[]).map(readHop);
}

/** The digest by which the next hop names a hop: of what is signed, not of the signature. */
export function hopDigest(token: string): string {
  return hash('sha256', signingInput(token), 'base64url');
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
  if (!COMPACT.test(token)) throw malformed('format');
  const { header, claims } = decode(token);
  const { typ, alg, kid } = own(header, ['typ', 'alg', 'kid']);
  if (typ !== HOP_TYPE) throw malformed('type');
  if (FOREIGN.some((name) => Object.hasOwn(header, name)) || !isText(alg) || !isDigestText(kid)) {
    throw malformed('header');
  }
  return Object.freeze({
    token,
    keyId: kid,
    algorithm: alg,
    ...readParties(claims),
    ...readPlace(claims),
    ...readCall(claims),
  });
}

function decode(token: string): { readonly header: Members; readonly claims: Members } {
  try {
    return decodeJwt(token);
  } catch (error) {
    if (error instanceof TokenFault) throw malformed(error.reason);
    throw error;
  }
}

function readParties(claims: Members) {
  const { iss, aud, sub, txn, jti } = own(claims, ['iss', 'aud', 'sub', 'txn', 'jti']);
  if (!isText(iss)) throw malformed('claim', 'iss');
  if (!isText(aud)) throw malformed('claim', 'aud');
  if (sub !== undefined && !isText(sub)) throw malformed('claim', 'sub');
  if (typeof txn !== 'string' || !TRANSACTION.test(txn)) throw malformed('claim', 'txn');
  if (typeof jti !== 'string' || !ID.test(jti)) throw malformed('claim', 'jti');
  return { issuer: iss, audience: aud, subject: sub, transaction: txn, id: jti };
}

function readPlace(claims: Members) {
  const { iat, exp, nbf, del_depth, del_max_depth, par_hash, caller, cnf } = own(claims, [
    'iat',
    'exp',
    'nbf',
    'del_depth',
    'del_max_depth',
    'par_hash',
    'caller',
    'cnf',
  ]);
  if (!isCount(iat)) throw malformed('claim', 'iat');
  if (!isCount(exp) || exp <= iat) throw malformed('claim', 'exp');
  if (nbf !== undefined) throw malformed('claim', 'nbf');
  if (!isCount(del_depth)) throw malformed('claim', 'del_depth');
  if (!isCount(del_max_depth)) throw malformed('claim', 'del_max_depth');
  if (par_hash !== undefined && !isDigestText(par_hash)) throw malformed('claim', 'par_hash');
  if (caller !== undefined && !isToolName(caller)) throw malformed('claim', 'caller');
  const nextKey = isObject(cnf) ? own(cnf, ['jkt']).jkt : undefined;
  if (cnf !== undefined && !isDigestText(nextKey)) throw malformed('claim', 'cnf');
  return {
    issuedAt: iat,
    expiresAt: exp,
    depth: del_depth,
    maxDepth: del_max_depth,
    parent: par_hash,
    caller,
    nextKey: nextKey as string | undefined,
  };
}

function readCall(claims: Members) {
  const { aud, scope, authorization_details: details } = own(claims, ['aud', 'scope', 'authorization_details']);
  if (typeof scope !== 'string') throw malformed('claim', 'scope');
  const permissions = scope === '' ? [] : scope.split(' ');
  if (!permissions.every(isPermission)) throw malformed('claim', 'scope');
  const detail: unknown = Array.isArray(details) && details.length === 1 ? details[0] : undefined;
  if (!isObject(detail)) throw malformed('claim', 'authorization_details');
  const { type, locations, actions, identifier, args_digest, tool_digest } = own(detail, [
    'type',
    'locations',
    'actions',
    'identifier',
    'args_digest',
    'tool_digest',
  ]);
  const fits =
    type === TOOL_CALL &&
    isSole(locations, aud) &&
    isSole(actions, 'tools/call') &&
    isToolName(identifier) &&
    isDigestText(args_digest) &&
    (tool_digest === undefined || isDigest(tool_digest));
  if (!fits) throw malformed('claim', 'authorization_details');
  return {
    permissions: Object.freeze(permissions),
    tool: identifier,
    argumentsDigest: args_digest,
    toolDigest: tool_digest,
  };
}

/** Own members alone: a hop cannot inherit a claim from a polluted prototype. */
function own<Name extends string>(members: Members, names: readonly Name[]): Record<Name, unknown> {
  const found = Object.create(null) as Record<Name, unknown>;
  for (const name of names) found[name] = Object.hasOwn(members, name) ? members[name] : undefined;
  return found;
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

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(reason: string, claim?: string): Error {
  return callDenial('chain_malformed', claim === undefined ? { reason } : { reason, claim });
}
