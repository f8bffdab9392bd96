// The same endpoint behind what many servers have today, and behind this package. The migration page quotes it.
import express, { type Express, type RequestHandler } from 'express';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { auth } from 'express-oauth2-jwt-bearer';
import { authenticate, authorizeScopes, defineTools, oidc, protectedResource, securityProfile } from '../lib/index.js';
import { serveExpress, toExpress } from '../adapters/express.js';

/** Where an endpoint is, who issues tokens for it, and what answers. */
export interface Setting {
  readonly resource: string;
  readonly issuer: string;
  readonly jwksUri: string;
  readonly mcp: RequestHandler;
}

export function beforeWithSdk({ resource, issuer, jwksUri, mcp }: Setting): Express {
  const app = express();
  // #region sdk-before
  const keys = createRemoteJWKSet(new URL(jwksUri));
  const verifier = {
    verifyAccessToken: async (token: string) => {
      const { payload } = await jwtVerify(token, keys, { issuer, audience: resource }).catch(() => {
        throw new InvalidTokenError('not valid');
      });
      const { client_id: clientId, scope, exp = 0 } = payload as { client_id: string; scope: string; exp?: number };
      return { token, clientId, scopes: scope.split(' '), expiresAt: exp };
    },
  };
  app.use('/mcp', express.json(), requireBearerAuth({ verifier, requiredScopes: ['mcp'] }));
  // #endregion
  return app.all('/mcp', mcp);
}

export function afterSdk({ resource, issuer, mcp }: Setting): Express {
  const app = express();
  // #region sdk-after
  const tools = defineTools({
    secure_file_read: { permissions: ['mcp'] }, // every tool of your server, with what requiredScopes asked for
    purge: { permissions: ['mcp'] },
  });
  app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes: ['mcp'] })));
  app.use(
    '/mcp',
    toExpress(
      authenticate({ issuers: [oidc({ issuer })], resource, scopes: ['mcp'] }),
      authorizeScopes({ tools, base: ['mcp'] }), // everything that is no call of a tool needs 'mcp' too
    ),
  );
  // #endregion
  return app.all('/mcp', mcp);
}

export function afterWithTools({ resource, issuer, mcp }: Setting): Express {
  const app = express();
  const audit = (): void => undefined;
  // #region tools-after
  const tools = defineTools({
    secure_file_read: { permissions: ['file:read'] },
    purge: { permissions: ['file:delete'] },
  });
  const issuers = [oidc({ issuer })];
  app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes: ['mcp'] })));
  app.use('/mcp', toExpress(...securityProfile({ level: 'basic', resource, issuers, tools, base: ['mcp'], audit })));
  // #endregion
  return app.all('/mcp', mcp);
}

export function beforeWithJwtBearer({ resource, issuer, jwksUri, mcp }: Setting): Express {
  const app = express().set('env', 'test'); // no stacks on standard error
  // #region jwt-bearer-before
  app.use('/mcp', auth({ issuer, jwksUri, audience: resource, tokenSigningAlg: 'ES256' }));
  // #endregion
  return app.all('/mcp', express.json(), mcp);
}
