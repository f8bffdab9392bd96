import { expect } from 'chai';
import express from 'express';
import { decodeJwt } from 'jose';
import { serveExpress } from '../../adapters/express.js';
import { dpopFetch, mtlsFetch, signingFetch, type MtlsFetch } from '../../client/index.js';
import {
  SCOPES,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../../examples/support/authorizationServer.js';
import { createProtectedApp, provingFetch } from '../../examples/dpop.js';
import { CLIENTS, connect, type Connection } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import { openBrowser } from '../../examples/support/browser.js';
import { asService, asUser, type Login } from '../../examples/support/login.js';
import {
  authenticate,
  authorizeScopes,
  defineTools,
  introspect,
  oidc,
  protectedResource,
  verifySignature,
  type AnyMiddleware,
  type Binding,
  type DPoPOptions,
  type RequestContext,
} from '../../lib/index.js';
import { fakeProver, fakeSigner, type FakeProver, type FakeSigner } from '../../lib/testing.js';
import { certificateAuthority } from '../support/certificates.js';
import { MCP_SERVERS } from '../support/mcpServers.js';
import { startOAuthServer, type OAuthServer } from '../support/oauthServer.js';
import { expressMcp, STACKS, tools } from './signingServers.js';

const DPOP: DPoPOptions = { mode: 'require', algorithms: ['ES256'], nonces: { secret: 's'.repeat(32) } };

interface Seen {
  readonly url: string;
  readonly status: number;
  readonly authorization: string | null;
  readonly dpop: string | null;
  readonly challenge: string | null;
}

describe('official clients with tokens that are bound to a key, from a real authorization server', () => {
  let as: AuthorizationServer;
  let prover: FakeProver;
  let signer: FakeSigner;

  before(async () => {
    as = await startAuthorizationServer();
    [prover, signer] = [await fakeProver(), await fakeSigner()];
  });

  after(() => as.close());

  for (const [name, wiring] of STACKS) {
    for (const kind of CLIENTS) {
      describe(`${kind}, of ${name}`, () => {
        const seen: Seen[] = [];
        let bindings: readonly Binding[] | undefined;
        let seconds = 0;
        let resource: string;
        let client: Connection;
        let close: () => Promise<void>;

        const recording: typeof fetch = async (input, init) => {
          const response = await fetch(input, init);
          const headers = new Headers(init?.headers);
          seen.push({
            url: String(input instanceof Request ? input.url : input),
            status: response.status,
            authorization: headers.get('authorization'),
            dpop: headers.get('dpop'),
            challenge: response.headers.get('www-authenticate'),
          });
          return response;
        };
        const watch: AnyMiddleware = {
          name: 'watch',
          needs: ['auth'],
          adds: [],
          run: (ctx: RequestContext) => {
            bindings = ctx.state.auth?.bindings;
            return {};
          },
        };

        before(async () => {
          [seconds, bindings] = [0, undefined];
          const server = await listen(0);
          close = server.close;
          resource = `${server.origin}/mcp`;
          as.resources.add(resource);
          const now = (): Date => new Date(Date.now() + seconds * 1000);
          const app = express();
          // The first line of the SDK reads scopes from no other challenge than one for Bearer.
          const described = { resource, authorizationServers: [as.issuer], scopes: SCOPES, dpop: DPOP };
          app.use(serveExpress(protectedResource(described)));
          const peer = { owner: 'https://agent.example.com', clientId: as.app.clientId, jwks: signer.jwks };
          app.use(
            wiring.app([
              authenticate({
                issuers: [oidc({ issuer: as.issuer })],
                resource,
                scopes: [...SCOPES, 'offline_access'],
                now,
                dpop: DPOP,
              }),
              watch,
              verifySignature({ keys: [peer], resource, tools, mode: 'calls' }),
              authorizeScopes({ tools, base: [] }),
            ]),
          );
          server.serve(app);
          const fetching = dpopFetch({
            resource,
            tokenEndpoint: `${as.issuer}/token`,
            key: prover.key,
            fetch: signingFetch({ signer, resource, fetch: recording }),
          });
          client = await connect(kind, resource, asUser(as), fetching);
        });

        after(async () => {
          await client.close();
          await close();
        });

        const tokenOf = ({ authorization }: Seen): string => authorization?.replace(/^DPoP /, '') ?? '';
        const accepted = (): Seen[] => seen.filter(({ url, status }) => url === resource && status < 300);

        it('gets a token that is bound to its key, and proves it with every request', async () => {
          expect(JSON.parse(await client.call('whoami'))).to.deep.equal({ subject: 'demo-user', keyId: signer.keyId });
          expect(bindings).to.deep.equal([{ method: 'dpop', thumbprint: prover.jkt }]);
          const requests = accepted();
          expect(requests.length).to.be.above(1);
          for (const one of requests) {
            expect(decodeJwt(tokenOf(one))['cnf']).to.deep.equal({ jkt: prover.jkt });
            expect(decodeJwt(one.dpop ?? '')).to.include({ htu: resource });
          }
          expect(new Set(requests.map(({ dpop }) => decodeJwt(dpop ?? '').jti)).size).to.equal(requests.length);
        });

        it('was asked for a nonce of the resource once', () => {
          const asked = seen.filter(({ challenge }) => challenge?.includes('use_dpop_nonce'));
          expect(asked).to.have.length(1);
          for (const { dpop } of accepted()) expect(decodeJwt(dpop ?? '')['nonce']).to.be.a('string');
        });

        it('proved its key to the token endpoint, and to nobody else', () => {
          const elsewhere = seen.filter(({ url, dpop }) => url !== resource && dpop !== null);
          expect(elsewhere.map(({ url }) => url)).to.include(`${as.issuer}/token`);
          for (const { url, dpop } of elsewhere) {
            expect(url).to.equal(`${as.issuer}/token`);
            expect(decodeJwt(dpop ?? '')).to.not.have.property('ath');
          }
        });

        it('is of no use to who steals the token, or the token and a proof', async () => {
          const [stolen] = accepted().slice(-1);
          const token = tokenOf(stolen!);
          const send = (headers: Record<string, string>): Promise<Response> =>
            fetch(resource, {
              method: 'POST',
              body: '{}',
              headers: { 'content-type': 'application/json', ...headers },
            });
          const bearer = await send({ authorization: `Bearer ${token}` });
          expect(bearer.status).to.equal(401);
          expect(bearer.headers.get('www-authenticate')).to.match(/^DPoP error="invalid_token"/);
          const again = await send({ authorization: `DPoP ${token}`, dpop: stolen?.dpop ?? '' });
          expect(again.status).to.equal(401);
          expect(again.headers.get('www-authenticate')).to.match(/^DPoP error="invalid_dpop_proof"/);
          const nonce = again.headers.get('dpop-nonce') ?? '';
          const thief = await fakeProver();
          const forged = await thief.proof({ url: resource, token, nonce });
          expect((await send({ authorization: `DPoP ${token}`, dpop: forged })).status).to.equal(401);
          const own = await prover.proof({ url: resource, token, nonce });
          expect((await send({ authorization: `DPoP ${token}`, dpop: own })).status).to.not.equal(401);
        });

        it('gets another bound token when its own has expired, and proves that', async () => {
          expect(await client.call('wipe')).to.equal('wiped');
          const old = tokenOf(accepted().at(-1)!);
          seconds = 700;
          await client.call('whoami').catch(() => undefined);
          seconds = 0;
          expect(JSON.parse(await client.call('whoami'))).to.include({ subject: 'demo-user' });
          const fresh = tokenOf(accepted().at(-1)!);
          expect(fresh).to.not.equal(old);
          expect(decodeJwt(fresh)['cnf']).to.deep.equal({ jkt: prover.jkt });
        });
      });
    }
  }

  describe('who need more scopes', () => {
    const [[, mount]] = MCP_SERVERS as readonly [(typeof MCP_SERVERS)[number]];
    // The first line reads no challenge for DPoP, and takes the 403 for the last word.
    const CHALLENGES = { accept: /^Bearer scope="file:delete", .*, DPoP error=/, require: /^DPoP error=/ } as const;
    for (const mode of ['accept', 'require'] as const) {
      for (const kind of CLIENTS) {
        const goesOn = mode === 'accept' || kind !== 'client v1';
        it(`${goesOn ? 'get them' : 'are denied'} where bound tokens are ${mode === 'accept' ? 'accepted' : 'required'}, with ${kind}`, async () => {
          const server = await listen(0);
          const resource = `${server.origin}/mcp`;
          as.resources.add(resource);
          const dpop: DPoPOptions = { mode, algorithms: ['ES256'] };
          const checks = [
            authenticate({ issuers: [oidc({ issuer: as.issuer })], resource, scopes: ['file:read'], dpop }),
            authorizeScopes({ tools: defineTools({ pay: { permissions: ['file:delete'] } }) }),
          ];
          const described = { resource, authorizationServers: [as.issuer], scopes: ['file:read'], dpop };
          server.serve(mount({ checks, endpoints: [protectedResource(described)] }));
          const challenges: string[] = [];
          const watching: typeof fetch = async (input, init) => {
            const response = await fetch(input, init);
            if (response.status === 403) challenges.push(response.headers.get('www-authenticate') ?? '');
            return response;
          };
          const tokenEndpoint = `${as.issuer}/token`;
          const proving = dpopFetch({ resource, tokenEndpoint, key: prover.key, fetch: watching });
          const client = await connect(kind, resource, asUser(as), proving);
          const answer = await client.call('pay').catch((error: unknown) => String(error));
          await client.close();
          await server.close();
          expect(answer).to.match(goesOn ? /^paid$/ : /insufficient|not all scopes/);
          expect(challenges).to.have.lengthOf(1);
          expect(challenges[0]).to.match(CHALLENGES[mode]);
        });
      }
    }
  });

  describe('a machine that acts for itself', () => {
    it('gets a bound token with client credentials, and proves it', async () => {
      const server = await listen(0);
      const resource = `${server.origin}/mcp`;
      as.resources.add(resource);
      const app = createProtectedApp(resource, as.issuer);
      app.use('/mcp', expressMcp('v2'));
      server.serve(app);
      const fetching = provingFetch(resource, as.issuer);
      const client = await connect('client v2 auto', resource, asService(as), fetching);
      expect(JSON.parse(await client.call('whoami'))).to.include({ subject: as.service.clientId });
      const plain = await fetch(resource, { method: 'POST', headers: { authorization: 'Bearer x' } });
      expect(plain.headers.get('www-authenticate')).to.match(/^DPoP /);
      await client.close();
      await server.close();
    });
  });
});

const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } };

/** The code of a denial, or the text that the tool answers with. */
async function call(resource: string, headers: Record<string, string>): Promise<{ outcome: string; nonce: string }> {
  const response = await fetch(resource, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify(CALL),
  });
  const text = await response.text();
  const outcome = /"code":"(\w+)"/.exec(text)?.[1] ?? /"text":"(.*?)"\}/.exec(text)?.[1] ?? text;
  return { outcome, nonce: response.headers.get('dpop-nonce') ?? '' };
}

describe('official clients with opaque tokens that are bound to a key, from a real authorization server', () => {
  let as: OAuthServer;
  /** Knows the certificate of the authorization server, over whose connections everything goes. */
  let secure: MtlsFetch;
  let prover: FakeProver;
  let thief: FakeProver;

  before(async () => {
    const authority = await certificateAuthority();
    as = await startOAuthServer(authority, 'key');
    const { cert, key } = await authority.issue([]);
    secure = mtlsFetch({ cert, key, ca: authority.ca, servers: [{ url: as.issuer }] });
    [prover, thief] = [await fakeProver(), await fakeProver()];
  });

  after(async () => {
    await secure.close();
    await as.close();
  });

  for (const [name, mount] of MCP_SERVERS) {
    describe(`to ${name}`, () => {
      const answers: Record<string, unknown>[] = [];
      let resource: string;
      let close: () => Promise<void>;
      let proving: typeof fetch;

      /** What the authorization server says about tokens. */
      const asking: typeof fetch = async (input, init) => {
        const response = await secure(input, init);
        if (response.url.endsWith('/introspection'))
          answers.push((await response.clone().json()) as Record<string, unknown>);
        return response;
      };
      const opaqueTokenOf = async (login: Login): Promise<string> => {
        const token = (await login.provider.tokens())?.access_token ?? '';
        expect(token).to.match(/^[\w-]{20,}$/);
        return token;
      };

      before(async () => {
        const server = await listen(0);
        close = server.close;
        resource = `${server.origin}/mcp`;
        const { issuer, resourceServer } = as;
        as.resources.set(resource, 'opaque');
        const { clientId, clientSecret } = resourceServer;
        const checks = [
          authenticate({
            issuers: [introspect({ issuer, clientId, clientSecret })],
            resource,
            scopes: ['file:read'],
            dpop: DPOP,
            fetch: asking,
          }),
          authorizeScopes({ tools: defineTools({ whoami: { permissions: ['file:read'] } }), base: [] }),
        ];
        const described = { resource, authorizationServers: [issuer], scopes: ['file:read'], dpop: DPOP };
        server.serve(mount({ checks, endpoints: [protectedResource(described)] }));
        proving = dpopFetch({ resource, tokenEndpoint: `${issuer}/token`, key: prover.key, fetch: secure });
      });

      beforeEach(() => void answers.splice(0));
      after(() => close());

      for (const kind of CLIENTS) {
        it(`lets a user in who signs in with ${kind}, whose token is asked about once and bound to the key`, async () => {
          const login = asUser(as, 'jane', openBrowser(secure));
          const client = await connect(kind, resource, login, proving);
          expect(JSON.parse(await client.call('whoami'))).to.include({ subject: 'jane', clientId: 'app' });
          await client.close();
          await opaqueTokenOf(login);
          expect(answers).to.have.lengthOf(1);
          expect(answers[0]).to.deep.include({ active: true, token_type: 'DPoP', cnf: { jkt: prover.jkt } });
        });
      }

      it('takes the token of a service from the holder of its key alone, and each proof once', async () => {
        const login = asService(as);
        const client = await connect('client v2 auto', resource, login, proving);
        expect(JSON.parse(await client.call('whoami'))).to.include({ subject: 'service', clientId: 'service' });
        await client.close();
        const token = await opaqueTokenOf(login);
        const authorization = `DPoP ${token}`;
        const unproven = await call(resource, { authorization, dpop: await prover.proof({ url: resource, token }) });
        expect(unproven.outcome).to.equal('proof_nonce');
        const { nonce } = unproven;
        const own = await prover.proof({ url: resource, token, nonce });
        const stolen: readonly (readonly [string, Record<string, string>])[] = [
          ['proof_missing', { authorization }],
          ['proof_invalid', { authorization, dpop: await thief.proof({ url: resource, token, nonce }) }],
          ['proof_invalid', { authorization, dpop: await prover.proof({ url: resource, token: 'other', nonce }) }],
          ['token_invalid', { authorization: `Bearer ${token}` }],
          ['token_invalid', { authorization: `Bearer ${token}`, dpop: own }],
        ];
        for (const [code, headers] of stolen) expect((await call(resource, headers)).outcome).to.equal(code);
        expect((await call(resource, { authorization, dpop: own })).outcome).to.include('service');
        expect((await call(resource, { authorization, dpop: own })).outcome).to.equal('proof_invalid');
        expect(answers).to.have.lengthOf(1);
      });

      it('knows the binding of a token that it has not seen before, whatever scheme it comes under', async () => {
        const fresh = async (): Promise<string> => {
          const { clientId, clientSecret } = as.service;
          const headers = { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` };
          const body = new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'file:read' });
          const answer = await proving(`${as.issuer}/token`, { method: 'POST', headers, body });
          return ((await answer.json()) as { access_token: string }).access_token;
        };
        expect((await call(resource, { authorization: `Bearer ${await fresh()}` })).outcome).to.equal('token_invalid');
        expect((await call(resource, { authorization: `DPoP ${await fresh()}` })).outcome).to.equal('proof_missing');
      });
    });
  }
});
