// What the page on verifySignature shows beside the programs.
import type { Express, RequestHandler } from 'express';
import type { VerifySignatureOptions } from '../../lib/index.js';
// #region front
import { createMcpExpressApp } from '@modelcontextprotocol/express'; // v1: '@modelcontextprotocol/sdk/server/express.js'
import express from 'express';
import { toExpress } from '../../adapters/express.js';
import { verifySignature } from '../../lib/index.js';

export function inFront(handler: RequestHandler, options: VerifySignatureOptions): Express {
  const mcp = createMcpExpressApp();
  mcp.all('/mcp', handler);
  return express()
    .use('/mcp', toExpress(verifySignature(options)))
    .use(mcp);
}
// #endregion

// #region client
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { openKeyStore } from '../../lib/index.js';
import { signingFetch } from '../../client/index.js';

export async function signingTransport(directory: string, url: URL): Promise<StreamableHTTPClientTransport> {
  const secret = process.env['MCP_ETDI_KEY_SECRET'] ?? ''; // openssl rand -base64 32
  const keys = await openKeyStore({ directory, secret });
  return new StreamableHTTPClientTransport(url, {
    fetch: signingFetch({ signer: keys.signer('request'), resource: url.href }),
  });
}
// #endregion
