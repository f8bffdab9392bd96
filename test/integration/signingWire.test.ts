// Requests as no client library would send them, byte by byte.
import { expect } from 'chai';
import type { SigningKey } from '../../lib/keys/signer.js';
import { memoryReplay, type VerifySignatureOptions } from '../../lib/index.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { aWhile, closeServers, connect, eventually, serve, type Wire } from '../adapters/serve.js';
import { call, digestOf, draft, judge, owner, type Draft, type Lines } from './signingRequests.js';

const host: Lines = [['host', 'mcp.example.com']];
const OK = /^HTTP\/1\.1 200 /;

for (const framework of ['Express 5', 'Koa 3']) {
  describe(`signed requests on the wire to ${framework}`, () => {
    let signer: FakeSigner;
    let key: SigningKey;
    let port: number;
    let reasons: unknown[];

    const start = async (options: Partial<VerifySignatureOptions> = {}): Promise<void> => {
      const made = judge(framework, signer, options);
      reasons = made.reasons;
      port = await serve(made.listener);
    };
    const head = (line: string, lines: Lines): string =>
      `${line}\r\n${lines.map((one) => `${one.join(': ')}\r\n`).join('')}\r\n`;
    const length = (body: string): Lines => [['content-length', String(Buffer.byteLength(body))]];
    /** Sends one request by itself, and gives the status and why it was denied. */
    const exchange = async (line: string, lines: Lines, content = ''): Promise<string> => {
      const wire = await connect(port);
      reasons.length = 0;
      wire.send(Buffer.from(head(line, [...lines, ['connection', 'close']]) + content, 'latin1'));
      const received = await wire.untilClosed();
      return [received.slice(9, 12), ...reasons].join(' ');
    };
    const post = async (given: Draft & { readonly body: string }, target = '/mcp'): Promise<string> =>
      exchange(`POST ${target} HTTP/1.1`, [...host, ...(await draft(key, given)), ...length(given.body)], given.body);
    const open = async (...sent: readonly string[]): Promise<Wire> => {
      const wire = await connect(port);
      wire.send(...sent);
      return wire;
    };

    before(async () => {
      signer = await fakeSigner();
      key = await signer.current();
    });

    beforeEach(() => start());
    afterEach(closeServers);

    it('with every method are proven by the method they were signed with', async () => {
      for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
        const line = `${method} /mcp HTTP/1.1`;
        expect(await exchange(line, [...host, ...(await draft(key, { method }))]), method).to.equal('200');
        expect(await exchange(line, host), `${method} unsigned`).to.equal('401 missing');
        const other = method === 'GET' ? 'HEAD' : 'GET';
        const lines = [...host, ...(await draft(key, { method: other }))];
        expect(await exchange(line, lines), `${method} signed as ${other}`).to.equal('401 signature_mismatch');
      }
      const lower = await draft(key, { method: 'get', components: PROFILE.slice(0, 2) });
      expect(await exchange('get /mcp HTTP/1.1', [...host, ...lower])).to.equal('400');
    });

    it('must cover content wherever there is some', async () => {
      const body = call();
      const bare = await draft(key, { method: 'GET' });
      const chunked: Lines = [['transfer-encoding', 'chunked']];
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      for (const [lines, content] of [
        [length(body), body],
        [chunked, chunks],
        [chunked, '0\r\n\r\n'],
      ] as const) {
        expect(await exchange('GET /mcp HTTP/1.1', [...host, ...bare, ...lines], content)).to.equal('401 coverage');
      }
      expect(await exchange('GET /mcp HTTP/1.1', [...host, ...bare, ['content-length', '0']])).to.equal('200');
      const covers = [...host, ...(await draft(key, { method: 'GET', body, components: PROFILE })), ...length(body)];
      expect(await exchange('GET /mcp HTTP/1.1', covers, body)).to.equal('400 content_unexpected');
      const empty = [...host, ...(await draft(key, { components: PROFILE.slice(0, 2) })), ['content-length', '0']];
      expect(await exchange('POST /mcp HTTP/1.1', empty as Lines), 'POST of nothing').to.equal('401 coverage');
    });

    it('of nothing in a POST are verified, and then no message', async () => {
      expect(await post({ body: '' })).to.equal('400 json_malformed');
    });

    it('may arrive in chunks, whose trailers do not count', async () => {
      const body = call();
      const cut = 20;
      const pieces = [body.slice(0, cut), body.slice(cut)].map((one) => `${one.length.toString(16)};x=1\r\n${one}\r\n`);
      const chunked: Lines = [['transfer-encoding', 'chunked']];
      const line = 'POST /mcp HTTP/1.1';
      const lines = [...host, ...(await draft(key, { body })), ...chunked];
      expect(await exchange(line, lines, `${pieces.join('')}0\r\nContent-Digest: ${digestOf('x')}\r\n\r\n`)).to.equal(
        '200',
      );
      const moved = (await draft(key, { body })).filter(([name]) => name !== 'content-digest');
      const trailers = `${pieces.join('')}0\r\nContent-Digest: ${digestOf(body)}\r\n\r\n`;
      expect(await exchange(line, [...host, ...moved, ...chunked], trailers)).to.equal('401 component_missing');
    });

    it('belong to the path of the resource as it is written', async () => {
      const body = call();
      expect(await post({ body })).to.equal('200');
      const paths = [
        '/mcp/',
        '/mcp/x',
        '/MCP',
        '/m%63p',
        '/%6Dcp',
        '//mcp',
        '/./mcp',
        '/x/../mcp',
        '/mcp/.',
        '/mcp;a',
        '/mcp%2F',
        '/',
      ];
      const through = new Set<string>();
      for (const path of paths) {
        // Signed for the resource, and signed for what it is sent to. Not every framework lets it come this far.
        for (const target of ['/mcp', path]) through.add(await post({ body, target }, path));
      }
      expect([...through].filter((one) => one !== '404')).to.deep.equal(['400 target_mismatch']);
    });

    it('belong to the query as it is written', async () => {
      const body = call();
      for (const query of ['?', '?a', '?a=%41', '?a=1&a=2', '??', '?a=/../', '?__proto__=1']) {
        expect(await post({ body, target: `/mcp${query}` }, `/mcp${query}`), query).to.equal('200');
      }
      for (const [signed, sent] of [
        ['', '?'],
        ['?', ''],
        ['?a=%41', '?a=A'],
        ['?a=b&c=d', '?c=d&a=b'],
        ['?a=+', '?a=%20'],
        ['', '?access_token=x'],
      ]) {
        const answer = await post({ body, target: `/mcp${signed ?? ''}` }, `/mcp${sent ?? ''}`);
        expect(answer, `${String(signed)} as ${String(sent)}`).to.equal('401 signature_mismatch');
      }
    });

    it('may ask for the server as a whole where that is the resource', async () => {
      const lines = [...host, ...(await draft(key, { method: 'OPTIONS', target: '*' }))];
      expect(await exchange('OPTIONS * HTTP/1.1', lines)).to.match(/^(400 target_mismatch|404)$/);
    });

    it('may come from a client of HTTP/1.0, with a Host or without', async () => {
      const body = call();
      for (const hosts of [host, [], [['host', 'evil.example']]] as Lines[]) {
        const lines = [...hosts, ...(await draft(key, { body })), ...length(body)];
        expect(await exchange('POST /mcp HTTP/1.0', lines, body)).to.equal('200');
        expect(await exchange('POST /mcp HTTP/1.0', lines, body), 'again').to.equal('401 replayed');
      }
    });

    it('may wait for a go-ahead before their body', async () => {
      const body = call();
      const lines = [...host, ...(await draft(key, { body })), ...length(body), ['expect', '100-continue']] as Lines;
      const wire = await open(head('POST /mcp HTTP/1.1', lines));
      await wire.until('100 Continue');
      wire.send(body);
      await wire.until(/HTTP\/1\.1 200 /);
    });

    it('are answered before their body arrives unless a trusted key has signed', async () => {
      const body = call();
      const mine = await draft(key, { body });
      const stranger = await (await fakeSigner()).current();
      const forged = await draft(stranger, { body, parameters: { keyid: key.keyId } });
      const broken = mine.map(([name, value]) => [name, value.replace('expires=1', 'expires=2')]) as unknown as Lines;
      for (const lines of [[], forged, broken, await draft(stranger, { body })]) {
        const wire = await open(head('POST /mcp HTTP/1.1', [...host, ...lines, ...length(body)]));
        expect(await wire.until('}}}')).to.match(/^HTTP\/1\.1 401 /);
      }
      const waiting = await open(head('POST /mcp HTTP/1.1', [...host, ...mine, ...length(body)]));
      await aWhile();
      expect(waiting.received).to.equal('');
      waiting.send(body);
      await waiting.until(OK);
    });

    it('are not of now any more when their body is long in coming, and use up no nonce', async () => {
      let time = Date.now();
      const claimed: string[] = [];
      const kept = memoryReplay();
      const replay = { claim: (one: string, until: Date) => (claimed.push(one), kept.claim(one, until)) };
      await start({ now: () => new Date(time), replay });
      const body = call();
      const request = head('POST /mcp HTTP/1.1', [...host, ...(await draft(key, { body })), ...length(body)]);
      const wire = await open(request, body.slice(0, 5));
      await aWhile();
      time += 59_000;
      const inTime = await open(request, body);
      await inTime.until(OK);
      time += 2_000;
      wire.send(body.slice(5));
      expect(await wire.until('}}}')).to.match(/^HTTP\/1\.1 401 /);
      expect(reasons).to.deep.equal(['stale']);
      expect(claimed).to.have.lengthOf(1);
    });

    it('count once when they are sent again on the same connection, without waiting', async () => {
      const body = call();
      const request = head('POST /mcp HTTP/1.1', [...host, ...(await draft(key, { body })), ...length(body)]) + body;
      const wire = await open(request.repeat(5));
      await wire.until((all) => all.split('HTTP/1.1 ').length === 6);
      expect(wire.received.match(/HTTP\/1\.1 \d+/g)).to.deep.equal([
        'HTTP/1.1 200',
        ...Array<string>(4).fill('HTTP/1.1 401'),
      ]);
    });

    it('whose client goes away use up no nonce', async () => {
      const claimed: string[] = [];
      await start({ replay: { claim: (one) => Promise.resolve(claimed.push(one) > 0) } });
      const body = call();
      const request = head('POST /mcp HTTP/1.1', [...host, ...(await draft(key, { body })), ...length(body)]);
      const wire = await open(request, body.slice(0, 5));
      await aWhile();
      wire.destroy();
      await eventually(() => reasons.length > 0);
      expect(reasons).to.deep.equal(['body_incomplete']);
      expect(claimed).to.deep.equal([]);
    });

    describe('with header lines that somebody added or doubled', () => {
      const body = call();
      const line = 'POST /mcp HTTP/1.1';
      const withMore = async (more: Lines, given: Draft = { body }): Promise<string> =>
        exchange(line, [...host, ...(await draft(key, given)), ...more, ...length(body)], body);
      const content: Lines = [
        ['content-type', 'application/json'],
        ['content-digest', digestOf(body)],
      ];

      it('are not what was signed', async () => {
        for (const [name, value] of [
          ['authorization', 'Bearer stolen'],
          ['dpop', 'proof'],
          ['mcp-protocol-version', '2026-07-28'],
          ['mcp-method', 'tools/call'],
          ['mcp-name', 'read'],
          ['mcp-param-x', ''],
          ['MCP-Session-Id', 's'],
          ['last-event-id', '1'],
        ] as const) {
          expect(await withMore([[name, value]]), name).to.equal('401 coverage');
        }
        expect(await withMore([['content-type', 'application/json']])).to.equal('401 signature_mismatch');
        expect(await withMore([['content-digest', digestOf(body)]])).to.equal('401 signature_mismatch');
        const named: Draft = { body, headers: [...content, ['authorization', 'Bearer mine']] };
        expect(await withMore([], named)).to.equal('200');
        expect(await withMore([['Authorization', 'Bearer stolen']], named)).to.equal('401 signature_mismatch');
      });

      it('are what was signed where the profile leaves them out', async () => {
        expect(
          await withMore([
            ['accept', '*/*'],
            ['x-request-id', '1'],
            ['traceparent', '00-1'],
          ]),
        ).to.equal('200');
      });

      it('are malformed when it is a signature that is doubled', async () => {
        const lines = await draft(key, { body });
        const [input, signature] = lines.slice(-2);
        for (const doubled of [[input!], [signature!], [input!, signature!]]) {
          expect(await exchange(line, [...host, ...lines, ...doubled, ...length(body)], body)).to.equal(
            '400 malformed',
          );
        }
      });

      it('are denied when a covered one is not ASCII, and not otherwise', async () => {
        const headers: Lines = [...content, ['mcp-param-city', 'Zurich']];
        const lines = await draft(key, { body, headers });
        const changed = lines.map(([name, value]) => [
          name,
          value.replace('Zurich', 'Z\u00fcrich'),
        ]) as unknown as Lines;
        const answer = await exchange(line, [...host, ...changed, ...length(body)], body);
        expect(answer).to.equal('401 component_unprintable');
        expect(await withMore([['x-city', 'Z\u00fcrich']])).to.equal('200');
        const odd = lines.map(([name, value]) => [
          name,
          name === 'signature-input' ? `${value};x="\u00fc"` : value,
        ]) as unknown as Lines;
        expect(await exchange(line, [...host, ...odd, ...length(body)], body)).to.equal('400 malformed');
      });

      it('are denied when a line goes on in the next one', async () => {
        const lines = await draft(key, { body, headers: [...content, ['mcp-param-a', 'b c']] });
        const folded = lines.map(([name, value]) => [name, value.replace('b c', 'b\r\n c')]) as unknown as Lines;
        expect(await exchange(line, [...host, ...folded, ...length(body)], body)).to.match(/^400/);
      });

      it('are malformed when there is more than any signature takes', async () => {
        const huge: Lines = [
          ['signature-input', `sig1=("@method" ${'"x" '.repeat(3000)});tag="mcp-etdi"`],
          ['signature', 'sig1=:AA==:'],
        ];
        expect(await exchange(line, [...host, ...huge, ...length(body)], body)).to.equal('400 malformed');
        const many: Lines = [
          [
            'signature-input',
            `sig1=(${Array.from({ length: 40 }, (_, index) => `"x-${index}"`).join(' ')});tag="mcp-etdi"`,
          ],
          ['signature', 'sig1=:AA==:'],
        ];
        expect(await exchange(line, [...host, ...many, ...length(body)], body)).to.equal('400 too_many');
        const lines = Array.from({ length: 400 }, (_, index) => ['Signature', `s${index}=:AA==:`] as const);
        expect(await exchange(line, [...host, ...lines, ...length(body)], body)).to.equal('400 malformed');
      });

      it('are asked for again with no more than a signature can cover', async () => {
        const more = Array.from({ length: 500 }, (_, index) => [`mcp-param-${index}`, '1'] as const);
        const wire = await open(head(line, [...host, ...more, ...length(body)]), body);
        const [, asked = ''] = /accept-signature: (.*)\r\n/i.exec(await wire.until('}}}')) ?? [];
        expect(asked).to.match(
          /^sig1=\("@method" "@target-uri" "content-type" "content-digest" "mcp-param-0" .*\);created;expires;tag="mcp-etdi"$/,
        );
        expect(asked.match(/" "/g)).to.have.lengthOf(31);
      });
    });

    it('of a signer whose keys are published are denied for unknown keys without a fetch for each', async () => {
      let fetched = 0;
      await start({
        keys: [{ owner, jwksUri: 'https://agent.example.com/jwks' }],
        fetch: () => ((fetched += 1), Promise.resolve(Response.json(signer.jwks))),
      });
      const body = call();
      for (let turn = 0; turn < 20; turn += 1) {
        const parameters = { keyid: Buffer.alloc(32, turn).toString('base64url') };
        expect(await post({ body, parameters })).to.equal('401 key_unknown');
      }
      expect(await post({ body })).to.equal('200');
      expect(fetched).to.be.lessThan(3);
    });
  });
}

const PROFILE = ['@method', '@target-uri', 'content-type', 'content-digest'];
