import { expect } from 'chai';
import request from 'supertest';
import type { Framework } from '../app.js';
import { call, check, knowsCaller } from '../checks.js';
import { connect, post, serve } from '../serve.js';

export function describeTargets({ build }: Framework): void {
  describe('the request', () => {
    const seen: { target: string; method: string; headers: Readonly<Record<string, readonly string[] | undefined>> }[] =
      [];
    const looks = check(
      'looks',
      ({ request: { target, method, headers } }) => (seen.push({ target, method, headers }), {}),
    );

    beforeEach(() => {
      seen.length = 0;
    });

    it('keeps its target where a path is stripped from it', async () => {
      const app = build({
        mounts: [[looks], [looks]],
        prefix: '/tenant/mcp',
        handler: ({ path, json }) => {
          json({ path });
        },
      });
      await request(app).post('/tenant/mcp/x?a=1&a=%2F').expect(200, { path: '/x' });
      expect(seen.map(({ target }) => target)).to.deep.equal(Array(2).fill('/tenant/mcp/x?a=1&a=%2F'));
    });

    it('is what was received, in absolute form and with two Host headers too', async () => {
      const wire = await connect(await serve(build({ mounts: [[looks, knowsCaller()]] })));
      const spoofed = {
        Host: 'evil.example',
        'X-Forwarded-Host': 'mcp.example',
        'X-Forwarded-Proto': 'https',
        Forwarded: 'host=a',
      };
      wire.send(post(call(), { ...spoofed, host: 'mcp.example' }, 'http://user@other.example/mcp?x'));
      await wire.until('}}}');
      expect(wire.received).to.match(/^HTTP\/1\.1 401 /);
      expect(seen[0]).to.deep.include({ target: 'http://user@other.example/mcp?x', method: 'POST' });
      expect(seen[0]?.headers['host']).to.deep.equal(['evil.example', 'mcp.example']);
    });

    it('is decided alike whatever Host and the forwarding headers say', async () => {
      const answers = new Set<string>();
      const names = [
        'Host',
        'X-Forwarded-Host',
        'X-Forwarded-For',
        'X-Forwarded-Proto',
        'X-Real-IP',
        'Forwarded',
        'X-Original-URL',
      ];
      for (const name of names) {
        const wire = await connect(await serve(build({ mounts: [[knowsCaller()]] })));
        wire.send(post(call(), { [name]: 'evil.example' }));
        answers.add((await wire.until('}}}')).replace(/Date: .*/, ''));
      }
      expect(answers.size).to.equal(1);
    });

    it('keeps every line of a header, by lower-cased name', async () => {
      const wire = await connect(await serve(build({ mounts: [[looks]] })));
      wire.send(
        'GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2, 3\r\nAuthorization: a\r\nAuthorization: b\r\nCookie: c\r\n\r\n',
      );
      await wire.until('"ok":true');
      expect(seen[0]?.headers).to.deep.include({ 'x-a': ['1', '2, 3'], authorization: ['a', 'b'], cookie: ['c'] });
    });

    it('may name headers after members of Object', async () => {
      const wire = await connect(await serve(build({ mounts: [[looks]] })));
      wire.send('GET / HTTP/1.1\r\nHost: h\r\n__proto__: x\r\nconstructor: y\r\n__proto__: z\r\ntoString: w\r\n\r\n');
      await wire.until('"ok":true');
      const headers = seen[0]?.headers ?? {};
      expect(headers.constructor).to.deep.equal(['y']);
      expect(Object.entries(headers)).to.deep.include(['__proto__', ['x', 'z']]);
      expect(headers['valueof']).to.equal(undefined);
    });

    it('tells the address that the framework knows', async () => {
      let ip = '';
      const app = build({ mounts: [[check('looks', (ctx) => ((ip = ctx.request.ip), {}))]] });
      await request(app).get('/').set('X-Forwarded-For', '203.0.113.9').expect(200);
      expect(ip).to.match(/^(::ffff:)?127\.0\.0\.1$/);
    });
  });

  describe('headers that repeat the body', () => {
    const mismatch = {
      jsonrpc: '2.0',
      id: 7,
      error: {
        code: -32020,
        message: 'A header that repeats the body disagrees with it',
        data: { code: 'header_mismatch' },
      },
    };
    const app = build({ mounts: [[check('reads', async ({ request: { rpc } }) => (await rpc(), {}))]] });

    it('must agree with it', async () => {
      const wrong = [
        { 'Mcp-Method': 'tools/list' },
        { 'Mcp-Method': 'Tools/Call' },
        { 'Mcp-Name': 'purge' },
        { 'Mcp-Name': '=?base64?cHVyZ2U=?=' },
        { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'Echo' },
      ];
      for (const headers of wrong) await request(app).post('/').set(headers).send(call()).expect(400, mismatch);
      const right = { 'Mcp-Method': 'tools/call', 'Mcp-Name': '=?base64?ZWNobw==?=' };
      await request(app).post('/').set(right).send(call()).expect(200);
    });

    it('may not be sent twice', async () => {
      const wire = await connect(await serve(app));
      wire.send(post(call(), { 'Mcp-Name': 'echo', 'mcp-name': 'echo' }));
      expect(await wire.until('}}}'))
        .to.match(/^HTTP\/1\.1 400 /)
        .and.include('-32020');
    });

    it('must agree with every message of a batch', async () => {
      const batch = [call(1), { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'purge' } }];
      await request(app).post('/').set('Mcp-Name', 'echo').send(batch).expect(400);
      await request(app)
        .post('/')
        .set('Mcp-Name', 'echo')
        .send([call(1), call(2)])
        .expect(200);
    });
  });
}
