// Over HTTP/2 a request may have content that no header tells of.
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import { toKoa } from '../../adapters/koa.js';
import { fakeSigner, signRequest, type FakeSigner } from '../../lib/testing.js';
import { verifySignature } from '../../middleware/verifySignature.js';

describe('verifySignature over HTTP/2', () => {
  let signer: FakeSigner;
  let server: http2.Http2Server;
  let client: http2.ClientHttp2Session;
  let resource: string;

  before(async () => {
    signer = await fakeSigner();
    server = http2.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    resource = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
    const keys = [{ owner: 'https://agent.example', jwks: signer.jwks }];
    const app = new Koa();
    app.use(toKoa(verifySignature({ resource, keys, mode: 'all' }))).use((ctx) => (ctx.body = 'ran'));
    const answer = app.callback();
    server.on('request', (req, res) => void answer(req, res));
    client = http2.connect(resource);
  });
  after(async () => {
    client.close();
    server.close();
    await once(server, 'close');
  });

  /** A request with that signature; with that content, and without any where it is nothing. */
  async function status(method: string, content?: string): Promise<unknown> {
    const headers = await signRequest({ method, url: resource }, { signer });
    const endStream = content === undefined;
    const stream = client.request({ ...headers, ':method': method, ':path': '/mcp' }, { endStream });
    if (!endStream) stream.end(content);
    const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    stream.resume();
    return answer[':status'];
  }

  for (const method of ['GET', 'DELETE']) {
    it(`denies a ${method} with content that nobody signed, and lets one without through`, async () => {
      expect(await status(method, '{"jsonrpc":"2.0"}')).to.equal(401);
      expect(await status(method)).to.equal(200);
      expect(await status(method, '')).to.equal(200);
    });
  }
});
