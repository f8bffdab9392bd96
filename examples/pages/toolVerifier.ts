// What the page on toolVerifier shows beside the attacks.
import { type Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { JSONWebKeySet, JWK } from 'jose';
import type { GuardClientOptions } from '../../client/index.js';
import { openKeyStore, type KeyStore, type Signer } from '../../lib/index.js';
// #region import
import { fileApprovals, guardClient, signKeyRotation, toolVerifier } from '../../client/index.js';
// #endregion

export interface Setting {
  readonly server: string;
  readonly folder: string;
  readonly secret: string;
  readonly pinnedKeys: JSONWebKeySet;
  readonly fetch: typeof fetch;
  readonly askTheUser: NonNullable<GuardClientOptions['approve']>;
}

export async function callGuarded(
  client: Client,
  { server, folder, secret, pinnedKeys, fetch, askTheUser }: Setting,
): Promise<{ readonly keys: KeyStore; readonly content: unknown }> {
  const transport = new StreamableHTTPClientTransport(new URL(server), { fetch });
  // #region guard
  const keys = await openKeyStore({ directory: `${folder}/keys`, secret, purposes: ['approval'] });
  await keys.generate('approval'); // unless there is one
  const verifier = toolVerifier({
    server, // the URL of the MCP endpoint
    publishers: [{ owner: server, jwks: pinnedKeys }],
    approvals: fileApprovals({
      file: `${folder}/approvals.json`,
      signer: keys.signer('approval'),
      keys: await keys.export({ states: ['pending', 'active', 'retiring', 'retired'] }),
    }),
  });

  await client.connect(transport);
  const guarded = guardClient(client, { verifier, approve: askTheUser });
  const { tools } = await guarded.listTools(); // approved tools only
  const { content } = await guarded.callTool({ name: 'weather', arguments: { city: 'Bern' } });
  // #endregion
  return { keys, content: [tools.map(({ name }) => name), content] };
}

export async function announce(
  publisher: string,
  newPublicJwk: JWK,
  oldSigner: Signer,
  expiresAt: Date,
): Promise<string> {
  // #region rotation
  const statement = await signKeyRotation({ publisher, key: newPublicJwk, signer: oldSigner, expiresAt });
  // #endregion
  return statement;
}
