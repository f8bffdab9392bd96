// Single sign-on: one login for two MCP servers, and a token of its own for each of them.
import { verifyingFetch } from '../../client/index.js';
import { oidc } from '../../lib/index.js';
import type { AuthorizationServer } from '../support/authorizationServer.js';
import { openBrowser } from '../support/browser.js';
import { connect, type ClientKind } from '../support/clients.js';
import { runFlow } from '../support/flow.js';
import { asUser } from '../support/login.js';

/** Says who calls each server, and how often they had to say it. */
export async function signInOnce(
  kind: ClientKind,
  resources: readonly string[],
  authorizationServer: AuthorizationServer,
): Promise<readonly string[]> {
  const { issuer, tokenRequests, logins } = authorizationServer;
  const before = { tokens: tokenRequests(), logins: logins() };
  const browser = openBrowser();
  const lines: string[] = [];
  for (const [index, resource] of resources.entries()) {
    const fetching = verifyingFetch({ resource, issuers: [oidc({ issuer })] });
    const client = await connect(kind, resource, asUser(authorizationServer, 'alice', browser), fetching);
    const { subject } = JSON.parse(await client.call('whoami')) as { subject: string };
    await client.close();
    lines.push(`${kind}, server ${index + 1}: ${subject}`);
  }
  return [...lines, `${kind}: ${tokenRequests() - before.tokens} tokens, ${logins() - before.logins} login`];
}

await runFlow(import.meta.url, (resources, authorizationServer) =>
  signInOnce('client v2 auto', resources, authorizationServer),
);
