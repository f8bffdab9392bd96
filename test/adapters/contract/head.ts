import { expect } from 'chai';
import { Readable } from 'node:stream';
import request from 'supertest';
import { Denial, Unavailable } from '../../../lib/denial.js';
import type { AnyMiddleware, Hooks } from '../../../lib/middleware.js';
import { answerOk, type App, type Framework, type Io } from '../app.js';
import { call, check, denies, errorOf, failsWith, hooked } from '../checks.js';
import { aWhile, connect, eventually, post, serve, type Wire } from '../serve.js';
import { withoutStandardError } from '../standardError.js';

const DENIED = errorOf(null, 403, 'test_denied', 'Denied by a test');
const denial = (): Denial => new Denial(403, 'test_denied', 'Denied by a test', { headers: { 'X-Denied': '1' } });

/** What a handler may do to a response. None of it may look different to a client because a hook listens. */
const behaviours: Readonly<Record<string, (io: Io) => void>> = {
  'json()': answerOk,
  'text with ETag': ({ text }) => {
    text('caf\u00e9', 'text/plain');
  },
  'an error status': ({ json }) => {
    json({ error: true }, 422);
  },
  'a piped stream': ({ pipe }) => {
    pipe(Readable.from(['a', 'b', '\u20ac']), 'text/plain');
  },
  'end()': ({ take }) => void start(take()).end(),
  'end(text)': ({ take }) => void start(take()).end('caf\u00e9'),
  'end(text, encoding)': ({ take }) => void start(take()).end('Y2Fmw6k=', 'base64'),
  'end(bytes, done)': ({ take }) => void start(take()).end(Buffer.from('x'), () => undefined),
  'end() twice': ({ take }) => void start(take()).end('x').end(),
  'status 204': ({ take }) => void start(take(), 204).end(),
  'status 204 with a body that must not be sent': ({ take }) => void start(take(), 204).end('x'),
  'status 304': ({ take }) => void start(take(), 304).setHeader('ETag', '"a"').end(),
  'a content length': ({ take }) => void start(take()).setHeader('Content-Length', 3).end('abc'),
  'write and end': ({ take }) => {
    const res = start(take());
    res.write('a');
    res.write(new Uint8Array([0xc3]));
    res.write(Buffer.from([0xa9]), () => undefined);
    res.end('b');
  },
  'writeHead(status)': ({ take }) => void take().writeHead(201).end('x'),
  'writeHead(status, reason)': ({ take }) => void take().writeHead(299, 'Fine').end('x'),
  'writeHead(status, headers)': ({ take }) =>
    void take()
      .writeHead(201, { 'X-A': '1', 'Set-Cookie': ['a', 'b'] })
      .end('x'),
  'writeHead(status, reason, headers)': ({ take }) => void take().writeHead(201, 'Made', { 'X-A': 1 }).end('x'),
  'writeHead(status, flat list)': ({ take }) =>
    void take()
      .writeHead(200, ['X-A', '1', 'X-B', ['c', 'd'] as never])
      .end('x'),
  'writeHead over setHeader': ({ take }) => {
    const res = start(take());
    res.setHeader('X-A', 'old');
    res.writeHead(200, { 'x-a': 'new' }).end('x');
  },
  'flushHeaders()': ({ take }) => {
    const res = start(take());
    res.flushHeaders();
    res.end('x');
  },
  trailers: ({ take }) => {
    const res = start(take()).setHeader('Trailer', 'X-T');
    res.write('a');
    res.addTrailers({ 'X-T': 'late' });
    res.end();
  },
};

/** Koa sets 404 before a handler has answered. */
function start(res: Io['res'], status = 200): Io['res'] {
  res.statusCode = status;
  return res;
}

/** One answer as it is on the wire. */
async function rawAnswer(
  build: Framework['build'],
  list: readonly AnyMiddleware[],
  handler: App['handler'],
  method = 'POST',
): Promise<string> {
  const wire = await connect(await serve(build({ mounts: [list], ...(handler === undefined ? {} : { handler }) })));
  wire.send(post(call(), { Connection: 'close' }).replace('POST', method));
  return (await wire.untilClosed()).replace(/Date: [^\r]*/, 'Date: -');
}

export function describeHeadHooks({ build }: Framework): void {
  const appWith = (hooks: Hooks, handler?: App['handler'], more: Partial<App> = {}): ReturnType<typeof build> =>
    build({
      mounts: [[{ onError: () => undefined }, hooked('hook', hooks)]],
      ...(handler === undefined ? {} : { handler }),
      ...more,
    });
  const connected = async (...args: Parameters<typeof appWith>): Promise<Wire> =>
    connect(await serve(appWith(...args)));

  describe('a handler behind hooks that change nothing', () => {
    const listeners: Readonly<Record<string, Hooks>> = {
      headers: { headers: () => ({}) },
      head: { head: () => undefined },
      'an asynchronous head': { head: aWhile },
      until: { until: () => undefined },
    };
    for (const [what, handler] of Object.entries(behaviours)) {
      it(`looks the same to a client: ${what}`, async () => {
        const plain = await rawAnswer(build, [check('plain')], handler);
        // Node allows no trailers on HEAD.
        const plainHead = what === 'trailers' ? '' : await rawAnswer(build, [check('plain')], handler, 'HEAD');
        expect(plain).to.match(/^HTTP\/1\.1 \d{3} /);
        for (const [kind, hooks] of Object.entries(listeners)) {
          expect(await rawAnswer(build, [hooked('hook', hooks)], handler), kind).to.equal(plain);
          if (plainHead === '') continue;
          expect(await rawAnswer(build, [hooked('hook', hooks)], handler, 'HEAD'), `HEAD, ${kind}`).to.equal(plainHead);
        }
      });
    }

    it('may name a header several times in the lists that Node takes', async () => {
      const lists: readonly (readonly unknown[])[] = [
        [['X-A', '1', 'Set-Cookie', 'a', 'Set-Cookie', 'b']],
        [
          'Fine',
          [
            ['X-A', '1'],
            ['Set-Cookie', 'a'],
            ['Set-Cookie', 'b'],
          ],
        ],
        [
          [
            ['X-A', '1'],
            ['Set-Cookie', ['a', 'b']],
          ],
        ],
      ];
      for (const list of lists) {
        const handler = ({ take }: Io): void => {
          const res = start(take()).setHeader('Set-Cookie', 'old');
          (res.writeHead as (this: Io['res'], ...args: unknown[]) => Io['res']).call(res, 200, ...list).end('x');
        };
        const answer = await request(appWith({ headers: () => ({}) }, handler))
          .post('/')
          .expect(200);
        expect(answer.headers).to.deep.include({ 'x-a': '1', 'set-cookie': ['a', 'b'] });
      }
    });

    it('gets the errors of Node for what a response does not take', async () => {
      const errors: string[] = [];
      const attempts: readonly ((res: Io['res']) => unknown)[] = [
        (res) => res.setHeader('X-A', 'a\nb'),
        (res) => res.writeHead(200, { 'X-A': 'a\r\nb' }),
        (res) => res.writeHead(200, { 'X A': 'a' }),
        (res) => res.writeHead(1000),
        (res) => res.write(5),
      ];
      const handler = ({ take }: Io): void => {
        const res = start(take());
        for (const attempt of attempts) {
          try {
            attempt(res);
          } catch (error) {
            errors.push((error as { code?: string }).code ?? String(error));
          }
        }
        res.end('x');
      };
      await request(build({ mounts: [[check('plain')]], handler }))
        .post('/')
        .expect(200);
      const byNode = errors.splice(0);
      expect(byNode).to.have.length(5);
      await request(appWith({ headers: () => ({}) }, handler))
        .post('/')
        .expect(200);
      expect(errors).to.have.length(5);
    });
  });

  describe('headers hooks', () => {
    const limit: Hooks = {
      headers: ({ decisions }) => ({ 'RateLimit-Policy': 'q=100', 'X-Decisions': String(decisions.length) }),
    };

    it('set headers on answers, denials and errors of every kind', async () => {
      const fails = (): never => {
        throw new Error('handler');
      };
      const answers: readonly (readonly [number, string, App])[] = [
        [200, '1', { mounts: [[hooked('a', limit)]] }],
        [404, '1', { mounts: [[hooked('a', limit)]] }],
        [500, '1', { mounts: [[hooked('a', limit)]], handler: fails }],
        [403, '2', { mounts: [[hooked('a', limit), denies()]] }],
        [500, '2', { mounts: [[{ onError: () => undefined }, hooked('a', limit), failsWith(new Error('x'))]] }],
        [503, '3', { mounts: [[check('first'), hooked('a', limit)], [failsWith(new Unavailable('Down'))]] }],
      ];
      for (const [status, decisions, app] of answers) {
        await request(build(app))
          .post(status === 404 ? '/missing' : '/')
          .expect(status)
          .expect('RateLimit-Policy', 'q=100')
          .expect('X-Decisions', decisions);
      }
    });

    it('set headers on all forms of writeHead, over those of the handler', async () => {
      const forms: readonly (readonly unknown[])[] = [
        [{ 'X-A': '1', 'x-decisions': 'forged' }],
        ['Fine', { 'X-A': '1', 'X-Decisions': 'forged' }],
        [['X-A', '1', 'X-Decisions', 'forged']],
        [
          'Fine',
          [
            ['X-A', '1'],
            ['X-Decisions', 'forged'],
          ],
        ],
      ];
      for (const form of forms) {
        const handler = ({ take }: Io): void => {
          const res = take();
          (res.writeHead as (this: Io['res'], ...args: unknown[]) => Io['res']).call(res, 200, ...form).end('x');
        };
        await request(appWith(limit, handler)).post('/').expect(200).expect('X-A', '1').expect('X-Decisions', '1');
      }
    });

    it('see what later mounts proved', async () => {
      const tells: Hooks = { headers: ({ state }) => ({ 'X-Caller': state.testCaller?.name ?? 'nobody' }) };
      const proves = check('proves', () => ({ testCaller: { name: 'alice' } }), { adds: ['testCaller'] });
      await request(build({ mounts: [[hooked('tells', tells)], [proves]] }))
        .post('/')
        .expect('X-Caller', 'alice');
      await request(build({ mounts: [[hooked('tells', tells)], [denies(), proves]] }))
        .post('/')
        .expect('X-Caller', 'nobody');
    });

    it('of later mounts count where an earlier mount listens already', async () => {
      const later = hooked('later', { headers: () => ({ 'X-Later': '1' }), head: () => undefined });
      await request(build({ mounts: [[hooked('a', limit)], [later]] }))
        .post('/')
        .expect(200)
        .expect('RateLimit-Policy', 'q=100')
        .expect('X-Later', '1');
    });

    it('that fail or would split the response are a constant 500', async () => {
      const bad: readonly (() => Record<string, string>)[] = [
        () => ({ 'X-A': 'a\r\nX-Evil: 1' }),
        () => ({ 'X-A\r\nX-Evil': '1' }),
        () => ({ 'X-A': undefined as never }),
        () => null as never,
        () => {
          throw new Error('secret');
        },
      ];
      for (const headers of bad) {
        const answer = await request(appWith({ headers })).post('/').expect(500);
        expect(answer.body).to.deep.equal(errorOf(null, 500, 'internal_error', 'Internal error'));
        expect(JSON.stringify(answer.headers)).to.not.match(/evil|secret/i);
      }
    });

    it('that fail do not cost the headers of others', async () => {
      const fails = hooked('fails', { headers: () => null as never });
      const lines = await withoutStandardError(async () => {
        await request(build({ mounts: [[{ onError: () => undefined }, fails, hooked('a', limit)]] }))
          .post('/')
          .expect(500)
          .expect('RateLimit-Policy', 'q=100');
      });
      expect(lines).to.have.length(1);
    });
  });

  describe('head hooks', () => {
    it('hold the response until they are done', async () => {
      let release: (() => void) | undefined;
      const wire = await connected({ head: () => new Promise((resolve) => (release = resolve)) });
      wire.send(post(call()));
      await eventually(() => release);
      await aWhile();
      expect(wire.received).to.equal('');
      release?.();
      expect(await wire.until('"ok":true')).to.match(/^HTTP\/1\.1 200 /);
    });

    it('see the status and the headers', async () => {
      const seen: unknown[] = [];
      const head: Hooks['head'] = (_ctx, status, headers) =>
        void seen.push(status, headers['mcp-session-id'], headers['x-hook']);
      const hooks: Hooks = { head, headers: () => ({ 'X-Hook': 'h' }) };
      await request(appWith(hooks, ({ take }) => void take().writeHead(201, { 'Mcp-Session-Id': 's' }).end()))
        .post('/')
        .expect(201);
      await request(appWith(hooks)).post('/missing').expect(404);
      expect(seen).to.deep.equal([201, 's', 'h', 404, undefined, 'h']);
    });

    it('are asked in order, each after the one before, of all mounts', async () => {
      const order: string[] = [];
      const slow = (name: string): AnyMiddleware =>
        hooked(name, {
          head: async () => {
            order.push(`${name} begins`);
            await aWhile();
            order.push(`${name} ends`);
          },
        });
      await request(build({ mounts: [[slow('a'), slow('b')], [slow('c')]] }))
        .post('/')
        .expect(200);
      expect(order).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    });

    for (const [when, head] of [
      [
        'at once',
        () => {
          throw denial();
        },
      ],
      [
        'later',
        async () => {
          await aWhile();
          throw denial();
        },
      ],
    ] as readonly (readonly [string, NonNullable<Hooks['head']>])[]) {
      it(`that deny ${when} replace whatever the handler answered`, async () => {
        const later = { onError: () => undefined };
        for (const [what, handler] of Object.entries(behaviours)) {
          const hooks = hooked('session', { head, headers: () => ({ 'X-Hook': 'h' }) });
          const outside = (_req: unknown, res: Io['res']): void =>
            void res.setHeader('Access-Control-Allow-Origin', '*');
          const answer = await request(build({ mounts: [[later, hooks]], handler, outside }))
            .post('/')
            .expect(403);
          expect(answer.body, what).to.deep.equal(DENIED);
          expect(answer.headers, what).to.include({
            'x-denied': '1',
            'x-hook': 'h',
            'access-control-allow-origin': '*',
          });
          expect(answer.headers, what).to.not.have.any.keys('set-cookie', 'x-a', 'etag', 'trailer');
        }
      });

      it(`that deny ${when} let nothing of the handler through`, async () => {
        const wire = await connected({ head }, ({ take }) => {
          const res = take();
          res.writeHead(200, 'Secret', { 'Mcp-Session-Id': 'secret', 'Content-Type': 'text/event-stream' });
          res.flushHeaders();
          res.write('data: secret\n\n');
          setTimeout(() => res.write('data: secret\n\n'), 5);
          setTimeout(() => res.end('data: secret\n\n'), 60);
        });
        wire.send(post(call()), post(call(), { Connection: 'close' }));
        const received = await wire.untilClosed();
        expect(received)
          .to.match(/^HTTP\/1\.1 403 Forbidden\r\n/)
          .and.not.match(/secret/i);
        expect(received.split('HTTP/1.1 403 Forbidden\r\n')).to.have.length(3);
      });
    }

    it('that fail are a constant 500, those of an outage 503', async () => {
      const failing = (error: Error): ReturnType<typeof build> => appWith({ head: () => Promise.reject(error) });
      await request(failing(new Error('x')))
        .post('/')
        .expect(500, errorOf(null, 500, 'internal_error', 'Internal error'));
      await request(failing(new Unavailable('The store is down')))
        .post('/')
        .expect(503)
        .expect('Retry-After', '5');
    });

    it('are asked about denials too, and recorded when they deny', async () => {
      const heard: string[] = [];
      const hooks: Hooks = {
        head: (_ctx, status) => {
          heard.push(`head ${status}`);
          throw new Unavailable('The store is down');
        },
        decided: (_ctx, { middleware, effect }) => void heard.push(`${middleware} ${effect}`),
      };
      await request(build({ mounts: [[hooked('hook', hooks), denies()]] }))
        .post('/')
        .expect(503);
      expect(heard).to.deep.equal(['hook allow', 'denies deny', 'head 403', 'hook deny']);
    });

    it('keep what is written meanwhile in order, and slow the writer down', async () => {
      let release: (() => void) | undefined;
      const returned: boolean[] = [];
      const events: string[] = [];
      const wire = await connected({ head: () => new Promise((resolve) => (release = resolve)) }, ({ take }) => {
        const res = start(take());
        res.on('drain', () => {
          events.push('drain');
          res.end('last');
        });
        for (const text of ['a', 'b', 'c']) returned.push(res.write(text, () => events.push(text)));
        events.push(String(res.headersSent));
      });
      wire.send(post(call(), { Connection: 'close' }));
      await eventually(() => release);
      expect(returned).to.deep.equal([false, false, false]);
      expect(events).to.deep.equal(['true']);
      release?.();
      const received = await wire.untilClosed();
      expect(received.replace(/\r\n(\d\r\n)?/g, '')).to.match(/abclast$/);
      expect(events).to.include.members(['a', 'b', 'c', 'drain']);
    });

    for (const [kind, hooks] of Object.entries({
      'behind a head hook': { head: aWhile },
      'behind a message hook': { message: (_ctx, message) => ({ ...message, seen: true }) },
    } satisfies Record<string, Hooks>)) {
      it(`wait for a client that reads slowly, ${kind}`, async () => {
        const piece = `data: {"text":"${'x'.repeat(256 * 1024)}"}\n\n`;
        const total = 60;
        let written = 0;
        const wire = await connected(hooks, ({ take }) => {
          const res = take().writeHead(200, { 'Content-Type': 'text/event-stream' });
          const more = (): void => {
            while (written < total) {
              written += 1;
              if (!res.write(piece)) {
                res.once('drain', more);
                return;
              }
            }
            res.end('data: {"text":"the end"}\n\n');
          };
          more();
        });
        wire.pause();
        wire.send(post(call(), { Connection: 'close' }));
        await eventually(() => written > 1);
        for (let count = 0; count < 5; count += 1) await aWhile();
        expect(written).to.be.below(total);
        wire.resume();
        const received = await wire.untilClosed();
        expect(received.match(/x{2,}/g)?.join('')).to.have.length(256 * 1024 * total);
        expect(received).to.include('the end');
      });
    }

    it('are waited for by headers that are flushed, which then go out alone', async () => {
      let release: (() => void) | undefined;
      let drained = 0;
      const head = (): Promise<void> => new Promise((resolve) => (release = resolve));
      const wire = await connected({ head }, ({ take }) => {
        const res = start(take());
        res.on('drain', () => (drained += 1));
        res.flushHeaders();
      });
      wire.send(post(call()));
      await eventually(() => release);
      await aWhile();
      expect(wire.received).to.equal('');
      release?.();
      expect(await wire.until('\r\n\r\n')).to.match(/^HTTP\/1\.1 200 /);
      expect(drained).to.equal(0);
    });

    it('leave a response in order whose head could not be written at first', async () => {
      const app = appWith({ head: () => undefined }, ({ take }) => {
        const res = take();
        res.statusCode = 99;
        expect(() => res.end('never')).to.throw(RangeError);
        start(res).setHeader('Content-Type', 'text/plain');
        res.write('a');
        res.end('b');
      });
      const answer = await request(app).post('/').expect(200);
      expect(answer.text).to.equal('ab');
    });

    it('let the framework go on as if the head were sent', async () => {
      const seen: unknown[] = [];
      const app = appWith({ head: aWhile }, ({ take }) => {
        const res = start(take()).setHeader('Content-Type', 'text/plain');
        seen.push(res.headersSent);
        res.write('x');
        seen.push(res.headersSent);
        try {
          res.writeHead(500);
        } catch (error) {
          seen.push((error as Error).message);
        }
        res.end();
      });
      const answer = await request(app).post('/').expect(200);
      expect(answer.text).to.equal('x');
      expect(seen).to.deep.equal([false, true, 'the response head was already written']);
    });
  });
}
