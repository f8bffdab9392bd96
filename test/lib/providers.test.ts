import { expect } from 'chai';
import { auth0, entra, keycloak, oidc, okta } from '../../lib/providers/index.js';
import type { Auth } from '../../lib/tokens/auth.js';
import type { Issuer } from '../../lib/tokens/issuer.js';
import { fakeContext, fakeIssuer, type FakeIssuer } from '../../lib/testing.js';
import { authenticate } from '../../middleware/authenticate.js';
import { forger, verdict } from './tokens/forge.js';

const API = 'https://mcp.example/mcp';
const TENANT = '11111111-2222-4333-8444-555555555555';
const OTHER_TENANT = '99999999-2222-4333-8444-555555555555';
const CLIENT_GUID = 'aaaaaaaa-0000-4000-8000-00000000000c';
const API_GUID = 'bbbbbbbb-0000-4000-8000-00000000000a';
const TODAY = 1_780_000_000;

type Claims = Readonly<Record<string, unknown>>;

/** A provider that signs exactly the claims and header members it is told, and a server that accepts its tokens. */
class Provider {
  readonly as: FakeIssuer;
  readonly #middleware;

  constructor(issuer: Issuer, options: { audience?: string; metadataUrl?: string; algorithm?: string } = {}) {
    const { audience, ...server } = options;
    const now = (): Date => new Date(TODAY * 1000);
    this.as = fakeIssuer({ issuer: issuer.issuer, now, ...server });
    const extra = audience === undefined ? {} : { audience };
    this.#middleware = authenticate({ issuers: [issuer], resource: API, now, fetch: this.as.fetch, ...extra });
  }

  /** Every default claim of the fake is left out: the token has the provider's documented shape and no more. */
  token(claims: Claims, header: Claims): Promise<string> {
    const bare = {
      iss: undefined,
      sub: undefined,
      client_id: undefined,
      aud: undefined,
      scope: undefined,
      jti: undefined,
    };
    const lifetime = { iat: TODAY - 10, exp: TODAY + 3600 };
    return this.as.token({ ...bare, iss: this.as.issuer, ...lifetime, ...claims }, header);
  }

  async verdict(claims: Claims, header: Claims): Promise<string> {
    return verdict(this.#middleware, `Bearer ${await this.token(claims, header)}`);
  }

  async auth(claims: Claims, header: Claims): Promise<Pick<Auth, 'subject' | 'clientId' | 'scopes' | 'roles'>> {
    const authorization = `Bearer ${await this.token(claims, header)}`;
    const { auth } = await this.#middleware.run(fakeContext({ headers: { authorization } }));
    const { subject, clientId, scopes, roles } = auth;
    return { subject, clientId, scopes, roles };
  }
}

describe('lib/providers', () => {
  describe('oidc', () => {
    const header = { typ: 'at+jwt' };
    const claims = {
      sub: '5ba552d67',
      client_id: 's6BhdRkqt3',
      aud: API,
      jti: 'dbe39bf3a3ba4238a513f51d6e1691c4',
      scope: 'openid profile reademail',
    };

    it('accepts the token of RFC 9068 section 2.2, strictly', async () => {
      const provider = new Provider(oidc({ issuer: 'https://authorization-server.example.com/' }));
      expect(await provider.auth(claims, header)).to.deep.equal({
        subject: '5ba552d67',
        clientId: 's6BhdRkqt3',
        scopes: ['openid', 'profile', 'reademail'],
        roles: [],
      });
      expect(await provider.verdict(claims, { typ: 'application/AT+JWT' })).to.equal('allowed');
      for (const typ of [
        'JWT',
        undefined,
        'jwt',
        'at',
        'dpop+jwt',
        'id_token+jwt',
        'at+jwt ',
        'application/application/at+jwt',
        '',
        7,
        null,
        ['at+jwt'],
      ]) {
        expect(await provider.verdict(claims, { typ }), String(typ)).to.equal('token_invalid type');
      }
      for (const name of ['sub', 'client_id', 'jti', 'iat', 'exp']) {
        expect(await provider.verdict({ ...claims, [name]: undefined }, header)).to.equal(
          `token_invalid claim ${name}`,
        );
      }
    });

    it('accepts JWT as typ where a developer says so, and no token that bears the marks of another', async () => {
      const provider = new Provider(oidc({ issuer: 'https://as.example', acceptTyp: ['JWT'] }));
      expect(await provider.verdict(claims, { typ: 'JWT' })).to.equal('allowed');
      expect(await provider.verdict(claims, { typ: 'application/jwt' })).to.equal('allowed');
      expect(await provider.verdict({ ...claims, token_use: 'access', typ: 'Bearer' }, { typ: 'JWT' })).to.equal(
        'allowed',
      );
      const marks = [
        { nonce: 'n' },
        { at_hash: 'h' },
        { c_hash: 'h' },
        { s_hash: 'h' },
        { token_use: 'id' },
        { typ: 'ID' },
        { typ: 'Refresh' },
        { typ: 'Logout' },
      ];
      for (const mark of marks) {
        expect(await provider.verdict({ ...claims, ...mark }, { typ: 'JWT' }), JSON.stringify(mark)).to.equal(
          'token_invalid type',
        );
      }
      for (const typ of [undefined, 'absent', 'dpop+jwt']) {
        expect(await provider.verdict(claims, { typ })).to.equal('token_invalid type');
      }
    });

    it('accepts a token without typ where a developer says so', async () => {
      const provider = new Provider(oidc({ issuer: 'https://as.example', acceptTyp: ['absent'] }));
      expect(await provider.verdict(claims, { typ: undefined })).to.equal('allowed');
      expect(await provider.verdict({ ...claims, nonce: 'n' }, { typ: undefined })).to.equal('token_invalid type');
      for (const typ of ['JWT', 'absent', '', null])
        expect(await provider.verdict(claims, { typ })).to.equal('token_invalid type');
    });

    it('reads scopes and roles from strings and lists, and grants nothing for anything else', async () => {
      const provider = new Provider(
        oidc({ issuer: 'https://as.example', roleClaims: ['roles', ['app', 'roles'], 'https://example.com/roles'] }),
      );
      const cases: readonly (readonly [Claims, readonly string[], readonly string[]])[] = [
        [{ scope: 'a b  a' }, ['a', 'b'], []],
        [{ scope: ['a', 'b c'] }, ['a', 'b', 'c'], []],
        [{ scope: undefined, scp: 'a b' }, ['a', 'b'], []],
        [{ scope: 'a', scp: ['b'] }, ['a', 'b'], []],
        [{ scope: undefined }, [], []],
        [{ scope: 7, roles: { a: 'b' } }, [], []],
        [{ scope: [['a']], roles: true }, [], []],
        [{ scope: '', roles: 'admin user' }, [], ['admin user']],
        [{ scope: '', roles: ['x', { value: 'y', display: 'Y' }, { name: 'z' }, 3] }, [], ['x', 'y']],
        [{ scope: '', app: { roles: ['x'] }, 'https://example.com/roles': ['y'] }, [], ['x', 'y']],
        [{ scope: '', app: ['roles'] }, [], []],
      ];
      for (const [some, scopes, roles] of cases) {
        const auth = await provider.auth({ ...claims, ...some }, header);
        expect(auth, JSON.stringify(some)).to.deep.include({ scopes, roles });
      }
    });

    it('names the client from other claims, and does without jti or iat, where a developer says so', async () => {
      const provider = new Provider(
        oidc({ issuer: 'https://as.example', clientIdClaims: ['azp', 'client_id'], optionalClaims: ['jti', 'iat'] }),
      );
      const bare = { ...claims, jti: undefined, iat: undefined };
      expect(await provider.auth({ ...bare, azp: 'first' }, header)).to.deep.include({ clientId: 'first' });
      expect(await provider.auth(bare, header)).to.deep.include({ clientId: 's6BhdRkqt3' });
      expect(await provider.verdict({ ...bare, client_id: undefined }, header)).to.equal('token_invalid claim azp');
      expect(await provider.verdict({ ...bare, exp: undefined }, header)).to.equal('token_invalid claim exp');
    });

    it('tells a developer what is wrong', () => {
      const { privateJwk, jwk } = forger('ES256');
      const issuer = 'https://as.example';
      const cases: readonly (readonly [unknown, RegExp])[] = [
        [{}, /oidc: 'issuer' must be an absolute URL/],
        [
          { issuer: 'https://as.example/.well-known/openid-configuration' },
          /oidc: 'issuer' must be the issuer itself, not the URL of its metadata/,
        ],
        [{ issuer: 'http://as.example' }, /https/],
        [{ issuer: 'https://as.example?x' }, /query/],
        [{ issuer: 'https://as.example#x' }, /fragment/],
        [{ issuer, algorithm: ['RS256'] }, /unknown option 'algorithm'; did you mean 'algorithms'\?/],
        [{ issuer, algorithms: [] }, /at least 1/],
        [{ issuer, algorithms: ['HS256'] }, /'algorithms' \[0\] must be one of/],
        [{ issuer, algorithms: ['none'] }, /must be one of/],
        [{ issuer, acceptTyp: ['at+jwt'] }, /'acceptTyp'/],
        [{ issuer, acceptTyp: 'JWT' }, /must be an array/],
        [{ issuer, scopeClaims: [[]] }, /'scopeClaims' \[0\] must be the name of a claim/],
        [{ issuer, clientIdClaims: [] }, /at least 1/],
        [{ issuer, optionalClaims: ['exp'] }, /'optionalClaims'/],
        [{ issuer, jwksUri: 'http://as.example/jwks' }, /'jwksUri' must be an https URL/],
        [{ issuer, jwksUri: `${issuer}/jwks`, jwks: { keys: [jwk] } }, /'jwks' or 'jwksUri', not both/],
        [{ issuer, jwks: { keys: [] } }, /'jwks' has no keys/],
        [{ issuer, jwks: { keys: [privateJwk] } }, /keys\[0\] has the private member 'd'/],
        [undefined, /pass one object/],
      ];
      for (const [options, problem] of cases) expect(() => oidc(options as never)).to.throw(TypeError, problem);
    });

    it('is not changed by what happens to the options later', () => {
      const { jwk } = forger('ES256');
      const jwks = { keys: [{ ...jwk }] };
      const algorithms: 'ES256'[] = ['ES256'];
      const issuer = oidc({ issuer: 'https://as.example', jwks, algorithms });
      jwks.keys.length = 0;
      algorithms.length = 0;
      expect(issuer).to.be.frozen;
      expect(issuer.algorithms).to.deep.equal(['ES256']);
      expect((issuer.keys as { jwks: { keys: unknown[] } }).jwks.keys).to.have.length(1);
    });
  });

  describe('auth0', () => {
    const issuer = auth0({ domain: 'my-domain.auth0.com' });
    const provider = new Provider(issuer);
    const own = {
      sub: 'auth0|123456',
      aud: [API, 'https://my-domain.auth0.com/userinfo'],
      azp: 'my_client_id',
      scope: 'openid profile read:patients read:admin',
    };
    const header = { typ: 'JWT' };

    it('writes its issuer with a trailing slash, and takes no other', async () => {
      expect(issuer.issuer).to.equal('https://my-domain.auth0.com/');
      expect(auth0({ domain: 'Login.Example.com' }).issuer).to.equal('https://login.example.com/');
      for (const iss of [
        'https://my-domain.auth0.com',
        'https://other.auth0.com/',
        'https://my-domain.eu.auth0.com/',
      ]) {
        expect(await provider.verdict({ ...own, iss }, header)).to.equal('token_invalid issuer');
      }
    });

    it('accepts the token of its own profile', async () => {
      expect(await provider.auth(own, header)).to.deep.equal({
        subject: 'auth0|123456',
        clientId: 'my_client_id',
        scopes: ['openid', 'profile', 'read:patients', 'read:admin'],
        roles: [],
      });
    });

    it('accepts the token of the RFC 9068 profile', async () => {
      const { azp, ...rest } = own;
      const token = {
        ...rest,
        client_id: azp,
        jti: '73WakrfVbNJBaAmhQtEeDv',
        permissions: ['read:patients', 'write:patients'],
      };
      expect(await provider.auth(token, { typ: 'at+jwt' })).to.deep.include({
        clientId: 'my_client_id',
        scopes: ['openid', 'profile', 'read:patients', 'read:admin', 'write:patients'],
      });
    });

    it('accepts the token of a client without a user', async () => {
      const token = {
        sub: 'my_client_id@clients',
        aud: API,
        azp: 'my_client_id',
        gty: 'client-credentials',
        scope: 'read:patients',
      };
      expect(await provider.auth(token, header)).to.deep.include({
        subject: 'my_client_id@clients',
        clientId: 'my_client_id',
      });
    });

    it('holds a client to the scopes it was granted, where a developer says so', async () => {
      const strict = new Provider(auth0({ domain: 'my-domain.auth0.com', scopeClaims: ['scope'] }));
      const token = { ...own, scope: 'read:patients', permissions: ['delete:patients'] };
      expect((await strict.auth(token, header)).scopes).to.deep.equal(['read:patients']);
      expect((await provider.auth(token, header)).scopes).to.deep.equal(['read:patients', 'delete:patients']);
    });

    it('denies an ID token, whatever its audience', async () => {
      const idToken = { sub: 'auth0|123456', aud: 'my_client_id', name: 'Jane', nonce: 'n-0S6', sid: 'x' };
      expect(await provider.verdict(idToken, header)).to.equal('token_invalid type');
      expect(await provider.verdict({ ...idToken, nonce: undefined }, header)).to.equal('token_invalid audience');
      expect(await provider.verdict({ ...idToken, nonce: undefined, aud: API }, header)).to.equal(
        'token_invalid claim azp',
      );
    });

    it('denies a token for the user info endpoint alone, or for another API', async () => {
      for (const aud of ['https://my-domain.auth0.com/userinfo', ['https://other.example/api'], `${API}/other`]) {
        expect(await provider.verdict({ ...own, aud }, header)).to.equal('token_invalid audience');
      }
    });

    it('accepts the RFC 9068 profile alone, where a developer says so', async () => {
      const strict = new Provider(auth0({ domain: 'my-domain.auth0.com', acceptTyp: [] }));
      expect(await strict.verdict(own, header)).to.equal('token_invalid type');
      expect(await strict.verdict(own, { typ: 'at+jwt' })).to.equal('allowed');
    });

    it('wants a host name as domain', () => {
      for (const domain of [
        'https://my-domain.auth0.com',
        'my-domain.auth0.com/',
        'my domain',
        '',
        'localhost',
        'a.com@b.com',
        'a.com:443',
        'a.com?b',
        undefined,
      ]) {
        expect(() => auth0({ domain: domain! }), domain).to.throw(TypeError, "'domain' must be a host name");
      }
    });
  });

  describe('okta', () => {
    const issuer = okta({ domain: 'dev-123.okta.com' });
    const provider = new Provider(issuer);
    const own = {
      ver: 1,
      jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
      sub: 'jane@example.com',
      aud: API,
      cid: '0oa4yh8q3',
      uid: '00u4yh8q3',
      scp: ['openid', 'files.read'],
    };
    const header = { typ: undefined };

    it('knows the issuer of a custom authorization server', async () => {
      expect(issuer.issuer).to.equal('https://dev-123.okta.com/oauth2/default');
      expect(okta({ domain: 'id.example.com', authorizationServerId: 'aus9o8wzk' }).issuer).to.equal(
        'https://id.example.com/oauth2/aus9o8wzk',
      );
      for (const iss of [
        'https://dev-123.okta.com',
        'https://dev-123.okta.com/oauth2/other',
        'https://dev-124.okta.com/oauth2/default',
      ]) {
        expect(await provider.verdict({ ...own, iss }, header)).to.equal('token_invalid issuer');
      }
    });

    it('accepts its token, which has no typ and lists scopes in scp', async () => {
      expect(await provider.auth({ ...own, groups: ['Everyone', 'analysts'] }, header)).to.deep.equal({
        subject: 'jane@example.com',
        clientId: '0oa4yh8q3',
        scopes: ['openid', 'files.read'],
        roles: ['Everyone', 'analysts'],
      });
    });

    it('accepts the token of a client without a user', async () => {
      const token = { ...own, sub: '0oa4yh8q3', uid: undefined, scp: ['files.read'] };
      expect(await provider.auth(token, header)).to.deep.include({ subject: '0oa4yh8q3', clientId: '0oa4yh8q3' });
    });

    it('denies an ID token', async () => {
      const idToken = {
        ver: 1,
        jti: 'ID.rad',
        sub: '00u4yh8q3',
        aud: '0oa4yh8q3',
        amr: ['pwd'],
        idp: '00o',
        at_hash: 'fPlsvVszI29LU2UhDyJ9vg',
      };
      expect(await provider.verdict(idToken, header)).to.equal('token_invalid type');
      expect(await provider.verdict({ ...idToken, at_hash: undefined }, header)).to.equal('token_invalid audience');
      expect(await provider.verdict({ ...idToken, at_hash: undefined, aud: API }, header)).to.equal(
        'token_invalid claim cid',
      );
    });

    it('denies a token of the org authorization server, and of another audience', async () => {
      expect(await provider.verdict(own, { typ: 'application/okta-internal-at+jwt' })).to.equal('token_invalid type');
      expect(await provider.verdict(own, { typ: 'JWT' })).to.equal('token_invalid type');
      expect(await provider.verdict({ ...own, aud: 'api://default' }, header)).to.equal('token_invalid audience');
    });

    it('accepts the default audience of Okta, where a developer says so', async () => {
      const named = new Provider(issuer, { audience: 'api://default' });
      expect(await named.verdict({ ...own, aud: 'api://default' }, header)).to.equal('allowed');
    });

    it('wants an id as authorization server', () => {
      for (const authorizationServerId of ['a/b', '..', '', 'a b', '../../x']) {
        expect(() => okta({ domain: 'dev-123.okta.com', authorizationServerId })).to.throw(
          TypeError,
          "'authorizationServerId'",
        );
      }
    });
  });

  describe('entra', () => {
    const v2 = new Provider(entra({ tenantId: TENANT }), { audience: API_GUID });
    const header = { typ: 'JWT' };
    const delegated = {
      aud: API_GUID,
      nbf: TODAY - 10,
      aio: 'AXQAi/8IAAAA',
      azp: CLIENT_GUID,
      azpacr: '0',
      name: 'Jane',
      oid: '690222be-ff1a-4d56-abd1-7e4f7d38e474',
      preferred_username: 'jane@example.com',
      rh: 'I',
      scp: 'Files.Read Files.Write',
      sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
      tid: TENANT,
      uti: 'fqiBqXLPj0eQa82S-IYFAA',
      ver: '2.0',
    };

    it('accepts the token of a user, version 2.0', async () => {
      expect(await v2.auth(delegated, header)).to.deep.equal({
        subject: delegated.sub,
        clientId: CLIENT_GUID,
        scopes: ['Files.Read', 'Files.Write'],
        roles: [],
      });
    });

    it('accepts the token of a client without a user, whose permissions are roles', async () => {
      const token = {
        ...delegated,
        scp: undefined,
        idtyp: 'app',
        roles: ['Files.Read.All'],
        azpacr: '1',
        sub: delegated.oid,
      };
      expect(await v2.auth(token, header)).to.deep.include({ scopes: [], roles: ['Files.Read.All'] });
    });

    it('accepts the token of version 1.0, from its own issuer', async () => {
      const issuer = entra({ tenantId: TENANT, version: '1.0' });
      expect(issuer.issuer).to.equal(`https://sts.windows.net/${TENANT}/`);
      const metadataUrl = `https://login.microsoftonline.com/${TENANT}/.well-known/openid-configuration`;
      const v1 = new Provider(issuer, { audience: 'api://mcp', metadataUrl });
      const token = {
        ...delegated,
        aud: 'api://mcp',
        ver: '1.0',
        azp: undefined,
        appid: CLIENT_GUID,
        appidacr: '0',
        upn: 'jane@example.com',
      };
      expect(await v1.auth(token, header)).to.deep.include({
        clientId: CLIENT_GUID,
        scopes: ['Files.Read', 'Files.Write'],
      });
      expect(v1.as.requests.get(metadataUrl)).to.equal(1);
      expect(await v1.verdict({ ...token, iss: `https://login.microsoftonline.com/${TENANT}/v2.0` }, header)).to.equal(
        'token_invalid issuer',
      );
    });

    it('denies a token of another tenant, or of the issuer of all tenants', async () => {
      for (const tenant of [OTHER_TENANT, 'common', 'organizations', '{tenantid}', TENANT.replace('1', 'A')]) {
        const iss = `https://login.microsoftonline.com/${tenant}/v2.0`;
        expect(await v2.verdict({ ...delegated, iss }, header)).to.equal('token_invalid issuer');
      }
      expect(await v2.verdict({ ...delegated, tid: OTHER_TENANT }, header)).to.equal('token_invalid type');
    });

    it('denies an ID token, even where client and API are one app registration', async () => {
      const { azp, azpacr, scp, ...rest } = delegated;
      expect([azp, azpacr, scp]).to.not.include(undefined);
      expect(await v2.verdict({ ...rest, nonce: '12345' }, header)).to.equal('token_invalid type');
      expect(await v2.verdict(rest, header)).to.equal('token_invalid claim azp');
      expect(await v2.verdict({ ...rest, aud: CLIENT_GUID }, header)).to.equal('token_invalid audience');
    });

    it('denies a token for another API, Microsoft Graph for one', async () => {
      for (const aud of [
        '00000003-0000-0000-c000-000000000000',
        'https://graph.microsoft.com',
        `api://${API_GUID}`,
        API_GUID.toUpperCase(),
      ]) {
        expect(await v2.verdict({ ...delegated, aud }, header)).to.equal('token_invalid audience');
      }
    });

    it('uses no key that the key set gives to another tenant', async () => {
      const issuer = entra({ tenantId: TENANT });
      const own = `https://login.microsoftonline.com/${TENANT}/v2.0`;
      const { jwk } = forger('RS256');
      const accepts = (owner: unknown): boolean => issuer.ownsKey({ ...jwk, alg: undefined, issuer: owner });
      for (const owner of [
        undefined,
        own,
        'https://login.microsoftonline.com/{tenantid}/v2.0',
        'https://sts.windows.net/{tenantid}/',
      ]) {
        expect(accepts(owner), String(owner)).to.equal(true);
      }
      const consumers = 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0';
      for (const owner of [consumers, `https://login.microsoftonline.com/${OTHER_TENANT}/v2.0`, '', null, 7, [own]]) {
        expect(accepts(owner), String(owner)).to.equal(false);
      }
      const as = fakeIssuer({ issuer: own, now: () => new Date(TODAY * 1000) });
      const shared: typeof fetch = async (input, init) => {
        const response = await as.fetch(input, init);
        if (input !== as.jwksUri) return response;
        const { keys } = (await response.json()) as { keys: object[] };
        return Response.json({ keys: keys.map((key) => ({ ...key, issuer: consumers })) });
      };
      const middleware = authenticate({
        issuers: [issuer],
        resource: API,
        audience: API_GUID,
        fetch: shared,
        now: as.now,
      });
      const token = await as.token({ ...delegated, client_id: undefined }, header);
      expect(await verdict(middleware, `Bearer ${token}`)).to.equal('token_invalid key');
    });

    it('uses its keys, which name no algorithm, for RS256', async () => {
      const issuer = entra({ tenantId: TENANT });
      const as = fakeIssuer({ issuer: issuer.issuer, algorithm: 'RS256', now: () => new Date(TODAY * 1000) });
      const bare: typeof fetch = async (input, init) => {
        const response = await as.fetch(input, init);
        if (input !== as.jwksUri) return response;
        const { keys } = (await response.json()) as { keys: object[] };
        return Response.json({ keys: keys.map((key) => ({ ...key, alg: undefined, x5t: 'a', x5c: ['MIID'] })) });
      };
      const middleware = authenticate({
        issuers: [issuer],
        resource: API,
        audience: API_GUID,
        fetch: bare,
        now: as.now,
      });
      expect(await verdict(middleware, `Bearer ${await as.token(delegated, header)}`)).to.equal('allowed');
    });

    it('knows the hosts of national clouds', () => {
      expect(entra({ tenantId: TENANT, host: 'login.microsoftonline.us' }).issuer).to.equal(
        `https://login.microsoftonline.us/${TENANT}/v2.0`,
      );
      expect(entra({ tenantId: TENANT, host: 'login.partner.microsoftonline.cn', version: '1.0' }).issuer).to.equal(
        `https://sts.chinacloudapi.cn/${TENANT}/`,
      );
    });

    it('wants the GUID of one tenant', () => {
      for (const tenantId of [
        'common',
        'organizations',
        'consumers',
        'contoso.onmicrosoft.com',
        '',
        `${TENANT}/x`,
        `${TENANT} `,
      ]) {
        expect(() => entra({ tenantId }), tenantId).to.throw(TypeError, "'tenantId' must be the GUID");
      }
      expect(entra({ tenantId: TENANT.toUpperCase() }).issuer).to.equal(
        `https://login.microsoftonline.com/${TENANT}/v2.0`,
      );
    });
  });

  describe('keycloak', () => {
    const issuer = keycloak({ baseUrl: 'https://id.example.com', realm: 'staff', client: 'mcp-server' });
    const provider = new Provider(issuer);
    const header = { typ: 'JWT' };
    const own = {
      auth_time: TODAY - 60,
      jti: 'onrtac:8a4a6b54-0b7c-4f4e-9d1c-1d0d6f6d8a51',
      aud: [API, 'account'],
      sub: 'f1d2d2f9-24e9-4c5f-8f2b-111111111111',
      typ: 'Bearer',
      azp: 'desktop',
      sid: '0f7b9f0c',
      acr: '1',
      'allowed-origins': ['https://app.example.com'],
      realm_access: { roles: ['offline_access', 'analyst'] },
      resource_access: { 'mcp-server': { roles: ['operator'] }, account: { roles: ['manage-account'] } },
      scope: 'profile email',
      preferred_username: 'jane',
    };

    it('knows the issuer of a realm', async () => {
      expect(issuer.issuer).to.equal('https://id.example.com/realms/staff');
      expect(keycloak({ baseUrl: 'http://localhost:8080/auth/', realm: 'a b' }).issuer).to.equal(
        'http://localhost:8080/auth/realms/a%20b',
      );
      for (const iss of [
        'https://id.example.com/realms/other',
        'https://id.example.com/realms/staff/',
        'https://id.example.com/auth/realms/staff',
      ]) {
        expect(await provider.verdict({ ...own, iss }, header)).to.equal('token_invalid issuer');
      }
    });

    it('accepts its token, with roles of the realm and of its own client alone', async () => {
      expect(await provider.auth(own, header)).to.deep.equal({
        subject: own.sub,
        clientId: 'desktop',
        scopes: ['profile', 'email'],
        roles: ['offline_access', 'analyst', 'operator'],
      });
      const plain = new Provider(keycloak({ baseUrl: 'https://id.example.com', realm: 'staff' }));
      expect((await plain.auth(own, header)).roles).to.deep.equal(['offline_access', 'analyst']);
    });

    it('accepts a token with the header of RFC 9068, and one of an older server with a nonce', async () => {
      expect(await provider.verdict(own, { typ: 'at+jwt' })).to.equal('allowed');
      expect(await provider.verdict({ ...own, nonce: 'n' }, header)).to.equal('allowed');
    });

    it('accepts the token of a service account', async () => {
      const token = {
        ...own,
        azp: 'batch',
        client_id: 'batch',
        clientHost: '10.0.0.7',
        preferred_username: 'service-account-batch',
      };
      expect(await provider.auth(token, header)).to.deep.include({ clientId: 'batch' });
    });

    it('denies ID, refresh and logout tokens, which are told by a claim', async () => {
      for (const typ of ['ID', 'Refresh', 'Offline', 'Logout', 'bearer', undefined, ['Bearer']]) {
        expect(await provider.verdict({ ...own, typ }, header), String(typ)).to.equal('token_invalid type');
      }
    });

    it('denies a token without an audience mapper, and a lightweight one without a subject', async () => {
      expect(await provider.verdict({ ...own, aud: 'account' }, header)).to.equal('token_invalid audience');
      expect(await provider.verdict({ ...own, aud: undefined }, header)).to.equal('token_invalid audience');
      expect(await provider.verdict({ ...own, sub: undefined }, header)).to.equal('token_invalid claim sub');
    });

    it('denies a token that is bound to a key, with whatever members beside', async () => {
      for (const cnf of [{ jkt: 'x' }, { jkt: 'x', 'kc-jkt-type': 'dpop' }, { 'x5t#S256': 'x' }, {}, null, 'x']) {
        expect(await provider.verdict({ ...own, typ: 'DPoP', cnf }, header)).to.equal('token_invalid bound');
      }
    });

    it('reads the roles of a client whatever its name', async () => {
      const odd = new Provider(keycloak({ baseUrl: 'https://id.example.com', realm: 'staff', client: '__proto__' }));
      expect((await odd.auth(own, header)).roles).to.deep.equal(['offline_access', 'analyst']);
    });
  });
});
