// What the page on clients shows beside the flows.
import { signingFetch, verifyingFetch } from '../../client/index.js';
import type { Issuer, Signer } from '../../lib/index.js';

export function verifyThenSign(resource: string, issuers: Issuer[], signer: Signer): typeof fetch {
  // #region around
  const send = verifyingFetch({ resource, issuers, fetch: signingFetch({ signer, resource }) });
  // new StreamableHTTPClientTransport(new URL(resource), { authProvider, fetch: send })
  // #endregion
  return send;
}
