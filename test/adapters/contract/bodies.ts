import { expect } from 'chai';
import { gzipSync } from 'node:zlib';
import request from 'supertest';
import type { AdapterOptions } from '../../../lib/mount.js';
import type { AnyMiddleware } from '../../../lib/middleware.js';
import type { App, Framework } from '../app.js';
import { call, check, errorOf, readsBytes, readsMessages } from '../checks.js';
import { connect, post, serve } from '../serve.js';

const NOT_JSON = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32700, message: 'The body is not JSON', data: { code: 'json_malformed' } },
};
const NOT_RPC = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32600, message: 'The body is not a JSON-RPC 2.0 message', data: { code: 'rpc_malformed' } },
};
const TOO_LARGE = errorOf(null, 413, 'body_too_large', 'The body is too large');

export function describeBodies({ build }: Framework): void {
  const reading = (
    one: AnyMiddleware = readsMessages(),
    options?: AdapterOptions,
    more: Partial<App> = {},
  ): ReturnType<typeof build> => build({ mounts: [[...(options === undefined ? [] : [options]), one]], ...more });

  describe('bodies', () => {
    it('are read to the last byte, as they were sent', async () => {
      let seen: Uint8Array | undefined;
      const text = ' {"jsonrpc": "2.0",\r\n"method":"caf\\u00e9", "x": "\u00e9\u20ac\ud83d\ude00" } \n';
      await request(reading(readsBytes((bytes) => (seen = bytes))))
        .post('/')
        .type('json')
        .send(text)
        .expect(200);
      expect(Buffer.from(seen ?? []).toString()).to.equal(text);
    });

    it('are read once, whoever asks', async () => {
      const seen: unknown[] = [];
      const looks = check('looks', async ({ request: { body, rpc } }) => {
        seen.push(await body(), await body(), await rpc(), await rpc());
        return {};
      });
      await request(build({ mounts: [[looks], [looks]] }))
        .post('/')
        .send(call())
        .expect(200);
      expect(new Set(seen).size).to.equal(2);
    });

    it('that arrive in many pieces are put together', async () => {
      let seen = '';
      const wire = await connect(await serve(reading(readsBytes((bytes) => (seen = Buffer.from(bytes).toString())))));
      const text = JSON.stringify({ ...call(), padding: 'a'.repeat(300) });
      wire.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (const char of text) wire.send(`1\r\n${char}\r\n`);
      wire.send('0\r\n\r\n');
      await wire.until('"ok":true');
      expect(seen).to.equal(text);
    });

    it('that are not JSON are 400', async () => {
      const bodies = [
        '{"jsonrpc":"2.0"',
        '',
        ' ',
        'null x',
        '{"a":1,}',
        "{'a':1}",
        '\ufeff{"jsonrpc":"2.0","method":"x"}',
        'NaN',
      ];
      for (const body of bodies) await request(reading()).post('/').type('json').send(body).expect(400, NOT_JSON);
      const wire = await connect(await serve(reading()));
      wire.send(post('{"jsonrpc":"2.0","method":"\0\0"}').replace('\0\0', ''), Buffer.from([0xc3, 0x28]));
      expect(await wire.until('}}}')).to.match(/^HTTP\/1\.1 400 /);
    });

    it('that are not JSON-RPC are 400', async () => {
      const message = { jsonrpc: '2.0', id: 1, method: 'x' };
      const bodies: unknown[] = [
        [],
        {},
        [[]],
        [null],
        ['x'],
        [message, {}],
        { ...message, jsonrpc: '1.0' },
        { ...message, jsonrpc: undefined },
        { ...message, id: null },
        { ...message, id: {} },
        { ...message, method: 7 },
        { ...message, method: null },
        { ...message, params: [] },
        { ...message, params: 'x' },
        { jsonrpc: '2.0', id: 1 },
        { jsonrpc: '2.0', id: 1, result: {}, error: {} },
        { jsonrpc: '2.0', id: null, error: {} },
        Array.from({ length: 101 }, () => message),
      ];
      for (const body of bodies)
        await request(reading())
          .post('/')
          .send(body as object)
          .expect(400, NOT_RPC);
      for (const text of ['"x"', '7', 'null', 'true']) {
        await request(reading()).post('/').type('json').send(text).expect(400, NOT_RPC);
      }
    });

    it('may be a batch of up to 100 messages', async () => {
      const batch = Array.from({ length: 100 }, (_, id) => call(id));
      let count: number | undefined = 0;
      const counts = check('counts', async ({ request: { rpc } }) => ((count = (await rpc()).length), {}));
      await request(reading(counts)).post('/').send(batch).expect(200);
      expect(count).to.equal(100);
    });

    it('of another media type are 415', async () => {
      const wrong = [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json-patch+json',
        'application/jsonx',
        'text/json',
      ];
      for (const type of wrong) {
        const expected = errorOf(null, 415, 'media_type_unsupported', 'The Content-Type must be application/json');
        await request(reading()).post('/').set('Content-Type', type).send(JSON.stringify(call())).expect(415, expected);
      }
      const wire = await connect(await serve(reading()));
      wire.send(post(call()).replace(/Content-Type.*\r\n/, ''));
      expect(await wire.until('}}}')).to.match(/^HTTP\/1\.1 415 /);
    });

    it('may name the media type in any case and with parameters', async () => {
      for (const type of [
        'application/json',
        'APPLICATION/JSON',
        'application/json; charset=utf-8',
        'application/json;x',
      ]) {
        await request(reading()).post('/').set('Content-Type', type).send(JSON.stringify(call())).expect(200);
      }
    });

    it('that are coded are 415, whatever the coding', async () => {
      const expected = errorOf(null, 415, 'encoding_unsupported', 'The Content-Encoding must be identity');
      for (const coding of ['gzip', 'br', 'deflate', 'identity, gzip', 'x']) {
        for (const one of [readsMessages(), readsBytes()]) {
          const body = coding === 'gzip' ? gzipSync(JSON.stringify(call())) : Buffer.from(JSON.stringify(call()));
          await request(reading(one))
            .post('/')
            .set({ 'Content-Type': 'application/json', 'Content-Encoding': coding })
            .serialize((bytes: unknown) => bytes as string)
            .send(body)
            .expect(415, expected)
            .expect('Accept-Encoding', 'identity');
        }
      }
      await request(reading()).post('/').set('Content-Encoding', 'IDENTITY').send(call()).expect(200);
    });

    for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
      it(`are not for ${method}: it has no messages, and is denied with content, which no check has seen`, async () => {
        const lengths: unknown[] = [];
        const counts = check('counts', async ({ request: { rpc } }) => (lengths.push((await rpc()).length), {}));
        const bare = await connect(await serve(reading(counts)));
        bare.send(`${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`);
        expect(await bare.until((all) => all.includes('\r\n\r\n'))).to.match(/^HTTP\/1\.1 200 /);
        expect(lengths).to.deep.equal([0]);
        const text = JSON.stringify(call());
        const chunked = `${method} / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`;
        for (const sent of [post(text).replace('POST', method), chunked]) {
          const wire = await connect(await serve(reading(counts)));
          wire.send(sent);
          expect(await wire.until((all) => all.includes('\r\n\r\n'))).to.match(/^HTTP\/1\.1 400 /);
        }
        expect(lengths).to.deep.equal([0]);
      });
    }

    it('of other methods are read as messages', async () => {
      await request(reading()).put('/').type('json').send('x').expect(400, NOT_JSON);
      await request(reading()).patch('/').expect(415);
    });
  });

  describe('bodies over the limit', () => {
    const text = JSON.stringify({ ...call(), padding: 'x'.repeat(1000) });

    it('are 413 before they arrive, when they say how long they are', async () => {
      const wire = await connect(await serve(reading(readsMessages(), { bodyLimit: text.length - 1 })));
      wire.send(post(text).slice(0, -text.length));
      expect(await wire.until('}}}'))
        .to.match(/^HTTP\/1\.1 413 /)
        .and.include(JSON.stringify(TOO_LARGE));
    });

    it('are 413 as soon as they pass it, when they do not', async () => {
      const wire = await connect(await serve(reading(readsMessages(), { bodyLimit: 100 })));
      wire.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
      wire.send(`64\r\n${'x'.repeat(100)}\r\n`, '1\r\nx\r\n');
      expect(await wire.until('}}}')).to.match(/^HTTP\/1\.1 413 /);
    });

    it('are not those of exactly the limit', async () => {
      await request(reading(readsMessages(), { bodyLimit: text.length }))
        .post('/')
        .type('json')
        .send(text)
        .expect(200);
      await request(reading(readsMessages(), { bodyLimit: text.length - 1 }))
        .post('/')
        .type('json')
        .send(text)
        .expect(413);
    });

    it('are 4 MiB by default', async () => {
      const limit = 4 * 1024 * 1024;
      const body = (length: number): string => `"${'x'.repeat(length - 2)}"`;
      await request(reading()).post('/').type('json').send(body(limit)).expect(400, NOT_RPC);
      await request(reading())
        .post('/')
        .type('json')
        .send(body(limit + 1))
        .expect(413, TOO_LARGE);
    });

    it('leave the connection to the next request, for a client that reads only when all is sent', async () => {
      const wire = await connect(await serve(reading(readsMessages(), { bodyLimit: 1000 })));
      const large = 'x'.repeat(3_000_000);
      wire.pause();
      for (let count = 0; count < 2; count += 1) wire.send(post(large));
      wire.send(post(call()));
      wire.resume();
      const received = await wire.until('"ok":true');
      expect(received.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 413', 'HTTP/1.1 413', 'HTTP/1.1 200']);
    });

    it('are measured by the mount that reads them', async () => {
      const mounts = [
        [{ bodyLimit: 9999 }, check('a')],
        [{ bodyLimit: 100 }, readsMessages()],
      ];
      await request(build({ mounts })).post('/').type('json').send(text).expect(413);
    });
  });
}
