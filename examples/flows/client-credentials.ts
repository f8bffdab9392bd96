// A machine that acts for itself: the client credentials grant, proven by a secret or by a signed assertion.
import {
  Client,
  ClientCredentialsProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
  type OAuthClientProvider,
} from '@modelcontextprotocol/client';
import { verifyingFetch } from '../../client/index.js';
import { oidc } from '../../lib/index.js';
import type { AuthorizationServer } from '../support/authorizationServer.js';
import { runFlow } from '../support/flow.js';

export async function withSecret(resource: string, { issuer, service }: AuthorizationServer): Promise<string> {
  const { clientId, clientSecret, scope } = service;
  // #region secret
  const authProvider = new ClientCredentialsProvider({ clientId, clientSecret, scope, expectedIssuer: issuer });
  // #endregion
  return whoami(resource, issuer, authProvider);
}

export async function withPrivateKeyJwt(resource: string, { issuer, robot }: AuthorizationServer): Promise<string> {
  const { clientId, privateKey, algorithm, scope } = robot;
  // #region private-key-jwt
  const authProvider = new PrivateKeyJwtProvider({
    clientId,
    algorithm,
    scope,
    expectedIssuer: issuer,
    privateKey: { ...privateKey }, // a JWK, or PEM
  });
  // #endregion
  return whoami(resource, issuer, authProvider);
}

async function whoami(resource: string, issuer: string, authProvider: OAuthClientProvider): Promise<string> {
  // #region verified
  const transport = new StreamableHTTPClientTransport(new URL(resource), {
    authProvider,
    fetch: verifyingFetch({ resource, issuers: [oidc({ issuer })] }),
  });
  const client = new Client({ name: 'client-credentials', version: '1.0.0' });
  await client.connect(transport);
  // #endregion
  const { content } = await client.callTool({ name: 'whoami' });
  await client.close();
  const { subject, clientId } = JSON.parse(content[0]?.type === 'text' ? content[0].text : '{}') as Who;
  return `${subject} through ${clientId}`;
}

interface Who {
  readonly subject: string;
  readonly clientId: string;
}

await runFlow(import.meta.url, async ([resource], authorizationServer) => [
  `by secret: ${await withSecret(resource, authorizationServer)}`,
  `by private_key_jwt: ${await withPrivateKeyJwt(resource, authorizationServer)}`,
]);
