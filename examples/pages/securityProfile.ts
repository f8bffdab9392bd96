// What the page on securityProfile shows beside the programs.
import type { Express } from 'express';
import type { JSONWebKeySet } from 'jose';
import { toExpress } from '../../adapters/express.js';
import {
  oidc,
  securityProfile,
  type AuditTrail,
  type KeyStore,
  type Tools,
  type TrustedKeys,
} from '../../lib/index.js';

export interface Setting {
  readonly resource: string;
  readonly issuer: string;
  readonly tools: Tools;
  readonly audit: AuditTrail | (() => void);
}

export function short(app: Express, { resource, issuer, tools, audit }: Setting): void {
  // #region short
  app.use(
    '/mcp',
    toExpress(...securityProfile({ level: 'basic', resource, issuers: [oidc({ issuer })], tools, audit })),
  );
  // #endregion
}

export function withToolServers(
  filesKeys: JSONWebKeySet,
  keyStore: KeyStore,
  { resource, issuer, tools, audit }: Setting,
): ReturnType<typeof securityProfile> {
  const issuers = [oidc({ issuer })];
  // #region toolServers
  const toolServers: TrustedKeys[] = [
    {
      owner: 'https://reports.example.com/mcp',
      clientId: 'reports',
      mayRoot: true,
      jwksUri: 'https://reports.example.com/.well-known/jwks.json',
    },
    { owner: 'https://files.example.com/mcp', clientId: 'files', jwks: filesKeys },
  ];
  const checks = securityProfile({ level: 'enhanced', resource, issuers, tools, keyStore, audit, toolServers });
  // #endregion
  return checks;
}
