import { expect } from 'chai';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createGzip, gunzipSync } from 'node:zlib';
import request from 'supertest';
import { Denial } from '../../../lib/denial.js';
import type { Hooks } from '../../../lib/middleware.js';
import type { OutgoingMessage } from '../../../lib/rpc.js';
import type { App, Framework, Io } from '../app.js';
import { call, check, denies, errorOf, hooked } from '../checks.js';
import { aWhile, connect, post, serve } from '../serve.js';

const INTERNAL = errorOf(null, 500, 'internal_error', 'Internal error');
const EVENTS = { 'Content-Type': 'text/event-stream' };
const JSON_TYPE = { 'Content-Type': 'application/json' };

const message = (text: string, id = 1): OutgoingMessage => ({ jsonrpc: '2.0', id, result: { text } });
const event = (value: unknown): string => `event: message\ndata: ${JSON.stringify(value)}\n\n`;

/** Marks every message, so that one which was not seen stands out. */
const marks: Hooks = { message: (_ctx, one) => ({ ...one, seen: true }) };
const keeps: Hooks = { message: (_ctx, one) => one };

/** Sends the text in pieces, and the text that must reach the client when nothing is rewritten. */
const sends =
  (head: Record<string, string>, ...pieces: readonly (string | Uint8Array)[]) =>
  ({ take }: Io): void => {
    const res = take().writeHead(200, head);
    for (const piece of pieces) res.write(piece);
    res.end();
  };

const bytewise = (text: string): Buffer[] => Array.from(Buffer.from(text), (byte) => Buffer.from([byte]));

export function describeMessageHooks({ build }: Framework): void {
  const appWith = (hooks: Hooks, handler: App['handler'], more: Partial<App> = {}): ReturnType<typeof build> =>
    build({
      mounts: [[{ onError: () => undefined }, hooked('hook', hooks)]],
      ...(handler === undefined ? {} : { handler }),
      ...more,
    });

  /** The body that a client gets, byte by byte. */
  async function bodyOf(app: ReturnType<typeof build>, method: 'post' | 'get' = 'post'): Promise<string> {
    const asked = method === 'get' ? request(app).get('/') : request(app).post('/');
    const answer = await asked.buffer(true).parse((res, done) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => {
        done(null, Buffer.concat(chunks).toString());
      });
    });
    return answer.body as string;
  }

  describe('message hooks and JSON', () => {
    it('rewrite what the framework sends', async () => {
      const app = appWith(marks, ({ json }) => {
        json(message('caf\u00e9 \u{1f600}'));
      });
      const answer = await request(app)
        .post('/')
        .expect(200, { ...message('caf\u00e9 \u{1f600}'), seen: true });
      expect(answer.headers['content-length']).to.equal(
        String(Buffer.byteLength(JSON.stringify({ ...(answer.body as object) }))),
      );
    });

    it('rewrite what arrives in pieces, with and without a declared length', async () => {
      const text = JSON.stringify(message('\u20ac\u{1f600}'));
      for (const head of [JSON_TYPE, { ...JSON_TYPE, 'Content-Length': String(Buffer.byteLength(text)) }]) {
        await request(appWith(marks, sends(head, ...bytewise(text))))
          .post('/')
          .expect(200, { ...message('\u20ac\u{1f600}'), seen: true });
      }
    });

    it('rewrite a streamed body', async () => {
      const app = appWith(marks, ({ pipe }) => {
        pipe(Readable.from(bytewise(JSON.stringify(message('\u20ac')))), 'application/json');
      });
      await request(app)
        .post('/')
        .expect(200, { ...message('\u20ac'), seen: true });
    });

    it('rewrite strings in other encodings', async () => {
      const app = appWith(marks, ({ take }) => {
        const text = JSON.stringify(message('x'));
        const res = take().writeHead(200, JSON_TYPE);
        res.write(Buffer.from(text.slice(0, 5)).toString('base64'), 'base64');
        res.end(Buffer.from(text.slice(5)).toString('hex'), 'hex');
      });
      await request(app)
        .post('/')
        .expect(200, { ...message('x'), seen: true });
    });

    it('rewrite every message of a batch, and leave what is no object', async () => {
      const app = appWith(marks, ({ json }) => {
        json([message('a', 1), 7, null, message('b', 2)]);
      });
      await request(app)
        .post('/')
        .expect(200, [{ ...message('a', 1), seen: true }, 7, null, { ...message('b', 2), seen: true }]);
    });

    it('leave the bytes of what they do not change', async () => {
      const text = ' {"jsonrpc" : "2.0",\n"id":1.0, "result":{"a":1,"a":2}} ';
      expect(await bodyOf(appWith(keeps, sends(JSON_TYPE, text)))).to.equal(text);
    });

    it('drop the headers that describe the body as it was, and only then', async () => {
      const head = { ...JSON_TYPE, ETag: '"a"', 'Content-Digest': 'sha-256=:x:', 'Content-MD5': 'x' };
      const changed = await request(appWith(marks, sends(head, '{"id":1}')))
        .post('/')
        .expect(200);
      expect(changed.headers).to.not.have.any.keys('etag', 'content-digest', 'content-md5');
      const kept = await request(appWith(keeps, sends(head, '{"id":1}')))
        .post('/')
        .expect(200);
      expect(kept.headers).to.include({ etag: '"a"', 'content-digest': 'sha-256=:x:', 'content-md5': 'x' });
    });

    it('leave one framing of the body, whatever the handler declared', async () => {
      const head = { ...JSON_TYPE, 'Transfer-Encoding': 'chunked', Trailer: 'X-T' };
      for (const hooks of [marks, keeps, { ...marks, head: () => Promise.reject(new Error('x')) }]) {
        const wire = await connect(await serve(appWith(hooks, sends(head, '{"id":1}'))));
        wire.send(post(call(), { Connection: 'close' }));
        const received = await wire.untilClosed();
        expect(received)
          .to.match(/\r\nContent-Length: \d+\r\n/i)
          .and.not.match(/transfer-encoding|trailer/i);
      }
    });

    it('see JSON by any spelling of its type, on GET too', async () => {
      for (const type of [
        'application/json',
        'APPLICATION/JSON; charset=utf-8',
        ' application/json',
        'application/json;x=y',
      ]) {
        const app = appWith(marks, sends({ 'Content-Type': type }, '{"id":1}'));
        expect(await bodyOf(app), type).to.equal('{"id":1,"seen":true}');
        expect(await bodyOf(app, 'get'), type).to.equal('{"id":1,"seen":true}');
      }
    });

    it('leave other types alone', async () => {
      for (const type of ['text/plain', 'application/jsonl', 'application/problem+json', 'text/html']) {
        expect(await bodyOf(appWith(marks, sends({ 'Content-Type': type }, '{"id":1}'))), type).to.equal('{"id":1}');
      }
    });

    it('leave answers without a body alone', async () => {
      for (const status of [200, 202, 204, 304]) {
        const wire = await connect(
          await serve(appWith(marks, ({ take }) => void take().writeHead(status, JSON_TYPE).end())),
        );
        wire.send(post(call(), { Connection: 'close' }));
        expect(await wire.untilClosed()).to.match(new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\n\r\n(0\r\n\r\n)?$`));
      }
    });

    it('answer HEAD with a head alone', async () => {
      const wire = await connect(
        await serve(
          appWith(marks, ({ json }) => {
            json({ id: 1 });
          }),
        ),
      );
      wire.send('HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
      expect(await wire.untilClosed()).to.match(/^HTTP\/1\.1 200 [^{]*\r\n\r\n$/);
    });

    it('that take their time are waited for', async () => {
      const slow: Hooks = {
        message: async (_ctx, one) => {
          await aWhile();
          return { ...one, seen: true };
        },
      };
      await request(
        appWith(slow, ({ json }) => {
          json([{ id: 1 }, { id: 2 }]);
        }),
      )
        .post('/')
        .expect(200, [
          { id: 1, seen: true },
          { id: 2, seen: true },
        ]);
    });

    it('are asked in mounting order, of all mounts', async () => {
      const adds = (name: string): Hooks => ({
        message: (_ctx, one) => ({ ...one, by: [...((one['by'] ?? []) as string[]), name] }),
      });
      const mounts = [[hooked('a', adds('a')), hooked('b', adds('b'))], [check('x')], [hooked('c', adds('c'))]];
      await request(
        build({
          mounts,
          handler: ({ json }) => {
            json({ id: 1 });
          },
        }),
      )
        .post('/')
        .expect(200, { id: 1, by: ['a', 'b', 'c'] });
    });

    it('see denials too', async () => {
      const answer = await request(build({ mounts: [[hooked('hook', marks), denies()]] }))
        .post('/')
        .expect(403);
      expect(answer.body).to.include({ seen: true });
    });

    it('send nothing of JSON that cannot be read', async () => {
      for (const text of ['{"secret":1', 'secret', '\ufeff{"secret":1}', '{"secret":1}{']) {
        await request(appWith(keeps, sends(JSON_TYPE, text)))
          .post('/')
          .expect(500, INTERNAL);
      }
    });

    it('that fail, deny or return no message let nothing through', async () => {
      const bad: readonly (readonly [number, NonNullable<Hooks['message']>])[] = [
        [
          500,
          () => {
            throw new Error('x');
          },
        ],
        [500, () => Promise.reject(new Error('x'))],
        [500, () => undefined as never],
        [500, () => 'x' as never],
        [
          403,
          () => {
            throw new Denial(403, 'test_denied', 'Denied by a test');
          },
        ],
      ];
      for (const [status, hook] of bad) {
        const head = { ...JSON_TYPE, 'Mcp-Session-Id': 'secret', ETag: '"secret"' };
        const answer = await request(appWith({ message: hook }, sends(head, '{"secret":1}')))
          .post('/')
          .expect(status);
        expect(answer.text + JSON.stringify(answer.headers)).to.not.include('secret');
      }
    });

    it('do not mind a handler that uses its buffer again', async () => {
      const text = JSON.stringify(message('abc'));
      const app = appWith(marks, ({ take }) => {
        const res = take().writeHead(200, JSON_TYPE);
        const buffer = Buffer.alloc(8);
        const next = (at: number): void => {
          buffer.fill(' ');
          if (at >= text.length) res.end();
          else
            res.write(buffer.subarray(0, buffer.write(text.slice(at, at + 8))), () => {
              next(at + 8);
            });
        };
        next(0);
      });
      await request(app)
        .post('/')
        .expect(200, { ...message('abc'), seen: true });
    });

    it('call back when a handler asked for it', async () => {
      const called: string[] = [];
      const app = appWith(marks, ({ take }) => {
        const res = take().writeHead(200, JSON_TYPE);
        res.write('{"id"', () => called.push('write'));
        res.write(':1', 'utf8', () => called.push('write'));
        res.end('}', () => called.push('end'));
        res.end('x', () => called.push('again'));
      });
      await request(app).post('/').expect(200, { id: 1, seen: true });
      expect(called.sort()).to.deep.equal(['again', 'end', 'write', 'write']);
    });
  });

  describe('message hooks and event streams', () => {
    it('rewrite every event, wherever the stream is cut', async () => {
      const text = event(message('\u20ac', 1)) + event(message('\u{1f600}', 2));
      const wanted = event({ ...message('\u20ac', 1), seen: true }) + event({ ...message('\u{1f600}', 2), seen: true });
      expect(await bodyOf(appWith(marks, sends(EVENTS, text)))).to.equal(wanted);
      expect(await bodyOf(appWith(marks, sends(EVENTS, ...bytewise(text))))).to.equal(wanted);
      expect(await bodyOf(appWith(marks, sends(EVENTS, ...bytewise(text))), 'get')).to.equal(wanted);
      expect(await bodyOf(appWith(marks, ({ take }) => void take().writeHead(200, EVENTS).end(text)))).to.equal(wanted);
      const atOnce = ({ text: send }: Io): void => {
        send(text, 'text/event-stream');
      };
      expect(await bodyOf(appWith(marks, atOnce))).to.equal(wanted);
    });

    it('keep names, ids, delays and comments', async () => {
      const text = ': hello\n\nid: 7\nretry: 100\nevent: message\n: note\ndata: {"id":1}\n\nid: 8\ndata: \n\n';
      const wanted =
        ': hello\n\nid: 7\nretry: 100\nevent: message\n: note\ndata: {"id":1,"seen":true}\n\nid: 8\ndata: \n\n';
      expect(await bodyOf(appWith(marks, sends(EVENTS, text)))).to.equal(wanted);
    });

    it('read data of several lines, and lines that end in any way', async () => {
      for (const end of ['\n', '\r\n', '\r']) {
        const text = ['data: {"id":', 'data:1', 'data', 'data: }', 'id: 7', '', ''].join(end);
        const wanted = 'id: 7\ndata: {"id":1,"seen":true}\n\n';
        expect(
          await bodyOf(appWith(marks, sends(EVENTS, ...bytewise(text)))).then((all) => all.trim()),
          JSON.stringify(end),
        ).to.equal(wanted.trim());
      }
    });

    it('leave the bytes of events they do not change, and of those that are no messages', async () => {
      const text =
        'event: endpoint\r\ndata: /messages?x\r\n\r\ndata:  {"a" : 1 }\r\rdata: [1]\n\ndata: "x"\n\nfield\n\n\n\n:\n\n';
      expect(await bodyOf(appWith(keeps, sends(EVENTS, ...bytewise(text))))).to.equal(text);
      expect(await bodyOf(appWith(keeps, sends(EVENTS, text)))).to.equal(text);
    });

    it('rewrite every message of a batch', async () => {
      expect(await bodyOf(appWith(marks, sends(EVENTS, event([{ id: 1 }, 7, { id: 2 }]))))).to.equal(
        event([{ id: 1, seen: true }, 7, { id: 2, seen: true }]),
      );
    });

    it('rewrite an event that the stream ends in', async () => {
      expect(await bodyOf(appWith(marks, sends(EVENTS, 'data: {"id":1}\n')))).to.equal(
        'data: {"id":1,"seen":true}\n\n',
      );
    });

    it('send each event as soon as it is complete', async () => {
      let send: ((text: string) => void) | undefined;
      const wire = await connect(
        await serve(
          appWith(marks, ({ take }) => {
            const res = take().writeHead(200, EVENTS);
            send = (text) => void res.write(text);
            res.flushHeaders();
          }),
        ),
      );
      wire.send(post(call()));
      await wire.until('text/event-stream');
      send?.('data: {"id":1}\n\ndata: {"id"');
      expect(await wire.until('"seen":true')).to.not.include('"id"\n');
      send?.(':2}\r\n\r');
      await wire.until('{"id":2,"seen":true}');
      send?.('\n: ping\n\n');
      await wire.until(': ping\n\n');
    });

    it('keep the order of events, however long each takes', async () => {
      const uneven: Hooks = {
        message: async (_ctx, one) => {
          if (one['id'] === 1) await aWhile();
          return { ...one, seen: true };
        },
      };
      const events = [1, 2, 3].map((id) => event({ id }));
      expect(await bodyOf(appWith(uneven, sends(EVENTS, ...events)))).to.equal(
        [1, 2, 3].map((id) => event({ id, seen: true })).join(''),
      );
    });

    it('drop a length that was declared', async () => {
      const text = event({ id: 1 });
      const answer = await request(
        appWith(marks, sends({ ...EVENTS, 'Content-Length': String(text.length) }, text)),
      ).post('/');
      expect(answer.headers).to.not.have.property('content-length');
      expect(answer.text).to.equal(event({ id: 1, seen: true }));
    });

    it('cut the connection when they fail, before the event that they failed on', async () => {
      const fails: Hooks = {
        message: (_ctx, one) => {
          if (one['id'] === 2) throw new Error('x');
          return one;
        },
      };
      const app = appWith(fails, ({ take }) => {
        const res = take().writeHead(200, EVENTS);
        res.write(event({ id: 1 }));
        setTimeout(() => res.write(event({ id: 2, secret: true }) + event({ id: 3, secret: true })), 20);
        setTimeout(() => res.end(event({ id: 4, secret: true })), 60);
      });
      const wire = await connect(await serve(app));
      wire.send(post(call()));
      const received = await wire.untilClosed();
      expect(received)
        .to.include('{"id":1}')
        .and.not.include('secret')
        .and.not.match(/\r\n0\r\n\r\n$/);
    });

    it('slow down a handler that writes faster than they read', async () => {
      const slow: Hooks = { message: async (_ctx, one) => (await aWhile(), one) };
      const returned: boolean[] = [];
      let drained = 0;
      const app = appWith(slow, ({ take }) => {
        const res = take().writeHead(200, EVENTS);
        returned.push(res.write(event({ id: 1 })), res.write(event({ id: 2 })));
        res.on('drain', () => {
          drained += 1;
          if (drained === 1) res.end();
        });
      });
      expect(await bodyOf(app)).to.equal(event({ id: 1 }) + event({ id: 2 }));
      expect(returned).to.deep.equal([false, false]);
      expect(drained).to.be.at.least(1);
    });
  });

  describe('compression', () => {
    /** What a package that compresses does to a response. */
    function compress(_req: IncomingMessage, res: ServerResponse): void {
      const [writeHead, write, end] = [res.writeHead.bind(res), res.write.bind(res), res.end.bind(res)];
      const gzip = createGzip();
      gzip.on('data', (chunk: Buffer) => write(chunk));
      gzip.on('end', () => end());
      let begun = false;
      res.writeHead = ((status: number, headers: Record<string, string> = {}) => {
        begun = true;
        for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
        res.removeHeader('content-length');
        res.setHeader('content-encoding', 'gzip');
        return writeHead(status);
      }) as typeof res.writeHead;
      const begin = (): void => {
        if (!begun) res.writeHead(res.statusCode);
      };
      res.write = ((chunk: Buffer) => (begin(), gzip.write(chunk))) as typeof res.write;
      res.end = ((chunk?: Buffer) => (begin(), gzip.end(chunk), res)) as typeof res.end;
    }

    const raw = async (app: ReturnType<typeof build>): Promise<{ head: string; body: Buffer }> => {
      const wire = await connect(await serve(app));
      wire.send(`POST / HTTP/1.0\r\nHost: h\r\n\r\n`);
      const [head = '', body = ''] = (await wire.untilClosed()).split(/\r\n\r\n(.*)/s);
      return { head, body: Buffer.from(body, 'latin1') };
    };

    it('works in front of the chain', async () => {
      const handlers = [sends(JSON_TYPE, '{"id"', ':1}'), sends(EVENTS, 'data: {"id"', ':1}\n\n')];
      for (const handler of handlers) {
        const { head, body } = await raw(appWith(marks, handler, { outside: compress }));
        expect(head)
          .to.match(/^HTTP\/1\.1 200 /)
          .and.match(/content-encoding: gzip/i);
        expect(gunzipSync(body).toString()).to.include('{"id":1,"seen":true}');
      }
    });

    it('behind the chain lets nothing through that should be rewritten', async () => {
      const errors: unknown[] = [];
      const mounts = [[{ onError: (error: unknown): void => void errors.push(error) }, hooked('hook', marks)]];
      const handler = sends(JSON_TYPE, '{"secret":1}');
      const { head, body } = await raw(build({ mounts, handler, inside: compress }));
      expect(head)
        .to.match(/^HTTP\/1\.1 500 /)
        .and.not.match(/content-encoding/i);
      expect(body.toString()).to.equal(JSON.stringify(INTERNAL));
      expect(String(errors[0])).to.match(/mount compression before/);
    });
  });

  describe('message hooks that do not see the messages of a response', () => {
    const sees = (answer: () => boolean, hooks = marks): Hooks => ({ ...hooks, seesMessages: answer });
    const list = JSON.stringify(message('one'));

    it('leave every byte as it is, of whatever kind', async () => {
      const app = (head: Record<string, string>, ...pieces: readonly string[]): ReturnType<typeof build> =>
        appWith(
          sees(() => false),
          sends(head, ...pieces),
        );
      expect(await bodyOf(app(JSON_TYPE, '{"a":', ' 1}'))).to.equal('{"a": 1}');
      expect(await bodyOf(app(JSON_TYPE, 'not JSON'))).to.equal('not JSON');
      expect(await bodyOf(app(EVENTS, event(message('one'))))).to.equal(event(message('one')));
      expect(await bodyOf(app({ ...JSON_TYPE, 'Content-Encoding': 'x' }, 'coded'))).to.equal('coded');
    });

    it('see them where another hook does, and are asked once', async () => {
      let asked = 0;
      const hooks = sees(() => (asked += 1) > 0);
      const mounts = [
        [
          hooked(
            'blind',
            sees(() => false, keeps),
          ),
          hooked('seeing', hooks),
        ],
      ];
      expect(await bodyOf(build({ mounts, handler: sends(JSON_TYPE, list) }))).to.contain('"seen":true');
      expect(asked).to.equal(1);
    });

    it('let nothing out when they cannot tell', async () => {
      const hooks = sees(() => {
        throw new Error('cannot tell');
      });
      for (const head of [JSON_TYPE, EVENTS]) {
        await request(appWith(hooks, sends(head, list)))
          .post('/')
          .expect(500, INTERNAL);
      }
    });
  });
}
