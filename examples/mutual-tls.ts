// Callers who are known by their certificates, and a client that shows one (RFC 8705).
import { mtlsFetch, type MtlsFetch } from '../client/index.js';
import { authenticate, authorizeScopes, oidc, type Middleware, type Tools } from '../lib/index.js';

/** For a Node server with `requestCert: true`, and a `ca` that issues to clients alone. */
export function direct(resource: string, issuer: string, tools: Tools, send: typeof fetch = fetch) {
  // #region direct
  return [
    authenticate({
      issuers: [oidc({ issuer })],
      resource,
      fetch: send,
      mtls: {
        callers: [
          { clientId: 'billing', uri: 'spiffe://example.org/billing' },
          { clientId: 'reports', dns: 'reports.example.org' },
        ],
      },
    }),
    authorizeScopes({ tools, clients: { billing: ['pay'], reports: ['file:read'] } }),
  ] as const;
  // #endregion
}

/** For a server behind nginx, which ends TLS. */
export function behindNginx(resource: string, issuer: string, send: typeof fetch = fetch): Middleware<never, 'auth'> {
  // #region nginx
  return authenticate({
    issuers: [oidc({ issuer })],
    resource,
    fetch: send,
    mtls: { proxy: { addresses: ['127.0.0.1'], format: 'nginx' } },
  });
  // #endregion
}

/** What a client is known by, and by whom the server must be known. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export function client({ cert, key, ca }: Identity, resource: string): MtlsFetch {
  // #region client
  const send = mtlsFetch({ cert, key, ca, servers: [{ url: resource, uri: 'spiffe://example.org/server' }] });
  // new StreamableHTTPClientTransport(new URL(resource), { fetch: send })
  // #endregion
  return send;
}
