// Tokens that only their issuer can read, beside JWTs, and tokens that were taken back.
import {
  authenticate,
  introspect,
  memoryRevocations,
  oidc,
  type Middleware,
  type RevocationStore,
} from '../lib/index.js';

export function checks(
  resource: string,
  issuer: string,
  clientSecret: string,
  send: typeof fetch = fetch,
): { readonly middleware: Middleware<never, 'auth'>; readonly revocations: RevocationStore } {
  // #region introspect
  const revocations = memoryRevocations(); // or redisStores(client).revocations, for several instances
  const middleware = authenticate({
    issuers: [oidc({ issuer }), introspect({ issuer, clientId: 'mcp-server', clientSecret })],
    resource,
    revoked: revocations,
    exposeToken: false,
    fetch: send,
  });
  // #endregion
  return { middleware, revocations };
}
