import { randomBytes } from 'node:crypto';
import type { SigningKey } from '../keys/signer.js';
import { signJwt } from '../tokens/signJwt.js';
import { HOP_TYPE, TOOL_CALL, type HopClaims } from './hop.js';

type Members = Readonly<Record<string, unknown>>;

/** Signs one hop under a random id. `header` and `claims` replace members, for tests; `undefined` leaves one out. */
export function signHop(
  hop: HopClaims,
  key: SigningKey,
  { header, claims }: { readonly header?: Members; readonly claims?: Members } = {},
): Promise<string> {
  const protectedHeader = { typ: HOP_TYPE, alg: key.algorithm, kid: key.keyId, ...header };
  return signJwt(protectedHeader, { ...claimsOf(hop), ...claims }, key);
}

function claimsOf(hop: HopClaims): Members {
  const { audience, tool, nextKey, toolDigest } = hop;
  return {
    iss: hop.issuer,
    aud: audience,
    sub: hop.subject,
    txn: hop.transaction,
    jti: randomBytes(16).toString('base64url'),
    iat: hop.issuedAt,
    exp: hop.expiresAt,
    del_depth: hop.depth,
    del_max_depth: hop.maxDepth,
    par_hash: hop.parent,
    caller: hop.caller,
    scope: hop.permissions.join(' '),
    cnf: nextKey === undefined ? undefined : { jkt: nextKey },
    authorization_details: [
      {
        type: TOOL_CALL,
        locations: [audience],
        actions: ['tools/call'],
        identifier: tool,
        args_digest: hop.argumentsDigest,
        tool_digest: toolDigest,
      },
    ],
  };
}
