import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { connectionOf } from '../../lib/connection.js';
import type { Connection } from '../../lib/context.js';
import { oidc } from '../../lib/providers/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { authenticate } from '../../middleware/authenticate.js';
import { certificateAuthority, type Authority, type Issued } from '../support/certificates.js';
import { whoCalls } from '../support/secureServer.js';

const RESOURCE = 'https://mcp.example/mcp';
const BILLING = 'spiffe://example.org/billing';

const as = fakeIssuer({ resource: RESOURCE });

describe('connectionOf', () => {
  it('knows nothing of certificates where nothing is encrypted', () => {
    expect(connectionOf({ remoteAddress: '127.0.0.1' } as never)).to.deep.equal({ remoteAddress: '127.0.0.1' });
  });

  describe('over HTTP/2', () => {
    let authority: Authority;
    let server: http2.Http2SecureServer;
    let seen: Connection[];

    before(async () => {
      authority = await certificateAuthority();
      const { cert, key } = await authority.issue([{ type: 'dns', value: 'localhost' }]);
      const callers = [{ clientId: 'billing', uri: BILLING }];
      const issuers = [oidc({ issuer: as.issuer })];
      const options = { issuers, resource: RESOURCE, fetch: as.fetch, mtls: { callers }, exposeToken: false };
      const answer = whoCalls.Koa([authenticate(options)]);
      server = http2.createSecureServer({ cert, key, ca: authority.ca, requestCert: true, rejectUnauthorized: false });
      server.on('request', (req, res) => {
        seen.push(connectionOf(req.socket));
        answer(req as never, res as never);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    beforeEach(() => (seen = []));
    after(async () => {
      server.close();
      await once(server, 'close');
    });

    const status = async (issued?: Issued, headers = {}): Promise<unknown> => (await get(issued, headers))[':status'];
    const get = async (issued: Issued | undefined, more: object): Promise<Record<string, unknown>> => {
      const identity = issued === undefined ? {} : { cert: issued.cert, key: issued.key };
      const { port } = server.address() as AddressInfo;
      const client = http2.connect(`https://localhost:${port}`, { ca: authority.ca, ...identity });
      const stream = client.request({ ':method': 'GET', ':path': '/mcp', ...more });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      let body = '';
      for await (const chunk of stream) body += String(chunk);
      client.close();
      return { ...headers, body };
    };

    it('sees the certificate of the session, and the address at its other end', async () => {
      const billing = await authority.issue([{ type: 'url', value: BILLING }]);
      expect(await status(billing)).to.equal(200);
      expect(seen[0]?.remoteAddress).to.match(/127\.0\.0\.1$/);
      expect(seen[0]?.tls?.authorized).to.equal(true);
    });

    it('keeps a token from handlers there as well', async () => {
      const token = await as.token();
      const answered = await get(undefined, { authorization: `Bearer ${token}`, 'x-other': 'stays' });
      expect(answered[':status']).to.equal(200);
      expect(answered['body']).to.include('stays').and.not.to.include(token);
    });

    it('sees that one is from elsewhere, and that there is none', async () => {
      const stranger = await certificateAuthority('Stranger');
      expect(await status(await stranger.issue([{ type: 'url', value: BILLING }]))).to.equal(401);
      expect(await status()).to.equal(401);
      expect(seen.map(({ tls }) => tls?.authorized)).to.deep.equal([false, false]);
    });
  });
});
