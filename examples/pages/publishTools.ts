// What the page on publishTools shows.
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server';
import type { Express } from 'express';
import { toExpress } from '../../adapters/express.js';
import {
  authenticate,
  authorizeScopes,
  defineTools,
  oidc,
  openKeyStore,
  publishTools,
  servedTools,
  validateOrigin,
  type Tools,
  type ToolSource,
} from '../../lib/index.js';

export interface Setting {
  readonly directory: string;
  readonly secret: string;
  readonly resource: string;
  readonly issuer: string;
  readonly createServer: () => McpServer;
}

export async function publish(app: Express, { directory, secret, resource, issuer, createServer }: Setting) {
  // #region mount
  const keys = await openKeyStore({ directory, secret }); // where the signing keys are

  const tools = defineTools({
    add: { version: '1.0.0', permissions: [] },
    secure_file_read: { version: '1.2.0', permissions: ['file:read'] },
  });

  app.use(
    '/mcp',
    toExpress(
      validateOrigin({ resource }),
      authenticate({ issuers: [oidc({ issuer })], resource }),
      authorizeScopes({ tools }),
      publishTools({ tools, resource, signer: keys.signer('definition'), source: servedTools(createServer) }),
    ),
  );
  // #endregion
  return keys;
}

export async function withCode(file: string): Promise<Tools> {
  // #region code
  const codeDigest = `sha256:${hash('sha256', await readFile(file), 'hex')}`;
  const tools = defineTools({
    secure_file_read: { version: '1.2.0', permissions: ['file:read'], codeDigest },
  });
  // #endregion
  return tools;
}

export function sources(createServer: () => McpServer): ToolSource[] {
  // #region source
  const one = servedTools(createServer); // a function that makes an McpServer, of either SDK line
  const both = servedTools(createMcpHandler(createServer)); // server v2, in both forms
  // #endregion
  return [one, both];
}
