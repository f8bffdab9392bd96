// What the page on keys shows of keys that are held elsewhere.
import type { JWK } from 'jose';
import { externalSigner, type ExternalSigner } from '../../lib/index.js';

/** A key management service. */
export interface Kms {
  readonly sign: (keyName: string, bytes: Uint8Array) => Promise<{ readonly signature: Uint8Array }>;
}

export function kmsSigner(kms: Kms, keyName: string, publicJwk: JWK): ExternalSigner {
  // #region external
  const signer = externalSigner({
    publicJwk, // with alg
    purpose: 'request', // published with it; without one it verifies for every purpose
    sign: async (bytes) => (await kms.sign(keyName, bytes)).signature, // over the bytes themselves; r || s or DER
  });
  // #endregion
  return signer;
}
