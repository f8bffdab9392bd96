import { expect } from 'chai';
import request from 'supertest';
import { contextOf } from '../../../lib/handOver.js';
import type { AuthInfo } from '../../../lib/middleware.js';
import type { Framework, Io } from '../app.js';
import { call, check, errorOf, hooked, knowsCaller, readsBytes, readsMessages } from '../checks.js';

const info: AuthInfo = Object.freeze({
  token: 't',
  clientId: 'c',
  scopes: ['a'],
  extra: Object.freeze({ tenant: 'x' }),
});

export function describeHandOver({ build, keepsBytes }: Framework): void {
  type Received = Io['req'] & { body?: unknown; _body?: unknown; auth?: AuthInfo; rawBody?: unknown };

  /** Runs a handler that looks, behind these mounts. */
  async function looking(
    app: Omit<Parameters<typeof build>[0], 'handler'>,
    look: (io: Io, req: Received) => unknown,
  ): Promise<unknown> {
    let seen: unknown;
    const handler = (io: Io): void => {
      seen = look(io, io.req);
      io.json({ ok: true });
    };
    await request(build({ ...app, handler }))
      .post('/')
      .set('X-Caller', 'alice')
      .send(call())
      .expect(200, { ok: true });
    return seen;
  }

  describe('hand-over', () => {
    it('leaves the parsed body where handlers and SDKs look for it', async () => {
      for (const one of [readsMessages(), readsBytes()]) {
        const seen = await looking({ mounts: [[one]] }, ({ body }, req) => [body, req.body]);
        expect(seen).to.deep.equal([call(), call()]);
      }
    });

    it('leaves the very objects that were checked', async () => {
      let checked: unknown;
      const looks = check('looks', async ({ request: { rpc } }) => {
        const [message] = await rpc();
        checked = message?.kind === 'request' ? message.params : undefined;
        return {};
      });
      const seen = await looking({ mounts: [[looks]] }, ({ body }) => (body as { params: unknown }).params);
      expect(seen).to.equal(checked).and.be.an('object');
    });

    it('leaves the body alone where nobody asked for it', async () => {
      const seen = await looking({ mounts: [[check('a')]] }, (_io, req) => [req._body, req.readableDidRead]);
      expect(seen).to.deep.equal([undefined, false]);
    });

    it('leaves it to a parser that is mounted behind', async () => {
      const unread = await looking({ mounts: [[check('a')]], parserBehind: true }, ({ body }) => body);
      expect(unread).to.deep.equal(call());
      const read = await looking({ mounts: [[readsBytes()]], parserBehind: true }, ({ body }) => body);
      expect(read).to.deep.equal(call());
    });

    it('takes what a parser in front has read, and hands on the same object', async () => {
      let before: unknown;
      const looks = check('looks', async ({ request: { rpc } }) => {
        const [message] = await rpc();
        before = message?.kind === 'request' ? message.params : undefined;
        return {};
      });
      const seen = await looking({ mounts: [[looks]], parser: 'json' }, ({ body }, req) => [
        (body as { params: unknown }).params,
        req.body === body,
      ]);
      expect((seen as unknown[])[0])
        .to.equal(before)
        .and.be.an('object');
      expect((seen as unknown[])[1]).to.equal(true);
    });

    it('says how to mount when the bytes are gone', async () => {
      const errors: unknown[] = [];
      const options = { onError: (error: unknown): void => void errors.push(error) };
      const app = build({ mounts: [[options, readsBytes()]], parser: 'json' });
      await request(app)
        .post('/')
        .send(call())
        .expect(500, errorOf(null, 500, 'internal_error', 'Internal error'));
      expect(errors[0]).to.be.instanceOf(TypeError);
      expect(String(errors[0])).to.match(
        /mount this package before the body parser, or keep the bytes with express\.json/,
      );
    });

    if (keepsBytes) {
      it('takes the bytes that a parser kept', async () => {
        let bytes = '';
        let before: unknown;
        const looks = check('looks', (ctx) => {
          before = (ctx as unknown as { req: Received }).req.body;
          return {};
        });
        const reads = readsBytes((seen) => (bytes = Buffer.from(seen).toString()));
        const seen = await looking({ mounts: [[looks, reads]], parser: 'json with rawBody' }, ({ body }) => body);
        expect(seen).to.equal(before).and.deep.equal(call());
        expect(bytes).to.equal(JSON.stringify(call()));
      });

      it('measures the bytes that a parser kept', async () => {
        const app = build({ mounts: [[{ bodyLimit: 10 }, readsBytes()]], parser: 'json with rawBody' });
        await request(app).post('/').send(call()).expect(413);
      });

      it('takes the bytes of express.raw(), and hands on what they say', async () => {
        for (const one of [readsBytes(), readsMessages()]) {
          expect(await looking({ mounts: [[one]], parser: 'raw' }, ({ body }) => body)).to.deep.equal(call());
        }
      });
    }

    it('reads a body that the parser in front did not care for', async () => {
      // Such a parser leaves nothing, or `{}`, in the place of a body, and the bytes where they were.
      for (const one of [readsMessages(), readsBytes()]) {
        expect(await looking({ mounts: [[one]], parser: 'of other types' }, ({ body }) => body)).to.deep.equal(call());
      }
    });

    it('does not take the `{}` that a parser makes of nothing for a message', async () => {
      const app = build({ mounts: [[readsMessages()]], parser: 'json' });
      await request(app).post('/').set({ 'Content-Type': 'application/json' }).expect(400);
      await request(app).post('/').set({ 'Content-Type': 'text/plain' }).send('{}').expect(415);
    });

    it('leaves GET without a body', async () => {
      const app = build({
        mounts: [[readsMessages(), readsBytes()]],
        handler: ({ body, req, json }) => {
          json([body === undefined, '_body' in req]);
        },
      });
      await request(app).get('/').expect(200, [true, false]);
    });
  });

  describe('caller', () => {
    it('is left on the Node request, with the context in `extra`, where nothing prints it', async () => {
      const seen = await looking({ mounts: [[knowsCaller({ authInfo: () => info })]] }, ({ source }, { auth }) => ({
        auth,
        printed: JSON.stringify(auth),
        copied: { ...auth?.extra },
        contexts: new Set([
          contextOf(source, 'testCaller'),
          contextOf({ authInfo: auth }),
          contextOf({ http: { authInfo: auth } }),
          contextOf({ authInfo: { ...auth } }),
        ]).size,
      }));
      expect(seen).to.deep.equal({ auth: info, printed: JSON.stringify(info), copied: { tenant: 'x' }, contexts: 1 });
    });

    it('is what the first hook says that knows one', async () => {
      const says = (name: string, clientId: string | undefined): ReturnType<typeof hooked> =>
        hooked(name, { authInfo: () => (clientId === undefined ? undefined : { ...info, clientId }) });
      const mounts = [[says('a', undefined), says('b', 'first')], [says('c', 'second')]];
      expect(await looking({ mounts }, (_io, { auth }) => auth?.clientId)).to.equal('first');
    });

    it('replaces one that something else has left', async () => {
      const outside = (req: Received): void => {
        req.auth = { token: 'x', clientId: 'foreign', scopes: [] };
      };
      const seen = await looking(
        { mounts: [[knowsCaller({ authInfo: () => info })]], outside },
        (_io, { auth }) => auth?.clientId,
      );
      expect(seen).to.equal('c');
    });

    it('is nobody when the hook fails: the request is denied', async () => {
      const fails = hooked('fails', {
        authInfo: () => {
          throw new Error('x');
        },
      });
      await request(build({ mounts: [[{ onError: () => undefined }, fails]] }))
        .post('/')
        .expect(500);
    });
  });

  describe('contextOf', () => {
    it('names the slot that was not proven', async () => {
      const text = await looking({ mounts: [[check('a')]] }, ({ source }) => {
        try {
          return contextOf(source, 'testCaller');
        } catch (error) {
          return String(error);
        }
      });
      expect(text).to.equal("TypeError: nothing mounted earlier proved 'testCaller'");
    });
  });
}
