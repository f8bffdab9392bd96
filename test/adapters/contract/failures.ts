import { expect } from 'chai';
import request from 'supertest';
import { Denial, Unavailable } from '../../../lib/denial.js';
import type { AnyMiddleware } from '../../../lib/middleware.js';
import type { Framework } from '../app.js';
import { call, check, errorOf, failsWith, hooked, readsMessages } from '../checks.js';
import { aWhile, connect, post, serve } from '../serve.js';
import { withoutStandardError } from '../standardError.js';

const INTERNAL = errorOf(null, 500, 'internal_error', 'Internal error');

const withoutPrototype = (): unknown => Object.assign(Object.create(null) as object, { message: 'secret' });
const trap = (): unknown => ({
  get message() {
    throw new Error('secret getter');
  },
  get status() {
    throw new Error('secret getter');
  },
});
const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const stackTrap = (): Error =>
  Object.defineProperty(new Error('secret'), 'stack', {
    get() {
      throw new Error('secret stack');
    },
  });
const lookalike = { name: 'Denial', status: 418, code: 'secret', message: 'secret', headers: { 'X-Secret': '1' } };

const thrown: Readonly<Record<string, () => unknown>> = {
  'an error': () => new Error('secret'),
  'a type error': () => new TypeError('secret'),
  'an error with a status': () => Object.assign(new Error('secret'), { status: 200, expose: true }),
  'a string': () => 'secret',
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('secret'),
  'an object without a prototype': withoutPrototype,
  'an object whose getters throw': trap,
  'an error whose stack throws': stackTrap,
  'a revoked proxy': revoked,
  'something that looks like a denial': () => lookalike,
  'a denial with a status that is none': () => new Denial(200 as never, 'test_denied', 'secret'),
  'a denial with a header that splits the response': () =>
    new Denial(403, 'test_denied', 'secret', { headers: { 'X-A': 'a\r\nX-Evil: 1' } }),
  'a denial with a header name that splits the response': () =>
    new Denial(403, 'test_denied', 'secret', { headers: { 'X-A\r\nX-Evil': '1' } }),
};

const returned: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  'a string': 'secret',
  true: true,
  'an array': [],
  'an object whose slot throws': {
    get testCaller() {
      throw new Error('secret');
    },
  },
};

export function describeFailures({ build }: Framework): void {
  describe('failures', () => {
    const silent = { onError: (): void => undefined };

    async function expectConstant500(...list: readonly AnyMiddleware[]): Promise<void> {
      let handled = false;
      const app = build({ mounts: [[silent, ...list]], handler: () => void (handled = true) });
      const answer = await request(app).post('/').send(call()).expect(500);
      expect(answer.text).to.equal(JSON.stringify(INTERNAL));
      expect(JSON.stringify(answer.headers))
        .to.match(/application\/json/)
        .and.not.match(/secret|evil/i);
      expect(handled).to.equal(false);
    }

    for (const [what, make] of Object.entries(thrown)) {
      it(`answer a constant 500 when a middleware throws ${what}`, async () => {
        await expectConstant500(failsWith(make()));
      });

      it(`answer a constant 500 when a middleware rejects with ${what}`, async () => {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what must be survived
        await expectConstant500(check('rejects', () => Promise.reject(make())));
      });
    }

    for (const [what, value] of Object.entries(returned)) {
      it(`answer a constant 500 when a middleware returns ${what}`, async () => {
        await expectConstant500(check('returns', () => value as object, { adds: ['testCaller'] }));
        await expectConstant500(check('returns', () => Promise.resolve(value as object), { adds: ['testCaller'] }));
      });
    }

    it('are told to `onError`, with the context', async () => {
      const error = new Error('the database is down');
      const told: unknown[] = [];
      const onError = (what: unknown, { id }: { id: string }): void => void told.push(what, id);
      const app = build({ mounts: [[{ onError, newId: () => 'request-7' }, failsWith(error)]] });
      await request(app).post('/').expect(500);
      expect(told).to.deep.equal([error, 'request-7']);
    });

    it('are told to nobody when they are denials', async () => {
      const told: unknown[] = [];
      const onError = (error: unknown): void => void told.push(error);
      for (const error of [new Denial(403, 'test_denied', 'Denied by a test'), new Unavailable('Down')]) {
        await request(build({ mounts: [[{ onError }, failsWith(error)]] }))
          .post('/')
          .expect(error.status);
      }
      expect(told).to.deep.equal([]);
    });

    it('do not depend on what `onError`, `newId` and the hooks do', async () => {
      const explode = (): never => {
        throw new Error('exploded');
      };
      // TypeScript takes a function that returns a promise for one that returns nothing.
      const implode = (() => Promise.reject(new Error('imploded'))) as () => never;
      const lines = await withoutStandardError(async () => {
        for (const fail of [explode, implode]) {
          const hooks = hooked('bad', { settled: fail });
          const hears = hooked('hears', {
            decided: (_ctx, { effect }) => (effect === 'deny' ? fail() : undefined),
          });
          const options = { onError: fail, newId: explode };
          const app = build({ mounts: [[options, hooks, hears, failsWith(new Error('x'))]] });
          await request(app).post('/').expect(500, INTERNAL);
          await aWhile();
        }
      });
      expect(lines.join('').match(/ploded/g)).to.have.length.of.at.least(7);
    });

    it('are one escaped line on standard error by default', async () => {
      const cause = new Error('the cause');
      const lines = await withoutStandardError(async () => {
        const error = new Error('a\nforged\u2028line\u001b[31m', { cause });
        await request(build({ mounts: [[failsWith(error)]] }))
          .post('/')
          .expect(500, INTERNAL);
      });
      expect(lines).to.have.length(1);
      expect(lines[0]).to.match(/^\{"source":"mcp-etdi","request":"[-0-9a-f]{36}","error":"[\x20-\x7e]+"\}\n$/);
      expect(lines[0]).to.include('a\\nforged\\u2028line\\u001b[31m').and.include('caused by: Error: the cause');
    });

    it('leave the process and the connection alive', async () => {
      const fails = check('fails', ({ request: { target } }) => {
        if (target === '/fail') throw new Error('x');
        return {};
      });
      const wire = await connect(await serve(build({ mounts: [[silent, fails]] })));
      for (let count = 1; count <= 3; count += 1) {
        wire.send(post(call(), {}, '/fail'), post(call()));
        await wire.until((all) => all.split('"ok":true').length > count);
      }
      expect(wire.received.match(/HTTP\/1\.1 500/g)).to.have.length(3);
    });

    it('of a promise that nobody waits for do not end the process', async () => {
      const careless = check('careless', ({ request: { rpc, body } }) => {
        void rpc();
        void body();
        throw new Denial(403, 'test_denied', 'Denied by a test');
      });
      await request(build({ mounts: [[careless]] }))
        .post('/')
        .type('json')
        .send('{')
        .expect(403);
      await aWhile();
    });

    it('to read the body reach the handler never, even where a check ignores them', async () => {
      let handled = false;
      const ignores = check('ignores', async ({ request: { rpc } }) => {
        await rpc().catch(() => undefined);
        return {};
      });
      const app = build({ mounts: [[ignores]], handler: () => void (handled = true) });
      await request(app).post('/').type('json').send('{').expect(400);
      expect(handled).to.equal(false);
    });

    it('of the handler stay its own', async () => {
      const app = build({
        mounts: [[readsMessages()]],
        handler: () => {
          throw new Error('handler');
        },
      });
      const answer = await request(app).post('/').send(call()).expect(500);
      expect(answer.text).to.not.include('jsonrpc');
    });
  });
}
