// What the page on opaque and revoked tokens shows.
import { memoryRevocations } from '../../lib/index.js';

export async function revoke(issuer: string, claims: { jti: string; exp: number }, digest: string): Promise<void> {
  // #region revoke
  const revocations = memoryRevocations(); // the store that `revoked` has
  const until = new Date((claims.exp + 30) * 1000);
  await revocations.revoke({ issuer, tokenId: claims.jti }, until);
  await revocations.revoke({ digest }, until); // SHA-256 over the token, base64url, where it has no jti
  // #endregion
}
