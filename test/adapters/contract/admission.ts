import { expect } from 'chai';
import request from 'supertest';
import type { RequestContext } from '../../../lib/context.js';
import { requires } from '../../../lib/chain.js';
import { Denial, Unavailable } from '../../../lib/denial.js';
import { contextOf } from '../../../lib/handOver.js';
import type { AnyMiddleware } from '../../../lib/middleware.js';
import type { App, Framework, Mount } from '../app.js';
import { call, check, denies, errorOf, failsWith, hooked, knowsCaller, readsMessages } from '../checks.js';
import { connect, serve } from '../serve.js';

export function describeAdmission({ build }: Framework): void {
  describe('admission', () => {
    it('lets a request through and shares its context with the handler', async () => {
      const app = build({
        mounts: [[knowsCaller()]],
        handler: ({ source, req, json }) => {
          json([contextOf(source, 'testCaller').state.testCaller.name, contextOf(req) === contextOf(source)]);
        },
      });
      await request(app).post('/').set('X-Caller', 'alice').expect(200, ['alice', true]);
    });

    it('shares one context between mounts, which `requires` relies on', async () => {
      const seen = new Set<RequestContext>();
      const looks = check('looks', (ctx) => {
        seen.add(ctx);
        return {};
      });
      const app = build({ mounts: [[knowsCaller(), looks], [requires('testCaller'), looks], [looks]] });
      await request(app).post('/').set('X-Caller', 'alice').expect(200);
      expect(seen.size).to.equal(1);
      expect([...seen][0]?.decisions.map(({ middleware }) => middleware)).to.deep.equal([
        'knowsCaller',
        'looks',
        'requires',
        'looks',
        'looks',
      ]);
    });

    it('gives each request an exchange of its own', async () => {
      const ids = new Set<string>();
      const app = build({ mounts: [[check('looks', ({ id }) => (ids.add(id), {}))]] });
      for (let count = 0; count < 3; count += 1) await request(app).get('/').expect(200);
      expect(ids.size).to.equal(3);
    });

    it('answers 401 with the challenge and a constant body', async () => {
      await request(build({ mounts: [[knowsCaller()]] }))
        .post('/')
        .send(call())
        .expect(401, errorOf(null, 401, 'test_caller_missing', 'Say who you are'))
        .expect('WWW-Authenticate', 'Test')
        .expect('Content-Type', /^application\/json/)
        .expect('Cache-Control', 'no-store')
        .expect('Content-Length', /^\d+$/);
    });

    it('answers a stranger before the body has arrived', async () => {
      const wire = await connect(await serve(build({ mounts: [[knowsCaller()]] })));
      wire.send(
        'POST / HTTP/1.1\r\nHost: mcp.example\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n',
      );
      const received = await wire.until('}}}');
      expect(received)
        .to.match(/^HTTP\/1\.1 401 /)
        .and.include('\r\nWWW-Authenticate: Test\r\n');
    });

    it('does not reach the handler of a denied request', async () => {
      let reached = false;
      const app = build({ mounts: [[denies()]], handler: () => void (reached = true) });
      await request(app).post('/').send(call()).expect(403);
      expect(reached).to.equal(false);
    });

    it('does not run what comes after a denial, in this mount or the next', async () => {
      const ran: string[] = [];
      const notes = (name: string): AnyMiddleware => check(name, () => (ran.push(name), {}));
      await request(build({ mounts: [[notes('a'), denies(), notes('b')], [notes('c')]] }))
        .post('/')
        .expect(403);
      expect(ran).to.deep.equal(['a']);
    });

    it('names the request in the answer once the body was read, and not before', async () => {
      const text = 'Denied by a test';
      const read = build({ mounts: [[denies({ reads: true })]] });
      for (const id of ['a7', 7, 0, '', -1.5]) {
        await request(read)
          .post('/')
          .send(call(id))
          .expect(403, errorOf(id, 403, 'test_denied', text));
      }
      for (const body of [
        [call(1), call(2)],
        { jsonrpc: '2.0', method: 'ping' },
        { jsonrpc: '2.0', id: 1, result: {} },
      ]) {
        await request(read)
          .post('/')
          .send(body)
          .expect(403, errorOf(null, 403, 'test_denied', text));
      }
      const unread = build({ mounts: [[denies()]] });
      await request(unread)
        .post('/')
        .send(call(7))
        .expect(403, errorOf(null, 403, 'test_denied', text));
    });

    it('answers 503 with Retry-After when something a check depends on is down', async () => {
      const down = new Unavailable('The key set cannot be reached', { retryAfter: 7, cause: new Error('10.0.0.1') });
      await request(build({ mounts: [[failsWith(down)]] }))
        .post('/')
        .expect(503, errorOf(null, 503, 'unavailable', 'The key set cannot be reached'))
        .expect('Retry-After', '7');
    });

    it('answers HEAD without a body', async () => {
      const wire = await connect(await serve(build({ mounts: [[denies()]] })));
      wire.send('HEAD / HTTP/1.1\r\nHost: mcp.example\r\nConnection: close\r\n\r\n');
      expect(await wire.untilClosed())
        .to.match(/^HTTP\/1\.1 403 /)
        .and.match(/\r\n\r\n$/);
    });
  });

  describe('policyDenials', () => {
    const answers = (options: Parameters<typeof denies>[0], mode?: 'http' | 'rpc'): ReturnType<typeof build> =>
      build({
        mounts: [[...(mode === undefined ? [] : [{ policyDenials: mode }]), denies({ reads: true, ...options })]],
      });
    const error = (id: unknown): object => errorOf(id, 403, 'test_denied', 'Denied by a test');

    it('answers a refusal that nothing can cure as a JSON-RPC error where that is asked for', async () => {
      await request(answers({ policy: true }, 'rpc'))
        .post('/')
        .send(call(7))
        .expect(200, error(7));
    });

    it('answers every request of a batch', async () => {
      const batch = [call(1), { jsonrpc: '2.0', method: 'notifications/x' }, call('b')];
      await request(answers({ policy: true }, 'rpc'))
        .post('/')
        .send(batch)
        .expect(200, [error(1), error('b')]);
      await request(answers({ policy: true }, 'rpc'))
        .post('/')
        .send([call(1)])
        .expect(200, [error(1)]);
    });

    it('keeps the HTTP status where nobody waits for an answer', async () => {
      const app = answers({ policy: true }, 'rpc');
      await request(app).post('/').send({ jsonrpc: '2.0', method: 'x' }).expect(403, error(null));
      await request(app).get('/').expect(403, error(null));
    });

    it('keeps the HTTP status of denials that can be cured', async () => {
      await request(answers({}, 'rpc')).post('/').send(call(7)).expect(403, error(7));
      const headers = { 'www-authenticate': 'Bearer error="insufficient_scope"' };
      await request(answers({ policy: true, headers }, 'rpc'))
        .post('/')
        .send(call(7))
        .expect(403, error(7));
    });

    it('keeps the HTTP status by default', async () => {
      await request(answers({ policy: true }))
        .post('/')
        .send(call(7))
        .expect(403, error(7));
      await request(answers({ policy: true }, 'http'))
        .post('/')
        .send(call(7))
        .expect(403, error(7));
    });

    it('takes the option of a later mount, and keeps that of an earlier one', async () => {
      const policy = denies({ reads: true, policy: true });
      const mounts: Mount[] = [[check('a')], [{ policyDenials: 'rpc' }, check('b')], [{ bodyLimit: 9999 }, policy]];
      await request(build({ mounts })).post('/').send(call(7)).expect(200, error(7));
    });
  });

  describe('slots', () => {
    const proves = (name: string, proven: object, more: Partial<AnyMiddleware> = {}): AnyMiddleware =>
      check(name, () => proven, { adds: ['testCaller'], ...more });
    const broken = async (mounts: readonly Mount[], text: RegExp): Promise<void> => {
      const errors: unknown[] = [];
      const [first = [], ...rest] = mounts;
      const app: App = { mounts: [[{ onError: (error: unknown) => errors.push(error) }, ...first], ...rest] };
      await request(build(app))
        .post('/')
        .expect(500, errorOf(null, 500, 'internal_error', 'Internal error'));
      expect(String(errors[0])).to.match(text);
      expect(errors).to.have.length(1);
    };

    it('are written once, across mounts too', async () => {
      await broken(
        [[proves('first', { testCaller: { name: 'a' } })], [proves('second', { testCaller: { name: 'b' } })]],
        /second would replace 'testCaller', which is already proven/,
      );
    });

    it('may be proven again by the very same fact', async () => {
      const fact = { testCaller: { name: 'a' } };
      await request(build({ mounts: [[proves('first', fact)], [proves('second', fact)]] }))
        .post('/')
        .expect(200);
    });

    it('cannot be changed afterwards', async () => {
      const fact = { name: 'a' };
      const changes = check('changes', (ctx) => {
        (ctx.state as { testCaller?: object }).testCaller = { name: 'b' };
        return {};
      });
      await broken([[proves('first', { testCaller: fact }), changes]], /Cannot assign to read only property/);
      expect(fact).to.be.frozen;
    });

    it('that are declared and not proven let nothing through', async () => {
      await broken([[proves('lazy', {})]], /lazy declared 'testCaller' but did not prove it/);
      await broken([[proves('lazy', { testCaller: undefined })]], /lazy declared 'testCaller'/);
    });

    it('that are not declared are not filed', async () => {
      const app = build({
        mounts: [[proves('sneaky', { testCaller: { name: 'a' }, testExtra: { name: 'b' } })]],
        handler: ({ source, json }) => {
          json(contextOf(source).state);
        },
      });
      await request(app)
        .post('/')
        .expect(200, { testCaller: { name: 'a' } });
    });

    it('that are optional are filed when proven', async () => {
      const app = build({
        mounts: [[proves('may', { testExtra: { name: 'b' } }, { adds: [], mayAdd: ['testExtra'] })]],
        handler: ({ source, json }) => {
          json(contextOf(source).state);
        },
      });
      await request(app)
        .post('/')
        .expect(200, { testExtra: { name: 'b' } });
    });

    it('that a later mount needs and nothing proved let nothing through', async () => {
      await broken([[requires('testCaller')]], /nothing mounted earlier proved 'testCaller'/);
    });

    it('that an earlier mount has read cannot be proven late', async () => {
      const reads = check('reader', undefined, { reads: ['testCaller'] });
      await broken(
        [[reads], [proves('late', { testCaller: { name: 'a' } })]],
        /late is mounted too late: reader reads 'testCaller', so mount late before it/,
      );
    });

    it('are not proven by a polluted prototype', async () => {
      const prototype = Object.prototype as { testCaller?: object };
      prototype.testCaller = { name: 'mallory' };
      try {
        await broken([[requires('testCaller')]], /nothing mounted earlier proved 'testCaller'/);
      } finally {
        delete prototype.testCaller;
      }
    });
  });

  describe('verdicts', () => {
    it('reach the `decided` hooks of earlier mounts, in order', async () => {
      const heard: string[] = [];
      const listens = hooked('listens', {
        decided: (_ctx, { middleware, effect }) => void heard.push(`${middleware} ${effect}`),
      });
      await request(
        build({
          mounts: [
            [listens, check('a')],
            [check('b'), denies()],
          ],
        }),
      )
        .post('/')
        .expect(403);
      expect(heard).to.deep.equal(['listens allow', 'a allow', 'b allow', 'denies deny']);
    });

    it('say what denied and why, without saying it to the client', async () => {
      const verdicts: unknown[] = [];
      const listens = hooked('listens', { decided: (_ctx, decision) => void verdicts.push(decision) });
      const cause = new Error('secret');
      await request(build({ mounts: [[listens, denies({ detail: { missing: ['x'] }, cause })]] }))
        .post('/')
        .expect(403, errorOf(null, 403, 'test_denied', 'Denied by a test'));
      const { ms, ...verdict } = verdicts[1] as { ms: number };
      expect(ms).to.be.at.least(0);
      expect(verdict).to.deep.equal({
        middleware: 'denies',
        effect: 'deny',
        status: 403,
        code: 'test_denied',
        detail: { missing: ['x'] },
        cause,
      });
    });

    it('that a hook cannot hear let nothing through', async () => {
      const deaf = hooked('deaf', {
        decided: (_ctx, { effect }) => {
          if (effect === 'allow') throw new Error('the disk is full');
        },
      });
      await request(build({ mounts: [[{ onError: () => undefined }, deaf]] }))
        .post('/')
        .expect(500);
    });

    it('are given before the `admitted` hooks, which may still deny', async () => {
      const order: string[] = [];
      const last = hooked('last', {
        admitted: async () => {
          await Promise.resolve();
          order.push('admitted');
          throw new Denial(403, 'test_denied', 'Denied at last');
        },
      });
      await request(build({ mounts: [[last, check('a', () => (order.push('a'), {}))]] }))
        .post('/')
        .expect(403, errorOf(null, 403, 'test_denied', 'Denied at last'));
      expect(order).to.deep.equal(['a', 'admitted']);
    });

    it('are followed by the `refused` hooks where one denied, and the answer waits for those', async () => {
      const order: string[] = [];
      const last = hooked('last', {
        decided: (_ctx, { effect }) => void order.push(effect),
        refused: async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          order.push('refused');
        },
      });
      const app = build({ mounts: [[last, denies()]] });
      await request(app).post('/').send(call()).expect(403);
      expect(order).to.deep.equal(['allow', 'deny', 'refused']);
      order.length = 0;
      await request(build({ mounts: [[last]] }))
        .post('/')
        .expect(200);
      expect(order).to.deep.equal(['allow']);
    });

    it('answers what a `refused` hook throws, in place of the denial', async () => {
      const codes: string[] = [];
      const last = hooked('last', {
        decided: (_ctx, decision) => {
          if (decision.effect === 'deny') codes.push(decision.code);
        },
        refused: () => Promise.reject(new Unavailable('The log is away')),
      });
      await request(build({ mounts: [[last, denies()]] }))
        .post('/')
        .send(call())
        .expect(503)
        .expect('Retry-After', '5');
      expect(codes).to.have.lengthOf(2);
      expect(codes[1]).to.equal('unavailable');
    });

    it('include the body of whoever reads it: messages are checked before a request is admitted', async () => {
      let admitted = false;
      const last = hooked('last', { admitted: () => void (admitted = true) });
      const reads = check('reads', async ({ request: { body } }) => (await body(), {}));
      await request(build({ mounts: [[last, reads]] }))
        .post('/')
        .type('json')
        .send('{"a":')
        .expect(400);
      expect(admitted).to.equal(false);
      await request(build({ mounts: [[last, readsMessages()]] }))
        .post('/')
        .send(call())
        .expect(200);
      expect(admitted).to.equal(true);
    });
  });
}
