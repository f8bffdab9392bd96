import { connect, type AddressInfo } from 'node:net';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import request, { type Response } from 'supertest';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import type { Decision } from '../../lib/decision.js';
import { contextOf } from '../../lib/index.js';
import type { Middleware } from '../../lib/middleware.js';
import { oidc } from '../../lib/providers/index.js';
import { fakeIssuer, type FakeIssuer } from '../../lib/testing.js';
import { authenticate } from '../../middleware/authenticate.js';

const RESOURCE = 'https://mcp.example/mcp';
const METADATA = 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"';
const OR_DPOP = 'DPoP algs="ES256 ES384 ES512 Ed25519 EdDSA RS256 RS384 RS512"';
const PING = { jsonrpc: '2.0', id: 7, method: 'ping' };

/** An event stream that the handler never ends. */
function openStream(res: ServerResponse): void {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: open\n\n');
}

type List = readonly [Middleware, Middleware<never, 'auth'>];

const frameworks: Readonly<Record<string, (list: List) => RequestListener>> = {
  Express: (list) => {
    const app = express();
    app.use('/mcp', toExpress(...list), (req, res) => {
      if (req.query['stream'] !== undefined) {
        openStream(res);
        return;
      }
      const { state } = contextOf(req, 'auth');
      res.json({ subject: state.auth.subject, info: (req as { auth?: object }).auth });
    });
    return app;
  },
  Koa: (list) => {
    const app = new Koa();
    app.use(toKoa(...list));
    app.use((ctx) => {
      if (ctx.query['stream'] !== undefined) {
        ctx.respond = false;
        openStream(ctx.res);
        return;
      }
      const { state } = contextOf(ctx, 'auth');
      ctx.body = { subject: state.auth.subject, info: (ctx.req as { auth?: object }).auth };
    });
    const handle = app.callback();
    return (req, res) => void handle(req, res);
  },
};

for (const [name, mount] of Object.entries(frameworks)) {
  describe(`middleware/authenticate over HTTP, on ${name}`, () => {
    let as: FakeIssuer;
    let decisions: Decision[];
    let server: Server;

    beforeEach((done) => {
      as = fakeIssuer({ resource: RESOURCE });
      decisions = [];
      const watch: Middleware = {
        name: 'watch',
        needs: [],
        adds: [],
        run: () => ({}),
        hooks: { decided: (_, decision) => decisions.push(decision) },
      };
      const options = {
        issuers: [oidc({ issuer: as.issuer })],
        resource: RESOURCE,
        scopes: ['mcp', 'file:read'],
        fetch: as.fetch,
      };
      server = createServer(mount([watch, authenticate(options)])).listen(0, '127.0.0.1', done);
    });
    afterEach((done) => {
      server.close(done);
      server.closeAllConnections();
    });

    const send = (authorization?: string): Promise<Response> => {
      const post = request(server).post('/mcp');
      return (authorization === undefined ? post : post.set('Authorization', authorization))
        .send(PING)
        .then((res) => res);
    };

    /** Sends header lines as they are, which HTTP clients tidy up. */
    const raw = (lines: readonly string[]): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
        let answer = '';
        socket.on('data', (chunk) => (answer += chunk.toString()));
        socket.on('close', () => {
          resolve(answer);
        });
        socket.on('error', reject);
        socket.write(['GET /mcp HTTP/1.1', 'Host: x', 'Connection: close', ...lines, '', ''].join('\r\n'));
      });

    it('lets a valid token through, and hands the caller over', async () => {
      const token = await as.token({ sub: 'jane' });
      for (let round = 0; round < 2; round += 1) {
        const { status, body } = await send(`Bearer ${token}`);
        expect(status).to.equal(200);
        expect(body).to.deep.include({ subject: 'jane' });
        expect((body as { info: object }).info).to.deep.include({
          token,
          clientId: 'client',
          scopes: ['mcp'],
          resource: RESOURCE,
        });
      }
    });

    it('asks for a token without an error code when none came (RFC 6750 section 3.1)', async () => {
      const { status, headers, body } = await send();
      expect(status).to.equal(401);
      expect(headers['www-authenticate']).to.equal(`Bearer scope="mcp file:read", ${METADATA}, ${OR_DPOP}`);
      expect(body).to.deep.include({ jsonrpc: '2.0' });
      expect((body as { error: object }).error).to.deep.equal({
        code: 401,
        message: 'An access token is required',
        data: { code: 'token_missing' },
      });
    });

    it('answers a bad token with 401 invalid_token, never 500, and always in the same words', async () => {
      const now = Math.floor(Date.now() / 1000);
      const bad = [
        'abcdefghij',
        'AAAA.AAAA.AAAA',
        `${(await as.token()).slice(0, -8)}AAAAAAAA`,
        await as.token({ exp: now - 31 }),
        await as.token({ aud: 'https://other.example' }),
        await as.token({ aud: undefined }),
        await as.token({ exp: undefined }),
        await as.token({ iss: 'https://evil.example' }),
        await as.token({ cnf: { jkt: 'x' } }),
        await as.token({}, { typ: 'JWT' }),
        await as.token({}, { kid: '../../etc/passwd' }),
        await fakeIssuer({ resource: RESOURCE }).token(),
      ];
      const words = new Set<string>();
      for (const token of bad) {
        const { status, headers, text } = await send(`Bearer ${token}`);
        expect(status).to.equal(401);
        words.add(JSON.stringify([headers['www-authenticate'], text]));
      }
      expect([...words]).to.have.length(1);
      const [challenge, text] = JSON.parse([...words][0]!) as [string, string];
      expect(challenge).to.equal(
        `Bearer error="invalid_token", error_description="The access token is not valid here", scope="mcp file:read", ${METADATA}, ${OR_DPOP}`,
      );
      expect(JSON.parse(text)).to.have.nested.property('error.data.code', 'token_invalid');
      const reasons = decisions.flatMap((one) => (one.effect === 'deny' ? [one.detail?.['reason']] : []));
      expect(new Set(reasons)).to.deep.equal(
        new Set(['format', 'header', 'signature', 'expired', 'audience', 'claim', 'issuer', 'bound', 'type', 'key']),
      );
    });

    it('answers a malformed header, and two of them, with 400 invalid_request', async () => {
      const { status, headers, body } = await send('Bearer a b');
      expect(status).to.equal(400);
      expect(headers['www-authenticate']).to.equal(`Bearer error="invalid_request", ${METADATA}, ${OR_DPOP}`);
      expect(body).to.have.nested.property('error.data.code', 'token_malformed');
      const line = `Authorization: Bearer ${await as.token()}`;
      const twice = await raw([line, line]);
      expect(twice).to.match(/^HTTP\/1.1 400 /);
      expect(twice).to.include('"header_duplicate"').and.to.include('error="invalid_request"');
      expect(await raw([line, 'authorization: Basic dTpw'])).to.match(/^HTTP\/1.1 400 /);
      expect(await raw([line])).to.match(/^HTTP\/1.1 200 /);
    });

    it('answers 503 with Retry-After while the issuer is down, without a challenge', async () => {
      as.outage(true);
      const { status, headers, body } = await send(`Bearer ${await as.token()}`);
      expect(status).to.equal(503);
      expect(headers).to.include({ 'retry-after': '5' }).and.not.have.property('www-authenticate');
      expect(body).to.have.nested.property('error.data.code', 'unavailable');
    });

    it('ends an event stream when the token ends', async () => {
      const exp = Math.floor(Date.now() / 1000) + 2;
      const token = await as.token({ exp });
      const { status, text } = await request(server).get('/mcp?stream').set('Authorization', `Bearer ${token}`);
      expect(status).to.equal(200);
      expect(text).to.equal('data: open\n\n');
      expect(Date.now()).to.be.at.least(exp * 1000);
    });

    it('looks at no token in the query', async () => {
      const { status } = await request(server)
        .post(`/mcp?access_token=${await as.token()}`)
        .send(PING);
      expect(status).to.equal(401);
    });

    it('answers a stranger before the body has arrived', async () => {
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
        socket.on('error', reject);
        socket.once('data', (chunk) => {
          resolve(chunk.toString());
          socket.destroy();
        });
        socket.write(
          'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
        );
      });
      expect(answer).to.match(/^HTTP\/1.1 401 /);
    });

    it('believes nothing about itself from Host or forwarded headers', async () => {
      const { headers } = await request(server)
        .post('/mcp')
        .set({ Host: 'evil.example"', 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'http' })
        .send(PING);
      expect(headers['www-authenticate']).to.equal(`Bearer scope="mcp file:read", ${METADATA}, ${OR_DPOP}`);
    });

    it('shows neither token nor inner address, in replies and in what is recorded of them', async () => {
      const seen: string[] = [];
      const secret = 'c2VjcmV0LXBhcnQ';
      const tokens = [
        await as.token({ aud: 'x' }),
        await as.token({}, { kid: secret }),
        `${secret}.${secret}.${secret}`,
        secret,
      ];
      for (const down of [false, true]) {
        as.outage(down);
        for (const token of [...tokens, await fakeIssuer({ resource: RESOURCE }).token()]) {
          const { headers, text } = await send(`Bearer ${token}`);
          const parts = token.split('.').filter((part) => part.length > 8);
          seen.push(JSON.stringify(headers) + text);
          const recorded = decisions.map((one) =>
            JSON.stringify(one, (_, value: unknown) =>
              value instanceof Error ? [value.message, Object.entries(value)] : value,
            ),
          );
          for (const part of parts) expect(seen.join() + recorded.join()).not.to.include(part);
        }
      }
      expect(seen.join()).not.to.match(/127\.0\.0\.1|ECONNREFUSED|fetch failed|issuer\.example|secret-part/);
      const details = decisions.map((one) => JSON.stringify('detail' in one ? one.detail : {}));
      expect(details.join()).not.to.match(/127\.0\.0\.1|issuer\.example|secret-part/);
      expect(decisions.filter((one) => one.effect === 'deny')).to.have.length(10);
    });
  });
}
