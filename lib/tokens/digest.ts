import { hash } from 'node:crypto';

let last = { token: '', digest: '' };

/** The SHA-256 of a token, base64url. One request asks for that of its token several times in a row, and computes it once. */
export function tokenDigest(token: string): string {
  if (last.token !== token) last = { token, digest: hash('sha256', token, 'base64url') };
  return last.digest;
}
