import { expect } from 'chai';
import request from 'supertest';
import type { Endpoint } from '../../../lib/endpoint.js';
import type { Framework } from '../app.js';
import { connect, serve as start } from '../serve.js';
import { withoutStandardError } from '../standardError.js';

const PATH = '/.well-known/oauth-protected-resource/mcp';
const document: Endpoint = {
  paths: [PATH],
  handle: ({ method }) => ({
    status: method === 'DELETE' ? 405 : 200,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'max-age=60', 'Access-Control-Allow-Origin': '*' },
    body: '{"resource":"https://mcp.example/mcp"}',
  }),
};

export function describeEndpoints({ serve }: Framework): void {
  describe('endpoints', () => {
    it('answer their exact path with status, headers and body', async () => {
      await request(serve(document))
        .get(`${PATH}?x=1`)
        .expect(200, { resource: 'https://mcp.example/mcp' })
        .expect('Content-Type', /^application\/json/)
        .expect('Cache-Control', 'max-age=60')
        .expect('Access-Control-Allow-Origin', '*')
        .expect('Content-Length', '38');
      await request(serve(document)).delete(PATH).expect(405);
    });

    it('leave every other path to what comes next', async () => {
      for (const path of ['/', `${PATH}/`, `${PATH}x`, '/.well-known/oauth-protected-resource', `/x${PATH}`]) {
        await request(serve(document)).get(path).expect(404, 'next');
      }
    });

    it('answer HEAD with a head alone, and targets in absolute form', async () => {
      const wire = await connect(await start(serve(document)));
      wire.send(`HEAD ${PATH} HTTP/1.1\r\nHost: h\r\n\r\n`);
      expect(await wire.until('\r\n\r\n'))
        .to.match(/^HTTP\/1\.1 200 [^{]*\r\n\r\n$/)
        .and.match(/content-length: 38/i);
      wire.send(
        `GET http://evil.example${PATH} HTTP/1.1\r\nHost: other.example\r\n__proto__: x\r\nConnection: close\r\n\r\n`,
      );
      expect(await wire.untilClosed()).to.include('{"resource":"https://mcp.example/mcp"}');
    });

    it('that fail are a constant 500, and the process lives', async () => {
      const fails = (handle: Endpoint['handle']): Endpoint => ({ paths: [PATH], handle });
      const lines = await withoutStandardError(async () => {
        for (const handle of [
          (): never => {
            throw new Error('secret');
          },
          () => Promise.reject(new Error('secret')),
          () => ({ status: 200, headers: { 'X-A': 'a\r\nX-Secret: 1' }, body: '' }),
          () => undefined as never,
        ]) {
          const answer = await request(serve(fails(handle)))
            .get(PATH)
            .expect(500);
          expect(answer.text).to.match(/^\{"jsonrpc"/);
          expect(answer.text + JSON.stringify(answer.headers)).to.not.match(/secret/i);
        }
      });
      expect(lines).to.have.length(4);
    });

    it('are not mounted twice, nor what is none', () => {
      expect(() => serve(document, document)).to.throw(TypeError, `two endpoints own the path '${PATH}'`);
      expect(() => serve(undefined as never)).to.throw(TypeError, 'pass what a factory such as protectedResource');
    });
  });
}
