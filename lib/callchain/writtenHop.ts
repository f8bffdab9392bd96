import { TOOL_CALL, type Hop } from './hop.js';
import { isText, permissionsIn, type SentHop } from './hopClaims.js';

/** Printable ASCII in which nothing is escaped: there is one way to read it. */
const TEXT = '"([ !#-\\[\\]-~]+)"';
const NAME = '"([\\w.-]{1,128})"';
const DIGEST = '"([\\w-]{43})"';
const TOOL_DIGEST = '"(sha256:[0-9a-f]{64})"';
/** Never more than what is a safe integer. */
const COUNT = '(0|[1-9]\\d{0,14})';

const WRITTEN = new RegExp(
  `^\\{"iss":${TEXT},"aud":${TEXT},(?:"sub":${TEXT},)?"txn":"([\\w.~:-]{8,128})","jti":"([\\w-]{22,128})",` +
    `"iat":${COUNT},"exp":${COUNT},"del_depth":${COUNT},"del_max_depth":${COUNT},` +
    `(?:"par_hash":${DIGEST},)?(?:"caller":${NAME},)?"scope":"([ !#-\\[\\]-~]*)",(?:"cnf":\\{"jkt":${DIGEST}\\},)?` +
    `"authorization_details":\\[\\{"type":"${TOOL_CALL.replaceAll('.', '\\.')}","locations":\\[${TEXT}\\],` +
    `"actions":\\["tools/call"\\],"identifier":${NAME},"args_digest":${DIGEST}(?:,"tool_digest":${TOOL_DIGEST})?\\}\\]\\}$`,
);

/** What the groups of the pattern hold. */
type Written = readonly [
  whole: string,
  issuer: string,
  audience: string,
  subject: string | undefined,
  transaction: string,
  id: string,
  iat: string,
  exp: string,
  depth: string,
  maxDepth: string,
  parent: string | undefined,
  caller: string | undefined,
  scope: string,
  nextKey: string | undefined,
  location: string,
  tool: string,
  argumentsDigest: string,
  toolDigest: string | undefined,
];

/**
 * Reads the claims of a hop that stand in the very order in which `signHop` writes them, in a fraction of the time: what
 * matches names no member twice, has no other, and holds values of the right form. Nothing for all else, be it right or
 * wrong: that is for `hopOf`, which says the same of what both read.
 */
export function writtenHop({ token, signed, algorithm, keyId }: SentHop, text: string): Hop | undefined {
  const match = WRITTEN.exec(text) as Written | null;
  if (match === null) return undefined;
  const [, issuer, audience, subject, transaction, id, iat, exp, depth, maxDepth, ...others] = match;
  const [parent, caller, scope, nextKey, location, tool, argumentsDigest, toolDigest] = others;
  const issuedAt = Number(iat);
  const expiresAt = Number(exp);
  const permissions = permissionsIn(scope);
  if (expiresAt <= issuedAt || location !== audience || permissions === undefined) return undefined;
  if (!isText(issuer) || !isText(audience) || (subject !== undefined && !isText(subject))) return undefined;
  return {
    token,
    signed,
    algorithm,
    keyId,
    issuer,
    audience,
    subject,
    transaction,
    id,
    issuedAt,
    expiresAt,
    depth: Number(depth),
    maxDepth: Number(maxDepth),
    parent,
    caller,
    nextKey,
    permissions,
    tool,
    argumentsDigest,
    toolDigest,
  };
}
