import { once } from 'node:events';
import { createServer, request, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { mtlsFetch, type MtlsFetch } from '../../client/index.js';
import { readCertificate } from '../../lib/mtls/certificate.js';
import { oidc } from '../../lib/providers/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { authenticate, type AuthenticateOptions } from '../../middleware/authenticate.js';
import { certificateAuthority, type Authority, type Issued } from '../support/certificates.js';
import { hasNginx, startNginx, type TestNginx } from '../support/nginx.js';
import { serveTls, whoCalls, type SecureServer } from '../support/secureServer.js';

const RESOURCE = 'https://mcp.example/mcp';
const BILLING = 'spiffe://example.org/billing';
const CALLERS = [{ clientId: 'billing', uri: BILLING }];
const LOCAL = ['127.0.0.1', '::1'];

type Forward = NonNullable<NonNullable<AuthenticateOptions['mtls']>['proxy']>;

const as = fakeIssuer({ resource: RESOURCE });
const guarded = (mount: (typeof whoCalls)['Express'], proxy: Forward): RequestListener =>
  mount([
    authenticate({
      issuers: [oidc({ issuer: as.issuer })],
      resource: RESOURCE,
      fetch: as.fetch,
      mtls: { callers: CALLERS, proxy },
    }),
  ]);

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const end = async (server: Server): Promise<void> => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
};

/** A proxy by RFC 9440: it takes the header from clients, and says what it saw itself. */
function terminator(port: number): RequestListener {
  return (req, res) => {
    const socket = req.socket as unknown as Pick<TLSSocket, 'authorized' | 'getPeerX509Certificate'>;
    const der = socket.getPeerX509Certificate()?.raw;
    const { 'client-cert': _own, 'client-cert-chain': _chain, ...headers } = req.headers;
    const cert = socket.authorized && der !== undefined ? { 'client-cert': `:${der.toString('base64')}:` } : {};
    const onward = request({ port, path: req.url, method: req.method, headers: { ...headers, ...cert } }, (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(res);
    });
    req.pipe(onward);
  };
}

async function code(
  send: typeof fetch,
  origin: string,
  headers: Record<string, string> = {},
  path = '/mcp',
): Promise<string> {
  const response = await send(`${origin}${path}`, { headers });
  const text = await response.text();
  const body = JSON.parse(text) as { auth?: { clientId: string }; error?: { data: { code: string } } };
  return `${response.status} ${body.auth?.clientId ?? body.error?.data.code ?? ''}`;
}

/** What must hold behind any proxy. */
function behaves(
  current: () => {
    origin: string;
    port: number;
    clientOf: (issued: Issued) => MtlsFetch;
    issued: Record<'billing' | 'nobody', Issued>;
  },
): void {
  it('knows the caller by its certificate, and nobody without one', async () => {
    const { origin, clientOf, issued } = current();
    expect(await code(clientOf(issued.billing), origin)).to.equal('200 billing');
    expect(await code(clientOf(issued.nobody), origin)).to.equal('401 certificate_invalid');
  });

  it('takes a bound token from its holder alone', async () => {
    const { origin, clientOf, issued } = current();
    const token = await as.token({ cnf: { 'x5t#S256': readCertificate(issued.billing.der).thumbprint } });
    const headers = { authorization: `Bearer ${token}` };
    expect(await code(clientOf(issued.billing), origin, headers)).to.equal('200 client');
    expect(await code(clientOf(issued.nobody), origin, headers)).to.equal('401 token_invalid');
  });

  it('is not fooled by the header that a client sends along', async () => {
    const { origin, clientOf, issued } = current();
    const forged = {
      'client-cert': `:${issued.billing.der.toString('base64')}:`,
      'x-client-cert': encodeURIComponent(issued.billing.cert),
      'x-client-verify': 'SUCCESS',
    };
    // Frameworks take some of these for the same path, and a proxy may not.
    for (const path of ['/mcp', '/MCP', '/mcp/', '/mcp/x', '/mcp?a=/b']) {
      expect(await code(clientOf(issued.nobody), origin, forged, path), path).to.equal('401 certificate_invalid');
      expect(await code(clientOf(issued.billing), origin, forged, path), path).to.equal('200 billing');
    }
  });
}

for (const [name, mount] of Object.entries(whoCalls)) {
  describe(`client certificates behind a proxy, on ${name}`, () => {
    let authority: Authority;
    let issued: Record<'billing' | 'nobody', Issued>;
    const open: MtlsFetch[] = [];
    let proxy: SecureServer | TestNginx;
    let server: Server;

    before(async () => {
      authority = await certificateAuthority();
      issued = {
        billing: await authority.issue([{ type: 'url', value: BILLING }]),
        nobody: await authority.issue([{ type: 'url', value: 'spiffe://example.org/nobody' }]),
      };
    });
    afterEach(() => Promise.all(open.splice(0).map((one) => one.close())));

    const clientOf = ({ cert, key }: Issued): MtlsFetch => {
      const client = mtlsFetch({ cert, key, ca: authority.ca, servers: [{ url: proxy.origin }] });
      open.push(client);
      return client;
    };
    const current = () => ({ origin: proxy.origin, port: portOf(server), clientOf, issued });

    describe('that follows RFC 9440', () => {
      before(async () => {
        server = await listen(guarded(mount, { addresses: LOCAL, format: 'rfc9440' }));
        proxy = await serveTls(authority, terminator(portOf(server)), { rejectUnauthorized: false });
      });
      after(async () => {
        await proxy.close();
        await end(server);
      });
      behaves(current);
    });

    describe('that is nginx', () => {
      before(async function () {
        if (!hasNginx()) this.skip();
        server = await listen(guarded(mount, { addresses: LOCAL, format: 'nginx' }));
        proxy = await startNginx(authority, portOf(server));
      });
      after(async () => {
        if ((proxy as TestNginx | undefined) === undefined || !hasNginx()) return;
        await proxy.close();
        await end(server);
      });
      behaves(current);

      it('denies what nginx could not verify, and lets nobody through whom it knows without a certificate', async () => {
        const lenient = await startNginx(authority, portOf(server), 'optional_no_ca');
        const stranger = await (await certificateAuthority('Stranger')).issue([{ type: 'url', value: BILLING }]);
        const { cert, key } = stranger;
        const send = mtlsFetch({ cert, key, ca: authority.ca, servers: [{ url: lenient.origin }] });
        try {
          expect(await code(send, lenient.origin)).to.equal('401 certificate_invalid');
          const { thumbprint } = readCertificate(stranger.der);
          const token = await as.token({ cnf: { 'x5t#S256': thumbprint } });
          expect(await code(send, lenient.origin, { authorization: `Bearer ${token}` })).to.equal('401 token_invalid');
        } finally {
          await send.close();
          await lenient.close();
        }
      });
    });

    describe('that is not the one who connects', () => {
      const FORMS: readonly (readonly [Forward['format'], (one: Issued) => Record<string, string>])[] = [
        ['rfc9440', ({ der }) => ({ 'client-cert': `:${der.toString('base64')}:` })],
        ['nginx', ({ cert }) => ({ 'x-client-cert': encodeURIComponent(cert), 'x-client-verify': 'SUCCESS' })],
      ];
      for (const [format, headersOf] of FORMS) {
        it(`denies the ${format} header instead of ignoring it, whatever else is sent (pitfall 28)`, async () => {
          const stranger = await listen(guarded(mount, { addresses: ['192.0.2.7', '10.0.0.0/8'], format }));
          const origin = `http://127.0.0.1:${portOf(stranger)}`;
          try {
            const forged = headersOf(issued.billing);
            const spoofed = { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1' };
            expect(await code(fetch, origin, forged)).to.equal('400 certificate_misplaced');
            expect(await code(fetch, origin, { ...forged, ...spoofed })).to.equal('400 certificate_misplaced');
            const authorization = `Bearer ${await as.token()}`;
            expect(await code(fetch, origin, { ...forged, authorization })).to.equal('400 certificate_misplaced');
            expect(await code(fetch, origin, { authorization })).to.equal('200 client');
          } finally {
            await end(stranger);
          }
        });
      }
    });
  });
}
