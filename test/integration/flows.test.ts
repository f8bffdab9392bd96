// Every way to a token, with official clients and a real authorization server, to every kind of MCP server.
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { verifyingFetch, type VerifyingFetchOptions } from '../../client/index.js';
import { createApp as expressV1 } from '../../examples/express-sdk-v1.js';
import { createApp as expressV2 } from '../../examples/express-server-v2.js';
import { createApp as koaV1 } from '../../examples/koa-sdk-v1.js';
import { createApp as koaV2 } from '../../examples/koa-server-v2.js';
import { signInAndRefresh } from '../../examples/flows/authorization-code.js';
import { signInOnce } from '../../examples/flows/sso.js';
import { startAuthorizationServer, type AuthorizationServer } from '../../examples/support/authorizationServer.js';
import { openBrowser, type Browser } from '../../examples/support/browser.js';
import { CLIENTS, connect, type ClientKind } from '../../examples/support/clients.js';
import { asRobot, asService, asUser, type Login } from '../../examples/support/login.js';
import type { CreateApp } from '../../examples/support/run.js';
import { send } from '../../examples/support/send.js';
import { oidc } from '../../lib/index.js';
import { boot, type Booted } from './boot.js';

const SERVERS: Readonly<Record<string, CreateApp>> = {
  'Express and sdk v1': expressV1,
  'Express and server v2': expressV2,
  'Koa and sdk v1': koaV1,
  'Koa and server v2': koaV2,
};

/** Each line of the SDK with the providers it brings. */
function serviceOf(kind: ClientKind, as: AuthorizationServer): Login {
  if (kind !== 'client v1') return asService(as);
  const provider = new ClientCredentialsProvider({ ...as.service, expectedIssuer: as.issuer });
  return { provider, finish: () => Promise.resolve(undefined) };
}

function robotOf(kind: ClientKind, as: AuthorizationServer): Login {
  if (kind !== 'client v1') return asRobot(as);
  const { privateKey, ...robot } = as.robot;
  const options = { ...robot, privateKey: { ...privateKey }, expectedIssuer: as.issuer };
  const provider = new PrivateKeyJwtProvider(options);
  return { provider, finish: () => Promise.resolve(undefined) };
}

/** A `fetch` that verifies tokens, and the forms that went to the token endpoint, and the tokens that went to the server. */
function watch(booted: Booted, as: AuthorizationServer, options: Partial<VerifyingFetchOptions> = {}) {
  const forms: URLSearchParams[] = [];
  const tokens = new Set<string>();
  const watching: typeof fetch = async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    if (url === `${as.issuer}/token`) forms.push(new URLSearchParams(init?.body as URLSearchParams));
    const token = new Headers(init?.headers).get('authorization')?.replace(/^Bearer /, '');
    if (url === booted.resource && token !== undefined) tokens.add(token);
    return fetch(input, init);
  };
  const issuers = [oidc({ issuer: as.issuer })];
  return { forms, tokens, fetch: verifyingFetch({ resource: booted.resource, issuers, fetch: watching, ...options }) };
}

async function whoami(client: Awaited<ReturnType<typeof connect>>): Promise<unknown> {
  const { subject, clientId } = JSON.parse(await client.call('whoami')) as Record<string, string>;
  return { subject, clientId };
}

describe('the ways to a token', () => {
  let as: AuthorizationServer;
  const servers = new Map<string, Booted>();

  before(async () => {
    // The older line of clients does not ask for `offline_access`.
    as = await startAuthorizationServer({ alwaysRefresh: true });
    for (const [name, createApp] of Object.entries(SERVERS)) servers.set(name, await boot(createApp, as));
  });

  after(async () => {
    for (const booted of servers.values()) await booted.close();
    await as.close();
  });

  for (const name of Object.keys(SERVERS)) {
    for (const kind of CLIENTS) {
      describe(`${kind}, to ${name}`, () => {
        const booted = (): Booted => servers.get(name)!;

        it('authorization code: with PKCE, for one resource, verified before it is sent', async () => {
          const { forms, tokens, fetch: fetching } = watch(booted(), as);
          const visited: URL[] = [];
          const real = openBrowser();
          const browser: Browser = (url, destination) => {
            visited.push(new URL(url));
            return real(url, destination);
          };
          const client = await connect(kind, booted().resource, asUser(as, 'alice', browser), fetching);
          expect(await whoami(client)).to.deep.equal({ subject: 'alice', clientId: 'demo-app' });
          await client.close();
          const [asked] = visited;
          expect(asked?.searchParams.get('code_challenge_method')).to.equal('S256');
          expect(asked?.searchParams.get('resource')).to.equal(booted().resource);
          const [form] = forms;
          expect(forms).to.have.lengthOf(1);
          expect(form?.get('grant_type')).to.equal('authorization_code');
          expect(form?.get('code_verifier')).to.match(/^[\w.~-]{43,128}$/);
          expect(form?.get('resource')).to.equal(booted().resource);
          const [token = ''] = tokens;
          expect(decodeJwt(token)).to.include({ iss: as.issuer, aud: booted().resource, sub: 'alice' });
        });

        it('refresh: an expired token is not sent, and makes way for another one without a login', async () => {
          let ahead = 0;
          const watched = watch(booted(), as, {
            now: () => new Date(Date.now() + (watched.forms.length === 1 ? ahead : 0)),
          });
          const { forms, tokens } = watched;
          const logins = as.logins();
          const client = await connect(kind, booted().resource, asUser(as), watched.fetch);
          ahead = 3_600_000;
          expect(await whoami(client)).to.deep.equal({ subject: 'demo-user', clientId: 'demo-app' });
          await client.close();
          expect(forms.map((form) => form.get('grant_type'))).to.deep.equal(['authorization_code', 'refresh_token']);
          expect(forms[1]?.get('resource')).to.equal(booted().resource);
          expect(tokens.size).to.equal(2);
          expect(as.logins() - logins).to.equal(1);
        });

        it('client credentials: by a secret', async () => {
          const { forms, fetch: fetching } = watch(booted(), as);
          const client = await connect(kind, booted().resource, serviceOf(kind, as), fetching);
          expect(await whoami(client)).to.deep.equal({ subject: 'demo-service', clientId: 'demo-service' });
          await client.close();
          expect(forms.map((form) => form.get('grant_type'))).to.deep.equal(['client_credentials']);
          expect(forms[0]?.get('resource')).to.equal(booted().resource);
        });

        it('client credentials: by private_key_jwt, without a secret', async () => {
          const { forms, fetch: fetching } = watch(booted(), as);
          const client = await connect(kind, booted().resource, robotOf(kind, as), fetching);
          expect(await whoami(client)).to.deep.equal({ subject: 'demo-robot', clientId: 'demo-robot' });
          await client.close();
          expect(forms[0]?.get('client_assertion_type')).to.equal(
            'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          );
          expect(decodeJwt(forms[0]?.get('client_assertion') ?? '')).to.include({
            iss: 'demo-robot',
            sub: 'demo-robot',
          });
          expect(forms[0]?.has('client_secret')).to.equal(false);
        });
      });
    }
  }

  for (const kind of CLIENTS) {
    it(`single sign-on: one login of ${kind} is enough for two servers, each with a token of its own`, async () => {
      const resources = [...servers.values()].slice(1, 3).map(({ resource }) => resource);
      expect(await signInOnce(kind, resources, as)).to.deep.equal([
        `${kind}, server 1: alice`,
        `${kind}, server 2: alice`,
        `${kind}: 2 tokens, 1 login`,
      ]);
    });

    it(`the example signs in and refreshes with ${kind}`, async () => {
      const { resource } = servers.get('Express and server v2')!;
      const lines = await signInAndRefresh(kind, resource, as);
      expect(lines.at(-1)).to.equal(`${kind}: 2 tokens, 1 login`);
    });

    it(`a token for one server is neither sent to another by ${kind}, nor accepted there`, async () => {
      const [one, other] = [...servers.values()] as [Booted, Booted];
      const { tokens, fetch: fetching } = watch(one, as);
      const login = asUser(as);
      const client = await connect(kind, one.resource, login, fetching);
      await client.close();
      // The same provider, with the token that it has, at the other server: first unguarded, then guarded.
      const [token = ''] = tokens;
      const wire = { headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, body: '{}' };
      expect((await send(other.resource, wire)).status).to.equal(401);
      const guarded = watch(other, as);
      const error: unknown = await connect(kind, other.resource, login, guarded.fetch).catch((cause: unknown) => cause);
      const { message, cause } = error as Error;
      expect(`${message} ${String(cause)}`).to.include('not sent (audience)');
      expect(guarded.tokens.size).to.equal(0);
    });
  }
});
