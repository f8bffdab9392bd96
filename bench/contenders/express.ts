import express from 'express';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { RequestListener } from 'node:http';
import { auth as oauth2JwtBearer } from 'express-oauth2-jwt-bearer';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { requireBearerAuth as sdkBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth as expressBearerAuth } from '@modelcontextprotocol/express';
import { OAuthError, OAuthErrorCode } from '@modelcontextprotocol/server';
import { SCOPE, type Contender, type Setup } from './contender.js';

export const EXPRESS = 'Express 5 + express.json';
export const SDK_BEARER_AUTH = `${EXPRESS} + sdk v1 requireBearerAuth + jose`;

/** The same endpoint behind other checks. It answers from the parsed message when a parser ran. */
export function expressApp(...checks: readonly RequestHandler[]): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  if (checks.length > 0) app.use('/mcp', ...checks);
  app.post('/mcp', (req: Request, res: Response) => {
    const { id = 1 } = (req.body ?? {}) as { id?: number };
    res.json({ jsonrpc: '2.0', id, result: { content: [] } });
  });
  const fail: ErrorRequestHandler = (error: { status?: number; message: string }, _req, res, _next) => {
    res.status(error.status ?? 500).json({ error: error.message });
  };
  app.use(fail);
  return app;
}

/** What a server of the SDK writes today: its fastest form, with the key set at hand. */
function joseVerifier({ jwks, issuer, audience, algorithm }: Setup, invalid: () => Error) {
  const keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet);
  const resource = new URL(audience);
  const options = { issuer, audience, algorithms: [algorithm], typ: 'at+jwt' };
  return {
    verifyAccessToken: async (token: string) => {
      const { payload } = await jwtVerify(token, keys, options).catch(() => {
        throw invalid();
      });
      const { client_id: clientId, scope } = payload as { client_id: string; scope: string };
      return { token, clientId, scopes: scope.split(' '), expiresAt: payload.exp ?? 0, resource, extra: payload };
    },
  };
}

const resourceMetadataUrl = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';

/** What a server of the SDK has in front today. */
export function bearerAuth(setup: Setup): RequestHandler {
  const verifier = joseVerifier(setup, () => new InvalidTokenError('invalid'));
  return sdkBearerAuth({ verifier, requiredScopes: [SCOPE], resourceMetadataUrl });
}

export const expressPeers: readonly Contender[] = [
  { name: 'Express 5 bare, body not read', denies: 'nothing', build: () => expressApp() },
  { name: EXPRESS, denies: 'nothing', build: () => expressApp(express.json()) },
  {
    name: `${EXPRESS}, once more (noise)`,
    baseline: EXPRESS,
    denies: 'nothing',
    build: () => expressApp(express.json()),
  },
  {
    name: SDK_BEARER_AUTH,
    baseline: EXPRESS,
    denies: 'bad tokens, weak scopes',
    build: (setup) => expressApp(express.json(), bearerAuth(setup)),
  },
  {
    name: `${EXPRESS} + @modelcontextprotocol/express + jose`,
    baseline: EXPRESS,
    denies: 'bad tokens, weak scopes',
    build: (setup) => {
      const verifier = joseVerifier(setup, () => new OAuthError(OAuthErrorCode.InvalidToken, 'invalid'));
      return expressApp(express.json(), expressBearerAuth({ verifier, requiredScopes: [SCOPE], resourceMetadataUrl }));
    },
  },
  {
    name: `${EXPRESS} + express-oauth2-jwt-bearer strict`,
    baseline: EXPRESS,
    denies: 'bad tokens',
    build: ({ issuer, jwksUri, audience, algorithm }) =>
      expressApp(
        express.json(),
        oauth2JwtBearer({ issuer, jwksUri, audience, tokenSigningAlg: algorithm, strict: true }),
      ),
  },
];
