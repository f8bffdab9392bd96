import { connect, type SecureVersion } from 'node:tls';
import { once } from 'node:events';
import { expect } from 'chai';
import { mtlsFetch, type MtlsFetch } from '../../client/index.js';
import { defineTools, oidc, securityProfile } from '../../lib/index.js';
import { fakeContext, fakeIssuer } from '../../lib/testing.js';
import { authenticate, type AuthenticateOptions } from '../../middleware/authenticate.js';
import { certificateAuthority, type Authority, type Issued } from '../support/certificates.js';
import { serveTls, whoCalls, type SecureServer } from '../support/secureServer.js';
import { readCertificate } from '../../lib/mtls/certificate.js';

const RESOURCE = 'https://mcp.example/mcp';
const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const BILLING = 'spiffe://example.org/billing';

interface Answered {
  readonly status: number;
  readonly code: string | undefined;
  readonly challenge: string | null;
  readonly auth: Record<string, unknown> | undefined;
  readonly info: Record<string, unknown> | undefined;
}

async function call(send: typeof fetch, origin: string, headers: Record<string, string> = {}): Promise<Answered> {
  const response = await send(`${origin}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(PING),
  });
  const body = (await response.json()) as {
    error?: { data: { code: string } };
    auth?: Record<string, unknown>;
    info?: Record<string, unknown>;
  };
  return {
    status: response.status,
    code: body.error?.data.code,
    challenge: response.headers.get('www-authenticate'),
    auth: body.auth,
    info: body.info,
  };
}

for (const [name, mount] of Object.entries(whoCalls)) {
  describe(`middleware/authenticate with client certificates, on ${name}`, () => {
    const as = fakeIssuer({ resource: RESOURCE });
    const open: { readonly close: () => Promise<void> }[] = [];
    let authority: Authority;
    let stranger: Authority;
    let billing: Issued;
    let other: Issued;

    const serve = async (options: Partial<AuthenticateOptions>, tls = {}): Promise<SecureServer> => {
      const list = [
        authenticate({ issuers: [oidc({ issuer: as.issuer })], resource: RESOURCE, fetch: as.fetch, ...options }),
      ];
      const server = await serveTls(authority, mount(list), { rejectUnauthorized: false, ...tls });
      open.push(server);
      return server;
    };
    const clientOf = ({ cert, key }: Issued, { origin: url }: SecureServer): MtlsFetch => {
      const client = mtlsFetch({ cert, key, ca: authority.ca, servers: [{ url }] });
      open.push(client);
      return client;
    };
    const bound = (to: Issued, claims = {}): Promise<string> =>
      as.token({ cnf: { 'x5t#S256': readCertificate(to.der).thumbprint }, ...claims });

    before(async () => {
      [authority, stranger] = await Promise.all([certificateAuthority(), certificateAuthority('Stranger')]);
      billing = await authority.issue([{ type: 'url', value: BILLING }]);
      other = await authority.issue([{ type: 'dns', value: 'other.example.org' }]);
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((one) => one.close()));
    });

    it('takes a token from the holder of the certificate that it is bound to, cached or not', async () => {
      const server = await serve({ mtls: {} });
      const send = clientOf(billing, server);
      const token = await bound(billing, { sub: 'jane' });
      for (let round = 0; round < 2; round += 1) {
        const { status, auth } = await call(send, server.origin, { authorization: `Bearer ${token}` });
        expect(status).to.equal(200);
        const { thumbprint } = readCertificate(billing.der);
        expect(auth).to.deep.include({ subject: 'jane', token, bindings: [{ method: 'mtls', thumbprint }] });
      }
    });

    it('denies a stolen token as invalid: under another certificate, under none, and without mutual TLS', async () => {
      const server = await serve({ mtls: {} });
      const authorization = `Bearer ${await bound(billing)}`;
      expect((await call(clientOf(billing, server), server.origin, { authorization })).status).to.equal(200);
      const thief = await call(clientOf(other, server), server.origin, { authorization });
      expect(thief).to.deep.include({ status: 401, code: 'token_invalid' });
      expect(thief.challenge).to.match(/^Bearer error="invalid_token"/);
      const bare = await plainly(server, `authorization: ${authorization}`);
      expect(bare).to.match(/^HTTP\/1\.1 401 [^]*token_invalid/);
      const without = await serve({});
      expect(await call(clientOf(billing, without), without.origin, { authorization })).to.deep.include({
        status: 401,
      });
    });

    it('denies one bound to a certificate that no trusted authority issued, whoever holds it', async () => {
      const server = await serve({ mtls: {} });
      const foreign = await stranger.issue([{ type: 'url', value: BILLING }]);
      const authorization = `Bearer ${await bound(foreign)}`;
      expect(await call(clientOf(foreign, server), server.origin, { authorization })).to.deep.include({ status: 401 });
      // Nothing is asked of the certificate beside a token that is not bound to it.
      const plain = `Bearer ${await as.token()}`;
      expect(await call(clientOf(foreign, server), server.origin, { authorization: plain })).to.deep.include({
        status: 200,
      });
    });

    it('denies an unbound token where binding is required', async () => {
      const server = await serve({ mtls: {}, requireBinding: true });
      const send = clientOf(billing, server);
      const plain = await call(send, server.origin, { authorization: `Bearer ${await as.token()}` });
      expect(plain).to.deep.include({ status: 401, code: 'token_invalid' });
      expect((await call(send, server.origin, { authorization: `Bearer ${await bound(billing)}` })).status).to.equal(
        200,
      );
    });

    it('denies a binding that is there in part: to a certificate and to a key nobody proved', async () => {
      const server = await serve({ mtls: {} });
      const { thumbprint } = readCertificate(billing.der);
      const token = await as.token({ cnf: { 'x5t#S256': thumbprint, jkt: thumbprint } });
      expect(
        (await call(clientOf(billing, server), server.origin, { authorization: `Bearer ${token}` })).status,
      ).to.equal(401);
    });

    it('knows a caller by a name of its certificate alone', async () => {
      const callers = [
        { clientId: 'billing', uri: BILLING },
        { clientId: 'other', dns: 'OTHER.example.org' },
      ];
      const server = await serve({ issuers: [], mtls: { callers } });
      const { auth, info } = await call(clientOf(billing, server), server.origin);
      expect(auth).to.deep.include({ clientId: 'billing', subject: 'billing', scopes: [], roles: [], token: '' });
      expect(auth?.['issuer']).to.equal('urn:io.github.mcp-etdi:client-certificate');
      expect(info).to.deep.include({ clientId: 'billing', token: '', scopes: [] });
      expect((await call(clientOf(other, server), server.origin)).auth).to.deep.include({ clientId: 'other' });
    });

    it('knows nobody by a certificate that names nobody, several, or comes from elsewhere', async () => {
      const callers = [
        { clientId: 'billing', uri: BILLING },
        { clientId: 'other', dns: 'other.example.org' },
      ];
      const server = await serve({ mtls: { callers } });
      const bad = [
        await stranger.issue([{ type: 'url', value: BILLING }]),
        await authority.issue([{ type: 'url', value: `${BILLING}/` }]),
        await authority.issue([{ type: 'dns', value: BILLING.replace('spiffe://', '') }]),
        await authority.issue([{ type: 'dns', value: '*.example.org' }]),
        await authority.issue([{ type: 'email', value: 'billing@example.org' }]),
        await authority.issue([]),
        await authority.issue([
          { type: 'url', value: BILLING },
          { type: 'dns', value: 'other.example.org' },
        ]),
        await authority.issue([{ type: 'url', value: BILLING }], { from: -100, until: -50 }),
        await authority.issue([{ type: 'url', value: BILLING }], { from: 50, until: 100 }),
      ];
      for (const one of bad) {
        const answered = await call(clientOf(one, server), server.origin);
        expect(answered).to.deep.include({ status: 401, code: 'certificate_invalid' });
        expect(answered.challenge).to.match(/^Bearer resource_metadata=/);
      }
      expect(await plainly(server)).to.match(/token_missing/);
    });

    it('judges whoever sends credentials by them, and not by the certificate', async () => {
      const server = await serve({ mtls: { callers: [{ clientId: 'billing', uri: BILLING }] } });
      const send = clientOf(billing, server);
      expect((await call(send, server.origin)).status).to.equal(200);
      for (const authorization of ['Bearer nonsense', 'Basic YTpi', 'Bearer', 'DPoP abc'])
        expect((await call(send, server.origin, { authorization })).status, authorization).to.be.oneOf([400, 401]);
    });

    it('knows a certificate no longer when it expires, although its connection stays open', async () => {
      const short = await authority.issue([{ type: 'url', value: BILLING }], { from: -60, until: 60 });
      let time = Date.now();
      const server = await serve({
        mtls: { callers: [{ clientId: 'billing', uri: BILLING }] },
        now: () => new Date(time),
      });
      const send = clientOf(short, server);
      expect((await call(send, server.origin)).status).to.equal(200);
      time += 61_000;
      expect(await call(send, server.origin)).to.deep.include({ status: 401, code: 'certificate_invalid' });
    });

    it('takes a certificate in a header from nobody who connects by himself (pitfall 28)', async () => {
      const server = await serve({ mtls: { callers: [{ clientId: 'billing', uri: BILLING }] } });
      const header = { 'client-cert': `:${billing.der.toString('base64')}:` };
      const denied = { status: 400, code: 'certificate_misplaced' };
      expect(await call(clientOf(other, server), server.origin, header)).to.deep.include(denied);
      expect(await call(clientOf(billing, server), server.origin, header)).to.deep.include(denied);
      const chain = { 'client-cert-chain': header['client-cert'] };
      expect(await call(clientOf(billing, server), server.origin, chain)).to.deep.include(denied);
      const authorization = `Bearer ${await as.token()}`;
      expect(await call(clientOf(other, server), server.origin, { ...header, authorization })).to.deep.include(denied);
    });

    it('believes no certificate over TLS 1.2, where a client can show another one before it proves to hold its key', async () => {
      const callers = [{ clientId: 'billing', uri: BILLING }];
      const server = await serve({ mtls: { callers } }, { minVersion: 'TLSv1.2' });
      const ask = async (maxVersion: SecureVersion, line?: string): Promise<string> =>
        (await resumable(server, authority.ca, billing, undefined, line, maxVersion)).answer;
      const token = `authorization: Bearer ${await bound(billing)}`;
      expect(await ask('TLSv1.2')).to.match(/^HTTP\/1\.1 401 [^]*certificate_invalid/);
      expect(await ask('TLSv1.2', token)).to.match(/^HTTP\/1\.1 401 [^]*token_invalid/);
      expect(await ask('TLSv1.2', `authorization: Bearer ${await as.token()}`)).to.match(/^HTTP\/1\.1 200 /);
      expect(await ask('TLSv1.3')).to.match(/^HTTP\/1\.1 200 /);
      expect(await ask('TLSv1.3', token)).to.match(/^HTTP\/1\.1 200 /);
    });

    it('proves a resumed session by the certificate that it began with, or by none', async () => {
      const server = await serve({ mtls: { callers: [{ clientId: 'billing', uri: BILLING }] } });
      const foreign = await stranger.issue([{ type: 'url', value: BILLING }]);
      for (const [one, expected] of [
        [billing, /^HTTP\/1\.1 200 /],
        [foreign, /certificate_invalid|token_missing/],
      ] as const) {
        const first = await resumable(server, authority.ca, one, undefined);
        expect(first.answer).to.match(expected);
        const second = await resumable(server, authority.ca, one, first.session);
        expect(second.reused).to.equal(true);
        expect(second.answer).to.match(one === billing ? /^HTTP\/1\.1 (200|401) / : expected);
        expect(second.answer).not.to.match(one === billing ? /HTTP\/1\.1 5/ : /HTTP\/1\.1 200/);
      }
    });

    /** Without a client certificate. */
    async function plainly(server: SecureServer, line = 'x-a: b'): Promise<string> {
      return (await resumable(server, authority.ca, undefined, undefined, line)).answer;
    }
  });
}

/** One request over a connection of its own, and the session to resume it by. */
async function resumable(
  { origin }: SecureServer,
  ca: string,
  issued: Issued | undefined,
  session: Buffer | undefined,
  line = 'x-a: b',
  maxVersion: SecureVersion = 'TLSv1.3',
): Promise<{ readonly answer: string; readonly session: Buffer | undefined; readonly reused: boolean }> {
  const { port } = new URL(origin);
  const identity = issued === undefined ? {} : { cert: issued.cert, key: issued.key };
  const socket = connect({
    port: Number(port),
    host: '127.0.0.1',
    servername: 'localhost',
    ca,
    maxVersion,
    ...identity,
    ...(session && { session }),
  });
  let ticket: Buffer | undefined;
  let answer = '';
  let reused = false;
  socket.on('secureConnect', () => (reused = socket.isSessionReused()));
  socket.on('session', (one) => (ticket = one));
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.write(`GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${line}\r\n\r\n`);
  await once(socket, 'close');
  return { answer, session: ticket, reused };
}

describe('a certificate that cannot be read', () => {
  it('is denied as malformed, and never a failure of the server', () => {
    const mtls = { callers: [{ clientId: 'a', uri: 'spiffe://example.org/a' }] };
    const middleware = authenticate({ issuers: [], resource: RESOURCE, mtls });
    const tls = { authorized: true, certificate: () => ({ raw: Buffer.from('no certificate') }) as never };
    const ctx = fakeContext({ connection: { remoteAddress: '127.0.0.1', tls } });
    expect(() => middleware.run(ctx))
      .to.throw()
      .and.to.include({ status: 400, code: 'certificate_malformed' });
  });
});

describe('the mtls option of authenticate', () => {
  const callers = [{ clientId: 'a', uri: 'spiffe://example.org/a' }];
  const BAD: readonly (readonly [name: string, options: object, message: RegExp])[] = [
    ['an unknown name', { mtls: { callers, caller: [] } }, /unknown option 'caller'; did you mean 'callers'\?/],
    ['no callers and no issuers', { mtls: {} }, /'issuers' must have at least 1 element/],
    ['an empty list of callers', { mtls: { callers: [] } }, /'callers' must have at least 1 element/],
    ['a caller without a name', { mtls: { callers: [{ clientId: 'a' }] } }, /give 'a' one name, either 'uri' or 'dns'/],
    ['a caller with two', { mtls: { callers: [{ ...callers[0], dns: 'a.example' }] } }, /either 'uri' or 'dns'/],
    ['a caller without an id', { mtls: { callers: [{ uri: 'a:b' }] } }, /'clientId' must be a non-empty string/],
    [
      'a wildcard',
      { mtls: { callers: [{ clientId: 'a', dns: '*.example' }] } },
      /'dns' must be a host name without wildcards/,
    ],
    ['a URI that is none', { mtls: { callers: [{ clientId: 'a', uri: 'example' }] } }, /'uri' must be an absolute URI/],
    [
      'two callers of one name',
      {
        mtls: {
          callers: [
            { clientId: 'a', dns: 'A.example' },
            { clientId: 'b', dns: 'a.example' },
          ],
        },
      },
      /'a' and 'b' have the same name/,
    ],
    ['a proxy anywhere', { mtls: { callers, proxy: { addresses: ['0.0.0.0/0'], format: 'nginx' } } }, /every address/],
    [
      'a proxy nowhere',
      { mtls: { callers, proxy: { addresses: [], format: 'nginx' } } },
      /'addresses' must have at least/,
    ],
    [
      'a proxy by name',
      { mtls: { callers, proxy: { addresses: ['proxy'], format: 'nginx' } } },
      /must be an IP address/,
    ],
    [
      'another format',
      { mtls: { callers, proxy: { addresses: ['::1'], format: 'envoy' } } },
      /must be one of 'rfc9440', 'nginx'/,
    ],
    [
      'a header of its own with RFC 9440',
      { mtls: { callers, proxy: { addresses: ['::1'], format: 'rfc9440', certificateHeader: 'X-Cert' } } },
      /leave 'X-Cert' out/,
    ],
    [
      'a header that is none',
      { mtls: { callers, proxy: { addresses: ['::1'], format: 'nginx', verifyHeader: 'a b' } } },
      /'verifyHeader' must be the name of a header/,
    ],
  ];
  it('is the same in a profile', () => {
    const all = {
      level: 'basic' as const,
      resource: RESOURCE,
      issuers: [],
      tools: defineTools({}),
      audit: () => undefined,
    };
    expect(() => securityProfile({ ...all, mtls: { callers: [] } })).to.throw(
      TypeError,
      /'callers' must have at least/,
    );
    expect(securityProfile({ ...all, mtls: { callers } })).to.have.lengthOf(4);
    expect(() => securityProfile({ ...all, mtls: { callers }, revoked: 7 as never })).to.throw(
      TypeError,
      /'revoked' must be/,
    );
    expect(() => securityProfile({ ...all, mtls: { callers }, exposeToken: 'no' as never })).to.throw(
      TypeError,
      /'exposeToken' must/,
    );
  });

  for (const [name, options, message] of BAD) {
    it(`does not take ${name}`, () => {
      expect(() => authenticate({ issuers: [], resource: RESOURCE, ...options })).to.throw(TypeError, message);
    });
  }
});
