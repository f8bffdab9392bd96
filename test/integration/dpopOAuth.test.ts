import { expect } from 'chai';
import express from 'express';
import { decodeJwt } from 'jose';
import { serveExpress } from '../../adapters/express.js';
import { dpopFetch, signingFetch } from '../../client/index.js';
import {
  SCOPES,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../../examples/support/authorizationServer.js';
import { createProtectedApp, provingFetch } from '../../examples/dpop.js';
import { CLIENTS, connect, type Connection } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import { asService, asUser } from '../../examples/support/login.js';
import {
  authenticate,
  authorizeScopes,
  oidc,
  protectedResource,
  verifySignature,
  type AnyMiddleware,
  type Binding,
  type DPoPOptions,
  type RequestContext,
} from '../../lib/index.js';
import { fakeProver, fakeSigner, type FakeProver, type FakeSigner } from '../../lib/testing.js';
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
