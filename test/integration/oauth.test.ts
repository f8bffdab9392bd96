import { createPrivateKey, sign, type JsonWebKey } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:https';
import { once } from 'node:events';
import { expect } from 'chai';
import { openBrowser } from '../../examples/support/browser.js';
import { connect, type ClientKind, type Connection } from '../../examples/support/clients.js';
import { asService, asUser, type Login } from '../../examples/support/login.js';
import { followStepUp, tools } from '../../examples/step-up.js';
import { mtlsFetch, type MtlsFetch } from '../../client/index.js';
import { authenticate, authorizeScopes, introspect, oidc, protectedResource, type Signer } from '../../lib/index.js';
import { certificateAuthority, type Authority, type Issued } from '../support/certificates.js';
import { MCP_SERVERS, NEWEST_MCP_SERVERS } from '../support/mcpServers.js';
import { SCOPES, startOAuthServer, type OAuthServer } from '../support/oauthServer.js';

interface Served {
  readonly resource: string;
  readonly origin: string;
  readonly close: () => Promise<void>;
}

const KINDS: readonly ClientKind[] = ['client v1', 'client v2 legacy', 'client v2 auto'];

/** Every combination runs against one authorization server, and nothing is bypassed: tokens are bound, and for one resource. */
describe('an authorization server with mutual TLS, introspection and resource indicators', () => {
  let authority: Authority;
  let as: OAuthServer;
  let mine: Issued;
  let thief: Issued;
  const open: { readonly close: () => Promise<unknown> }[] = [];

  const holder = ({ cert, key }: Issued, ...urls: readonly string[]): MtlsFetch => {
    const one = mtlsFetch({ cert, key, ca: authority.ca, servers: urls.map((url) => ({ url })) });
    open.push(one);
    return one;
  };

  before(async () => {
    authority = await certificateAuthority();
    as = await startOAuthServer(authority);
    [mine, thief] = await Promise.all([
      authority.issue([{ type: 'url', value: 'spiffe://example.org/mine' }]),
      authority.issue([{ type: 'url', value: 'spiffe://example.org/thief' }]),
    ]);
  });
  after(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
    await as.close();
  });

  for (const format of ['jwt', 'opaque'] as const) {
    // Tokens are read before a framework is, so that its older releases need one format alone.
    for (const [name, mount] of format === 'jwt' ? MCP_SERVERS : NEWEST_MCP_SERVERS) {
      describe(`with ${format} tokens for ${name}`, () => {
        let served: Served;
        const connections: Connection[] = [];

        before(async () => {
          const { cert, key } = await authority.issue([{ type: 'dns', value: 'localhost' }]);
          const server = createServer({ cert, key, ca: authority.ca, requestCert: true, rejectUnauthorized: false });
          server.listen(0, '127.0.0.1');
          await once(server, 'listening');
          const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
          const resource = `${origin}/mcp`;
          const { issuer } = as;
          as.resources.set(resource, format);
          const asking = { issuer, clientId: as.resourceServer.clientId, clientSecret: as.resourceServer.clientSecret };
          const keyed = { issuer, clientId: as.keyed.clientId, privateKeyJwt: signerOf(as.keyed.privateKey) };
          const checks = [
            authenticate({
              issuers: [oidc({ issuer }), introspect(name.startsWith('Express') ? asking : keyed)],
              resource,
              scopes: ['file:read', 'pay'],
              mtls: {},
              requireBinding: true,
              exposeToken: false,
              fetch: holder(mine, issuer),
            }),
            authorizeScopes({ tools }),
          ];
          const endpoints = [
            protectedResource({
              resource,
              authorizationServers: [issuer],
              scopes: SCOPES,
              certificateBoundTokens: true,
            }),
          ];
          server.on('request', mount({ checks, endpoints }));
          served = {
            origin,
            resource,
            close: async () => {
              server.closeAllConnections();
              server.close();
              await once(server, 'close');
            },
          };
        });
        after(async () => {
          await Promise.all(connections.splice(0).map((one) => one.close()));
          await served.close();
        });

        const join = async (kind: ClientKind, login: Login, send: typeof fetch): Promise<Connection> => {
          const connection = await connect(kind, served.resource, login, send);
          connections.push(connection);
          return connection;
        };

        it('publishes that its tokens are bound to certificates', async () => {
          const send = holder(mine, served.origin);
          const metadata = await (await send(`${served.origin}/.well-known/oauth-protected-resource/mcp`)).json();
          expect(metadata).to.include({ tls_client_certificate_bound_access_tokens: true, resource: served.resource });
        });

        for (const kind of KINDS) {
          it(`lets a user in who signs in with ${kind}, and asks for more before a payment`, async () => {
            const send = holder(mine, served.origin, as.issuer);
            const login = asUser(as, 'jane', openBrowser(send));
            const statuses: number[] = [];
            const watched: typeof fetch = async (input, init) => {
              const response = await send(input, init);
              if (String(input instanceof Request ? input.url : input) === served.resource)
                statuses.push(response.status);
              return response;
            };
            const client = await join(kind, login, followStepUp(login.provider, watched));
            expect(JSON.parse(await client.call('whoami'))).to.include({ subject: 'jane', clientId: 'app' });
            statuses.splice(0);
            expect(await client.call('pay')).to.equal('paid');
            expect(statuses).to.include.members([401, 200]);
            statuses.splice(0);
            expect(await client.call('pay')).to.equal('paid');
            expect(statuses).not.to.include(401);
          });

          it(`does not let ${kind} pay that only refreshes its token, or signs in as before`, async () => {
            const login = asUser(as, 'joe', openBrowser(holder(mine, as.issuer)));
            const client = await join(kind, login, holder(mine, served.origin, as.issuer));
            expect(JSON.parse(await client.call('whoami'))).to.include({ subject: 'joe' });
            const error: unknown = await client.call('pay').catch((one: unknown) => one);
            expect(error).to.be.instanceOf(Error);
            expect(String(error)).to.match(/401|Unauthorized/);
          });

          it(`lets a service in with ${kind}, whose token is worth nothing without its certificate`, async () => {
            const send = holder(mine, served.origin, as.issuer);
            const login = asService(as);
            const client = await join(kind, login, send);
            expect(JSON.parse(await client.call('whoami'))).to.deep.include({
              subject: 'service',
              clientId: 'service',
            });
            const token = (await login.provider.tokens())?.access_token ?? '';
            expect(token.split('.').length).to.equal(format === 'jwt' ? 3 : 1);
            expect(await statusOf(send, served.resource, token)).to.equal(200);
            expect(await statusOf(holder(thief, served.origin), served.resource, token)).to.equal(401);
          });

          it(`shows the tools nothing of the token with ${kind}`, async () => {
            const login = asService(as);
            const client = await join(kind, login, holder(mine, served.origin, as.issuer));
            const { extra, token } = JSON.parse(await client.call('peek')) as { extra: unknown; token: string };
            const access = (await login.provider.tokens())?.access_token ?? '';
            expect(token).to.equal('');
            expect(JSON.stringify(extra)).to.include('clientId').and.to.include('user-agent');
            expect(JSON.stringify(extra))
              .not.to.include(access)
              .and.not.to.match(/authorization/i);
          });
        }

        it('takes no token for the other resource', async () => {
          const other = `${served.origin}/other`;
          as.resources.set(other, format);
          const send = holder(mine, served.origin, as.issuer);
          const token = await serviceToken(send, as, other);
          expect(await statusOf(send, served.resource, token)).to.equal(401);
          expect(await statusOf(send, served.resource, await serviceToken(send, as, served.resource))).to.equal(200);
        });

        it(format === 'jwt' ? 'asks about no token' : 'asks about a token once', async () => {
          const send = holder(mine, served.origin, as.issuer);
          const token = await serviceToken(send, as, served.resource);
          const before = as.requests.get('/token/introspection') ?? 0;
          for (let round = 0; round < 3; round += 1) expect(await statusOf(send, served.resource, token)).to.equal(200);
          const asked = (as.requests.get('/token/introspection') ?? 0) - before;
          expect(asked).to.equal(format === 'jwt' ? 0 : 1);
        });

        if (format === 'opaque') {
          it('takes no refresh token, and no token that was revoked', async () => {
            const send = holder(mine, served.origin, as.issuer);
            const token = await serviceToken(send, as, served.resource);
            await post(send, `${as.issuer}/token/revocation`, as.service, { token });
            expect(await statusOf(send, served.resource, token)).to.equal(401);
            const login = asUser(as, 'ann', openBrowser(send));
            await join('client v2 auto', login, send);
            const { access_token: access = '', refresh_token: refresh = '' } = (await login.provider.tokens()) ?? {};
            expect(await statusOf(send, served.resource, access)).to.equal(200);
            expect(refresh).not.to.equal('');
            expect(await statusOf(send, served.resource, refresh)).to.equal(401);
          });
        }
      });
    }
  }
});

async function post(
  send: typeof fetch,
  url: string,
  { clientId, clientSecret }: OAuthServer['service'],
  fields: Record<string, string>,
): Promise<Response> {
  return send(url, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams(fields),
  });
}

async function serviceToken(send: typeof fetch, as: OAuthServer, resource: string): Promise<string> {
  const fields = { grant_type: 'client_credentials', resource, scope: 'file:read' };
  const answer = (await (await post(send, `${as.issuer}/token`, as.service, fields)).json()) as {
    access_token: string;
  };
  return answer.access_token;
}

async function statusOf(send: typeof fetch, resource: string, token: string): Promise<number> {
  const response = await send(resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } }),
  });
  await response.body?.cancel();
  return response.status;
}

function signerOf(jwk: OAuthServer['keyed']['privateKey']): Signer {
  const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  return {
    current: () =>
      Promise.resolve({
        keyId: jwk.kid ?? '',
        algorithm: 'ES256',
        sign: (bytes) => Promise.resolve(new Uint8Array(sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }))),
      }),
  };
}
