// Tokens that are bound to a key of their client (RFC 9449): what the server says, and what the client sends with.
import express, { type Express } from 'express';
import { serveExpress, toExpress } from '../adapters/express.js';
import { dpopFetch } from '../client/index.js';
import {
  authenticate,
  authorizeScopes,
  defineTools,
  oidc,
  protectedResource,
  validateOrigin,
  type DPoPOptions,
} from '../lib/index.js';

const tools = defineTools({ whoami: { permissions: [] } });

/** Puts the checks in front of whatever is mounted at `/mcp` later. */
export function createProtectedApp(resource: string, issuer: string): Express {
  const app = express();
  // #region server
  const dpop: DPoPOptions = { mode: 'require', nonces: {} };

  app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes: ['file:read'], dpop })));
  app.use(
    '/mcp',
    toExpress(
      validateOrigin({ resource }),
      authenticate({ issuers: [oidc({ issuer })], resource, dpop }),
      authorizeScopes({ tools, base: [] }),
    ),
  );
  // #endregion
  return app;
}

/** The `fetch` of an MCP client, whichever OAuth provider it has. */
export function provingFetch(resource: string, issuer: string): typeof fetch {
  // #region client
  const proving = dpopFetch({ resource, tokenEndpoint: `${issuer}/token` });
  // new StreamableHTTPClientTransport(new URL(resource), { authProvider, fetch: proving })
  // #endregion
  return proving;
}
