// The client of examples/security-levels.ts: it signs its requests, and proves that its token is its own.
// #region client
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { JWK } from 'jose';
import type { Signer } from '../lib/index.js';
import { dpopFetch, signingFetch } from '../client/index.js';

/** `signer`: `keyStore.signer('request')`. `key`: the one that the token is bound to, which level `strict` requires. */
export async function connect(resource: string, token: string, signer: Signer, key?: JWK): Promise<Client> {
  const signing = signingFetch({ signer, resource });
  const fetch = key === undefined ? signing : dpopFetch({ resource, key, fetch: signing });
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  const client = new Client({ name: 'agent', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(resource), { fetch, requestInit }));
  return client;
}
// #endregion
