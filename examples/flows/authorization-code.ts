// A person signs in: authorization code with PKCE (RFC 7636), a token for one resource (RFC 8707), then a refreshed one.
import { verifyingFetch } from '../../client/index.js';
import { oidc } from '../../lib/index.js';
import type { AuthorizationServer } from '../support/authorizationServer.js';
import { connect, type ClientKind } from '../support/clients.js';
import { runFlow } from '../support/flow.js';
import { asUser } from '../support/login.js';

/** Says who calls, before and after the access token has expired, and how often a token was asked for. */
export async function signInAndRefresh(
  kind: ClientKind,
  resource: string,
  authorizationServer: AuthorizationServer,
): Promise<readonly string[]> {
  const { issuer, tokenRequests, logins } = authorizationServer;
  const before = { tokens: tokenRequests(), logins: logins() };
  let ahead = 0;
  const fetching = verifyingFetch({
    resource,
    issuers: [oidc({ issuer })],
    // A clock that runs ahead, until there is a new token.
    now: () => new Date(Date.now() + (tokenRequests() - before.tokens === 1 ? ahead : 0)),
  });
  const client = await connect(kind, resource, asUser(authorizationServer), fetching);
  const first = await client.call('whoami');
  ahead = 3_600_000;
  const second = await client.call('whoami');
  await client.close();
  return [
    `${kind}, signed in: ${subjectOf(first)}`,
    `${kind}, refreshed: ${subjectOf(second)}`,
    `${kind}: ${tokenRequests() - before.tokens} tokens, ${logins() - before.logins} login`,
  ];
}

function subjectOf(answer: string): string {
  return (JSON.parse(answer) as { subject: string }).subject;
}

await runFlow(import.meta.url, ([resource], authorizationServer) =>
  signInAndRefresh('client v2 auto', resource, authorizationServer),
);
