// The known ways to get HTTP message signatures wrong, each tried on a whole server.
import { generateKeyPairSync, sign } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { exportJWK, type JWK } from 'jose';
import { thumbprint } from '../../lib/keys/thumbprint.js';
import type { SigningKey } from '../../lib/keys/signer.js';
import { memoryReplay, verifySignature, type VerifySignatureOptions } from '../../lib/index.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { closeServers, connect, serve } from '../adapters/serve.js';
import { call, digestOf, draft, judge, owner, resource, type Draft, type Lines } from './signingRequests.js';

interface Answered {
  readonly status: number;
  readonly body: string;
  readonly reason: unknown;
}

for (const framework of ['Express 5', 'Koa 3']) {
  describe(`pitfalls of signed requests on ${framework}`, () => {
    let signer: FakeSigner;
    let key: SigningKey;
    let stranger: SigningKey;
    let send: (lines: Lines, body?: string | Uint8Array, target?: string) => Promise<Answered>;

    /** A server with other options than the one that `send` uses. */
    const start = async (options: Partial<VerifySignatureOptions> = {}): Promise<typeof send> => {
      const { listener, reasons } = judge(framework, signer, options);
      const port = await serve(listener);
      return async (lines, body = '', target = '/mcp') => {
        const wire = await connect(port);
        reasons.length = 0;
        const head = [...lines, ['content-length', String(Buffer.byteLength(body))], ['connection', 'close']];
        wire.send(`POST ${target} HTTP/1.1\r\n${head.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n`, body);
        const received = await wire.untilClosed();
        return {
          status: Number(received.slice(9, 12)),
          body: received.slice(received.indexOf('\r\n\r\n') + 4),
          reason: reasons[0],
        };
      };
    };
    const host: Lines = [['host', 'mcp.example.com']];
    const attempt = async (given: Draft, by = key): Promise<Answered> =>
      send([...host, ...(await draft(by, given))], given.body);
    const verdict = async (given: Draft, by = key): Promise<unknown> => {
      const { status, reason } = await attempt(given, by);
      return status === 200 ? 200 : `${status} ${String(reason)}`;
    };
    const json = (digests: readonly string[]): Lines => [
      ['content-type', 'application/json'],
      ...digests.map((digest) => ['content-digest', digest] as const),
    ];

    before(async () => {
      signer = await fakeSigner();
      key = await signer.current();
      stranger = await (await fakeSigner()).current();
      send = await start();
    });

    after(closeServers);

    it('an ECDSA signature in DER is none (9)', async () => {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'ES256' };
      const by = (dsaEncoding: 'der' | 'ieee-p1363'): SigningKey => ({
        keyId: thumbprint(jwk),
        algorithm: 'ES256',
        sign: (bytes) => Promise.resolve(sign('sha256', bytes, { key: pair.privateKey, dsaEncoding })),
      });
      const other = await start({ keys: [{ owner, jwks: { keys: [jwk] } }] });
      const body = call();
      expect(await other([...host, ...(await draft(by('ieee-p1363'), { body }))], body)).to.include({ status: 200 });
      expect(await other([...host, ...(await draft(by('der'), { body }))], body)).to.deep.include({
        status: 401,
        reason: 'signature_mismatch',
      });
    });

    it('an RSA key of 1024 bits cannot be pinned, and does not count where it is published (10)', async () => {
      const pairOf = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });
      const [weak, strong] = [pairOf(1024), pairOf(2048)];
      const publicOf = async ({ publicKey }: typeof weak): Promise<JWK> => ({
        ...(await exportJWK(publicKey)),
        alg: 'RS256',
      });
      const keys = [await publicOf(weak), await publicOf(strong)];
      expect(() => verifySignature({ keys: [{ owner, jwks: { keys } }], resource })).to.throw(TypeError, /RSA/);

      const signsWith = ({ privateKey }: typeof weak, jwk: JWK): SigningKey => ({
        keyId: thumbprint(jwk),
        algorithm: 'RS256',
        sign: (bytes) => Promise.resolve(sign('sha256', bytes, privateKey)),
      });
      const published = await start({
        keys: [{ owner, jwksUri: 'https://agent.example.com/jwks' }],
        fetch: () => Promise.resolve(Response.json({ keys })),
      });
      const body = call();
      const byWeak = await draft(signsWith(weak, keys[0]!), { body });
      expect(await published([...host, ...byWeak], body)).to.include({ status: 401, reason: 'key_unknown' });
      const byStrong = await draft(signsWith(strong, keys[1]!), { body });
      expect(await published([...host, ...byStrong], body)).to.include({ status: 200 });
    });

    it('a digest that is signed must be that of the body, by an algorithm that holds (11)', async () => {
      const body = call();
      const good = digestOf(body);
      const long = digestOf(body, 'sha-512');
      const bad = digestOf('other');
      const cases: [what: string, digests: string[], expected: unknown][] = [
        ['SHA-256', [good], 200],
        ['SHA-512', [long], 200],
        ['both', [`${good}, ${long}`], 200],
        ['both in two lines', [long, good], 200],
        ['one that counts beside MD5', [`md5=:AA==:, ${good}`], 200],
        ['MD5 alone', ['md5=:1B2M2Y8AsgTpgAmY7PhCfg==:'], '401 digest_unsupported'],
        ['of another body', [bad], '401 digest_mismatch'],
        ['two of which one is wrong', [`${good}, ${digestOf('other', 'sha-512')}`], '401 digest_mismatch'],
        ['two of which the other is wrong', [`${bad}, ${long}`], '401 digest_mismatch'],
        ['a string', [`sha-256="${good.slice(9, -1)}"`], '400 malformed'],
        ['the same twice in two lines', [good, good], '400 malformed'],
        ['a wrong one before the right one', [bad, good], '400 malformed'],
        ['a wrong one after the right one', [`${good}, ${bad}`], '400 malformed'],
      ];
      for (const [what, digests, expected] of cases) {
        expect(await verdict({ body, headers: json(digests) }), what).to.equal(expected);
      }
      const components = ['@method', '@target-uri', 'content-type'];
      expect(await verdict({ body, headers: json([]), components }), 'none').to.equal('401 coverage');
    });

    it('a body that is coded is not looked into (12)', async () => {
      const body = gzipSync(call());
      for (const digest of [digestOf(body), digestOf(call())]) {
        const headers: Lines = [...json([digest]), ['content-encoding', 'gzip']];
        expect(await verdict({ body, headers })).to.equal('415 encoding_unsupported');
      }
      const headers: Lines = [...json([digestOf(call())]), ['content-encoding', 'identity']];
      expect(await verdict({ body: call(), headers })).to.equal(200);
    });

    it('a signature over nothing, or not over everything, proves nothing (13)', async () => {
      const body = call();
      expect(await verdict({ body, components: [] })).to.equal('401 coverage');
      const all = ['@method', '@target-uri', 'content-type', 'content-digest'];
      for (const missing of all) {
        const components = all.filter((one) => one !== missing);
        expect(await verdict({ body, components }), missing).to.equal('401 coverage');
      }
      expect(await verdict({ body, components: all })).to.equal(200);
      const parts = [
        ['@method', '@authority', '@path', 'content-type', 'content-digest'],
        ['@method', '@target-uri', 'content-type', '"content-digest";key="sha-256"'],
        ['@method', '@target-uri', '"content-type";bs', 'content-digest'],
        ['@method', '@target-uri', 'content-type', '"content-digest";sf'],
      ];
      for (const components of parts) {
        expect(await verdict({ body, components }), components.join(' ')).to.equal('401 coverage');
      }
    });

    it('a name in a header is signed, and that of the body (14)', async () => {
      const body = call('read');
      const named = (name: string): Lines => [...json([digestOf(body)]), ['mcp-name', name]];
      expect(await verdict({ body, headers: named('read') })).to.equal(200);
      expect(await verdict({ body, headers: named('wipe') }), 'signed').to.equal('400 header_mismatch');
      const { status, reason } = await send([...host, ...(await draft(key, { body })), ['mcp-name', 'read']], body);
      expect({ status, reason }, 'unsigned').to.deep.equal({ status: 401, reason: 'coverage' });
      const twice = await send(
        [...host, ...(await draft(key, { body, headers: named('read') })), ['mcp-name', 'wipe']],
        body,
      );
      expect(twice.reason, 'a second one').to.equal('signature_mismatch');
    });

    it('the parameters of a signature have an order (15)', async () => {
      const body = call();
      const lines = await draft(key, { body });
      const swapped = lines.map(([name, value]) => [
        name,
        name === 'signature-input' ? value.replace(/(;created=\d+)(;expires=\d+)/, '$2$1') : value,
      ]) as unknown as Lines;
      expect(await send([...host, ...swapped], body)).to.include({ status: 401, reason: 'signature_mismatch' });
      expect(await send([...host, ...lines], body)).to.include({ status: 200 });
    });

    it('a proxy may give a signature another label (16)', async () => {
      const body = call();
      for (const label of ['a', 'mcp-etdi', '*x.y_z-1', 'l'.repeat(64)])
        expect(await verdict({ body, label })).to.equal(200);
      const lines = await draft(key, { body });
      const relabelled = lines.map(([name, value]) => [name, value.replace('sig1=', 'via-7=')]) as unknown as Lines;
      expect(await send([...host, ...relabelled], body)).to.include({ status: 200 });
    });

    describe('a signature that somebody added (17)', () => {
      const body = call();
      const fields = (lines: Lines): Lines => lines.filter(([name]) => name.startsWith('signature'));
      const added = async (by: SigningKey, label: string, more: Draft = {}): Promise<Lines> =>
        fields(await draft(by, { body, label, ...more }));

      it('takes nothing from the one that counts, before it or after it', async () => {
        const mine = await draft(key, { body });
        const foreign: Lines[] = [
          await added(stranger, 'a'),
          await added(stranger, 'a', { parameters: { keyid: key.keyId } }),
          await added(stranger, 'a', { parameters: { tag: 'other' } }),
          await added(stranger, 'a', { parameters: { created: 1, expires: 2 } }),
          await added(stranger, 'a', { components: [] }),
          [
            ['signature-input', 'a=("@nothing" "@method" "@method");created="x";tag="mcp-etdi"'],
            ['signature', 'a=:AA==:'],
          ],
        ];
        for (const [index, theirs] of foreign.entries()) {
          const fresh = async (): Promise<Lines> => draft(key, { body });
          expect(await send([...host, ...theirs, ...(await fresh())], body), `before ${index}`).to.include({
            status: 200,
          });
          const { status, body: proven } = await send([...host, ...(await fresh()), ...theirs], body);
          expect(status, `after ${index}`).to.equal(200);
          expect(JSON.parse(proven)).to.include({ keyId: key.keyId });
        }
        expect(await send([...host, ...mine], body)).to.include({ status: 200 });
      });

      it('gives nothing by itself, nor together with others', async () => {
        const content = json([digestOf(body)]);
        const theirs = await Promise.all(['a', 'b', 'c', 'd'].map((label) => added(stranger, label)));
        expect(await send([...host, ...content, ...theirs.flat()], body)).to.include({
          status: 401,
          reason: 'key_unknown',
        });
        const fifth = await added(key, 'e');
        expect(await send([...host, ...content, ...theirs.flat(), ...fifth], body)).to.include({
          status: 400,
          reason: 'too_many',
        });
      });

      it('does not make an outage of its key one of the signer', async () => {
        const down = await start({
          keys: [
            { owner, jwks: signer.jwks },
            { owner: 'https://other.example.com', jwksUri: 'https://other.example.com/jwks' },
          ],
          fetch: () => Promise.reject(new Error('down')),
        });
        const theirs = await added(stranger, 'a');
        expect(await down([...host, ...theirs, ...(await draft(key, { body }))], body)).to.include({ status: 200 });
        expect(await down([...host, ...json([digestOf(body)]), ...theirs], body), 'alone').to.include({ status: 503 });
      });
    });

    it('of copies that arrive at the same time one counts (18)', async () => {
      const replay = memoryReplay();
      const servers = [await start({ replay }), await start({ replay })];
      const body = call();
      const lines = [...host, ...(await draft(key, { body }))];
      const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => servers[index % 2]!(lines, body)));
      expect(answers.filter(({ status }) => status === 200)).to.have.lengthOf(1);
      expect(answers.filter(({ status }) => status === 401)).to.have.lengthOf(59);
    });

    it('the nonce of one signer is not used up by another (18)', async () => {
      const other = await fakeSigner();
      const both = await start({
        keys: [
          { owner, jwks: signer.jwks },
          { owner: 'https://other.example.com', jwks: other.jwks },
        ],
      });
      const body = call();
      const parameters = { nonce: 'n'.repeat(22) };
      for (const by of [key, await other.current()]) {
        const lines = [...host, ...(await draft(by, { body, parameters }))];
        expect(await both(lines, body)).to.include({ status: 200 });
        expect(await both(lines, body)).to.include({ status: 401, reason: 'replayed' });
      }
    });

    it('a signature has a beginning, an end and a nonce, and is of now (19)', async () => {
      const body = call();
      const now = Math.floor(Date.now() / 1000);
      const cases: [parameters: Draft['parameters'] & object, expected: unknown][] = [
        [{ created: now + 600, expires: now + 660 }, '401 future'],
        [{ created: now - 120, expires: now - 60 }, '401 stale'],
        [{ created: now - 400, expires: now + 60 }, '401 stale'],
        [{ created: now, expires: now + 3600 }, '401 lifetime'],
        [{ created: now + 10, expires: now + 5 }, '401 lifetime'],
        [{ created: -1, expires: 999_999_999_999_999 }, '401 stale'],
        [{ expires: undefined }, '401 parameters'],
        [{ created: undefined }, '401 parameters'],
        [{ nonce: undefined }, '401 parameters'],
        [{ keyid: undefined }, '401 parameters'],
        [{ nonce: 'short' }, '401 parameters'],
        [{ expires: String(now + 60) }, '400 parameter_invalid'],
        [{ nonce: 7 }, '400 parameter_invalid'],
      ];
      for (const [parameters, expected] of cases) {
        expect(await verdict({ body, parameters }), JSON.stringify(parameters)).to.equal(expected);
      }
    });

    it('a clock that tells no time lets nothing through (19)', async () => {
      const lost = await start({ now: () => new Date(NaN), replay: { claim: () => Promise.resolve(true) } });
      const body = call();
      expect(await lost([...host, ...(await draft(key, { body }))], body)).to.include({ status: 401 });
    });

    it('what a client or a proxy says of the host changes nothing (20)', async () => {
      const body = call();
      const spoofed: Lines = [
        ['host', 'evil.example'],
        ['host', 'mcp.example.com'],
        ['x-forwarded-host', 'evil.example'],
        ['x-forwarded-proto', 'http'],
        ['forwarded', 'host=evil.example;proto=http'],
        ['x-original-url', '/other'],
      ];
      expect(await send([...spoofed, ...(await draft(key, { body }))], body)).to.include({ status: 200 });
      const absolute: [target: string, expected: unknown][] = [
        ['https://mcp.example.com/mcp', 200],
        ['HTTPS://MCP.example.com:443/mcp', 200],
        ['http://mcp.example.com/mcp', 400],
        ['https://evil.example/mcp', 400],
        ['https://mcp.example.com@evil.example/mcp', 400],
        ['https://mcp.example.com.evil.example/mcp', 400],
        ['https://mcp.example.com:8443/mcp', 400],
      ];
      for (const [target, status] of absolute) {
        const answer = await send([...host, ...(await draft(key, { body }))], body, target);
        expect(answer.status, target).to.equal(status);
        if (status === 400) expect(answer.reason, target).to.equal('target_invalid');
      }
      const elsewhere = await draft(key, { body, target: 'https://mcp.example.com/mcp?tenant=b' });
      expect(await send([...host, ...elsewhere], body, '/mcp?tenant=a')).to.include({
        status: 401,
        reason: 'signature_mismatch',
      });
    });

    it('a rotation while a request is verified changes nothing for it (24)', async () => {
      const next = await fakeSigner();
      let published = signer.jwks;
      let verifying: (() => void) | undefined;
      const held = new Promise<void>((resolve) => (verifying = resolve));
      let release = (): void => undefined;
      const replay = memoryReplay();
      let time = Date.now();
      const rotating = await start({
        keys: [{ owner, jwksUri: 'https://agent.example.com/jwks' }],
        now: () => new Date(time),
        fetch: () => Promise.resolve(Response.json(published)),
        // The last step of a verification waits until another request has fetched the keys that follow.
        replay: {
          claim: async (...claim) => {
            if (verifying !== undefined) {
              verifying();
              verifying = undefined;
              await new Promise<void>((resolve) => (release = resolve));
            }
            return replay.claim(...claim);
          },
        },
      });
      const body = call();
      const signed = async (by: SigningKey): Promise<Lines> => {
        const created = Math.floor(time / 1000);
        return [...host, ...(await draft(by, { body, parameters: { created, expires: created + 60 } }))];
      };
      const underWay = rotating(await signed(key), body);
      await held;
      published = next.jwks;
      time += 31_000;
      expect(await rotating(await signed(await next.current()), body), 'the next key').to.include({ status: 200 });
      release();
      expect(await underWay, 'the former key, under way').to.include({ status: 200 });
      expect(await rotating(await signed(key), body), 'the former key, later').to.include({ status: 401 });
    });

    it('clocks may differ by the tolerance, and no more (24)', async () => {
      const time = Math.floor(Date.now() / 1000);
      const strict = await start({ clockTolerance: 0, now: () => new Date(time * 1000) });
      const wide = await start({ clockTolerance: 60, now: () => new Date(time * 1000) });
      const body = call();
      const at = async (created: number): Promise<Lines> => [
        ...host,
        ...(await draft(key, { body, parameters: { created: time + created, expires: time + created + 60 } })),
      ];
      for (const [by, created, status] of [
        [strict, 0, 200],
        [strict, 1, 401],
        [strict, -59, 200],
        [strict, -60, 401],
        [wide, 60, 200],
        [wide, 61, 401],
        [wide, -60, 401],
      ] as const) {
        expect(await by(await at(created), body), `${created}`).to.include({ status });
      }
    });

    it('a name beyond ASCII is compared as what it encodes, and signed as it is sent (30)', async () => {
      const name = 'Z\u00fcrich';
      const body = call(name);
      const named = (value: string): Lines => [...json([digestOf(body)]), ['mcp-name', value]];
      const encode = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
      expect(await verdict({ body, headers: named(encode(name)) })).to.equal(200);
      const wrong = [encode('wipe'), encode(name).replace('?=', 'x?='), '=?base64?!!!?=', '=?base64?/w==?=', 'Zurich'];
      for (const value of wrong) {
        expect(await verdict({ body, headers: named(value) }), value).to.equal('400 header_mismatch');
      }
      const swapped = (await draft(key, { body, headers: named(encode(name)) })).map(([one, value]) => [
        one,
        one === 'mcp-name' ? encode('wipe') : value,
      ]) as unknown as Lines;
      expect(await send([...host, ...swapped], body)).to.include({ status: 401, reason: 'signature_mismatch' });
      const literal = call(encode('wipe'));
      const headers: Lines = [...json([digestOf(literal)]), ['mcp-name', encode(encode('wipe'))]];
      expect(await verdict({ body: literal, headers }), 'a name that looks encoded').to.equal(200);
    });
  });
}
