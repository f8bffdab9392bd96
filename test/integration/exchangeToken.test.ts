// Tokens that a real authorization server exchanges, for tools on servers of both SDK lines and in both frameworks.
import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { startAuthorizationServer, type AuthorizationServer } from '../../examples/support/authorizationServer.js';
import { listen, type Loopback } from '../../examples/support/loopback.js';
import { serviceToken } from '../../examples/support/agent.js';
import type { Exchanger } from '../../examples/support/tokenExchange.js';
import {
  authenticate,
  contextOf,
  exchangeToken,
  isDenial,
  oidc,
  Unavailable,
  type Auth,
  type ExchangeTokenOptions,
  type TokenExchange,
} from '../../lib/index.js';
import { fakeContext, fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { BOOTS } from './callServers.js';
import { connectClient } from './signingServers.js';

const SECRET = 'a secret with : and %';

describe('tokens that an authorization server exchanges', function () {
  this.timeout(20_000);
  let here: Loopback;
  let there: Loopback;
  let server: AuthorizationServer;
  let signer: FakeSigner;
  let [resource, callee] = ['', ''];

  before(async () => {
    [here, there] = await Promise.all([listen(0), listen(0)]);
    [resource, callee] = [`${here.origin}/mcp`, `${there.origin}/mcp`];
    signer = await fakeSigner();
    const exchangers: Exchanger[] = [
      { clientId: 'reports', resource, credential: { clientSecret: SECRET } },
      { clientId: 'reports-by-key', resource, credential: { publicKeys: signer.jwks.keys } },
      { clientId: 'files', resource: callee, credential: { clientSecret: SECRET } },
    ];
    server = await startAuthorizationServer({ resources: [resource, callee], exchangers });
  });
  after(() => Promise.all([here.close(), there.close(), server.close()]));

  const exchangeAs = (clientId: string, more: Partial<ExchangeTokenOptions> = {}): TokenExchange => {
    const credential = clientId === 'reports-by-key' ? { privateKeyJwt: signer } : { clientSecret: SECRET };
    return exchangeToken({ issuer: server.issuer, clientId, ...credential, ...more });
  };

  const failure = async (work: Promise<unknown>): Promise<string> => {
    try {
      return `answered ${JSON.stringify(await work)}`;
    } catch (error) {
      if (isDenial(error)) return `${error.code} ${String(error.detail?.['reason'])}`;
      return error instanceof Unavailable ? 'unavailable' : String(error);
    }
  };

  for (const clientId of ['reports', 'reports-by-key']) {
    it(`are for the callee alone, and may do no more than asked (${clientId})`, async () => {
      const subjectToken = await serviceToken(server, resource);
      expect(decodeJwt(subjectToken)).to.include({ aud: resource, scope: 'file:read audit:log' });
      const exchanged = await exchangeAs(clientId)({ subjectToken, resource: callee, scopes: ['file:read'] });
      expect(exchanged).to.include({ resource: callee });
      expect(exchanged.scopes).to.deep.equal(['file:read']);
      const claims = decodeJwt(exchanged.token);
      expect(claims).to.deep.include({
        aud: callee,
        sub: 'demo-service',
        client_id: clientId,
        scope: 'file:read',
        act: { sub: clientId },
      });
      expect(exchanged.expiresAt).to.be.within((claims.exp ?? 0) - 2, (claims.exp ?? 0) + 2);
    });
  }

  it('name every actor so far, the current one first, on a context of the callee', async () => {
    const subjectToken = await serviceToken(server, resource);
    const first = await exchangeAs('reports')({ subjectToken, resource: callee });
    const second = await exchangeAs('files')({ subjectToken: first.token, resource, scopes: ['audit:log'] });
    const middleware = authenticate({ issuers: [oidc({ issuer: server.issuer })], resource });
    const { auth } = await middleware.run(fakeContext({ headers: { authorization: `Bearer ${second.token}` } }));
    expect(auth).to.include({ subject: 'demo-service', clientId: 'files' });
    expect(auth.actors).to.deep.equal([{ subject: 'files' }, { subject: 'reports' }]);
  });

  it('are not to be had for what the token may not do, for unknown servers, or with a token of others', async () => {
    const subjectToken = await serviceToken(server, resource);
    const exchange = exchangeAs('reports');
    const wanted = { subjectToken, resource: callee, scopes: ['file:read'] };
    expect(await failure(exchange({ ...wanted, scopes: ['file:delete'] }))).to.equal('exchange_denied invalid_scope');
    const unknown = 'https://unknown.example/mcp';
    expect(await failure(exchange({ ...wanted, resource: unknown }))).to.equal('exchange_denied invalid_target');
    const foreign = { ...wanted, subjectToken: await serviceToken(server, callee) };
    expect(await failure(exchange(foreign))).to.equal('exchange_denied invalid_request');
    const edited = { ...wanted, subjectToken: `${subjectToken.slice(0, -4)}AAAA` };
    expect(await failure(exchange(edited))).to.equal('exchange_denied invalid_request');
    expect(await failure(exchange(wanted))).to.match(/^answered /);
  });

  it('are unavailable to a client that cannot prove to be itself, or may not exchange', async () => {
    const wanted = { subjectToken: await serviceToken(server, resource), resource: callee };
    expect(await failure(exchangeAs('reports', { clientSecret: 'wrong' })(wanted))).to.equal('unavailable');
    expect(await failure(exchangeAs('nobody')(wanted))).to.equal('unavailable');
    const other = exchangeToken({
      issuer: server.issuer,
      clientId: 'reports-by-key',
      privateKeyJwt: await fakeSigner(),
    });
    expect(await failure(other(wanted))).to.equal('unavailable');
  });

  it('are asked for once by all who wait, and again by nobody who finds one', async () => {
    const exchange = exchangeAs('reports');
    const subjectToken = await serviceToken(server, resource);
    const before = server.tokenRequests();
    const wanted = { subjectToken, resource: callee, scopes: ['file:read', 'audit:log'] };
    const same = { subjectToken, resource: callee, scopes: ['audit:log', 'file:read'] };
    const all = await Promise.all([exchange(wanted), exchange(same), exchange(wanted)]);
    expect(new Set(all.map(({ token }) => token)).size).to.equal(1);
    expect(await exchange(same)).to.equal(all[0]);
    expect(server.tokenRequests() - before).to.equal(1);
    await exchange({ ...wanted, scopes: ['audit:log'] });
    expect(server.tokenRequests() - before).to.equal(2);
  });

  for (const [boot, serve] of Object.entries(BOOTS)) {
    it(`let a tool call another server for its user: ${boot}`, async () => {
      const [front, back] = await Promise.all([listen(0), listen(0)]);
      const [frontUrl, backUrl] = [`${front.origin}/mcp`, `${back.origin}/mcp`];
      const as = await startAuthorizationServer({
        resources: [frontUrl, backUrl],
        exchangers: [{ clientId: 'front', resource: frontUrl, credential: { clientSecret: SECRET } }],
      });
      const issuers = [oidc({ issuer: as.issuer })];
      const exchange = exchangeToken({ issuer: as.issuer, clientId: 'front', clientSecret: SECRET });
      let forwarded = '';
      front.serve(
        serve([authenticate({ issuers, resource: frontUrl })], {
          ask: async (_args, source) => {
            const { token: subjectToken } = contextOf(source, 'auth').state.auth;
            forwarded = subjectToken;
            const { token } = await exchange({ subjectToken, resource: backUrl, scopes: ['file:read'] });
            const client = await connectClient('client v1', backUrl, { headers: { authorization: `Bearer ${token}` } });
            const answer = await client.call('whoami', {});
            await client.close();
            return answer;
          },
        }),
      );
      back.serve(
        serve([authenticate({ issuers, resource: backUrl })], {
          whoami: (_args, source) => JSON.stringify(contextOf(source, 'auth').state.auth),
        }),
      );
      const user = await serviceToken(as, frontUrl);
      const client = await connectClient('client v1', frontUrl, { headers: { authorization: `Bearer ${user}` } });
      try {
        const auth = JSON.parse(await client.call('ask', {})) as Auth;
        expect(auth).to.deep.include({ subject: 'demo-service', clientId: 'front', scopes: ['file:read'] });
        expect(auth.actors).to.deep.equal([{ subject: 'front' }]);
        expect(forwarded).to.equal(user);
        expect(auth.token).not.to.equal(user);
      } finally {
        await client.close();
        await Promise.all([front.close(), back.close(), as.close()]);
      }
    });
  }
});
