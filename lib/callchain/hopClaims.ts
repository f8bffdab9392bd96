import { isDigest } from '../definitions/form.js';
import { memo } from '../memo.js';
import { isPermission } from '../permissions.js';
import { isObject } from '../rpc.js';
import { member, type Members } from '../tokens/jwt.js';
import { isToolName } from '../tools/toolName.js';
import { callDenial } from './denials.js';
import { TOOL_CALL, type Hop } from './hop.js';

/** What is known of a hop before its claims are read. */
export type SentHop = Pick<Hop, 'token' | 'signed' | 'algorithm' | 'keyId'>;

const DIGEST = /^[\w-]{43}$/;
const ID = /^[\w-]{22,128}$/;
const TRANSACTION = /^[\w.~:-]{8,128}$/;
const MAX_TEXT = 2048;

/**
 * Makes a hop of its claims, in one literal: to put it together of parts would take longer than to parse them.
 * @throws {Denial} 403 `chain_malformed`
 */
export function hopOf({ token, signed, algorithm, keyId }: SentHop, claims: Members): Hop {
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
    algorithm,
    keyId,
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
    permissions: permissions(claims),
    tool: claim(detail, 'identifier', isToolName),
    argumentsDigest: claim(detail, 'args_digest', isDigestText),
    toolDigest: optional(detail, 'tool_digest', isDigest),
  };
}

/**
 * The permissions in a scope (RFC 6749 section 3.3), if it has nothing else. Frozen. The hops of a transaction mostly have
 * the same scope.
 */
export const permissionsIn: (scope: string) => readonly string[] | undefined = memo(100, (scope) => {
  const list = scope === '' ? [] : scope.split(' ');
  return list.every(isPermission) ? Object.freeze(list) : undefined;
});

function permissions(claims: Members): readonly string[] {
  const list = permissionsIn(claim(claims, 'scope', isString));
  if (list === undefined) throw malformed('claim', 'scope');
  return list;
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

/** Whether a value is a text of a length that is looked at. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT;
}

/** Whether a value is a SHA-256 digest, or a thumbprint, in base64url. */
export function isDigestText(value: unknown): value is string {
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

export function malformed(reason: string, claim?: string): Error {
  return callDenial('chain_malformed', claim === undefined ? { reason } : { reason, claim });
}
