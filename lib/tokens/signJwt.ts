import { toBase64url } from '../base64url.js';
import type { SigningKey } from '../keys/signer.js';

/** A JWT in the compact form (RFC 7515 section 7.1). Members that are undefined are left out. */
export async function signJwt(header: object, claims: object, { sign }: Pick<SigningKey, 'sign'>): Promise<string> {
  const input = `${toBase64url(JSON.stringify(header))}.${toBase64url(JSON.stringify(claims))}`;
  return `${input}.${toBase64url(await sign(Buffer.from(input, 'ascii')))}`;
}
