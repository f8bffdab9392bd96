// An agent that keeps its own keys: it signs with the active one, and publishes the public halves.
// #region keys
import express, { type Express } from 'express';
import { serveExpress } from '../../adapters/express.js';
import { signingFetch } from '../../client/index.js';
import { jwksEndpoint, openKeyStore } from '../../lib/index.js';

export interface Agent {
  /** For the `fetch` option of an MCP client's transport. */
  readonly fetch: typeof fetch;
  /** Serves `/.well-known/jwks.json`. */
  readonly app: Express;
  readonly close: () => Promise<void>;
}

export async function createAgent(directory: string, secret: string, resource: string): Promise<Agent> {
  const keys = await openKeyStore({ directory, secret, purposes: ['request'] });
  return {
    fetch: signingFetch({ signer: keys.signer('request'), resource }),
    app: express().use(serveExpress(jwksEndpoint(keys))),
    close: keys.close,
  };
}
// #endregion
