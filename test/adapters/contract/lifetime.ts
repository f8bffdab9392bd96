import { expect } from 'chai';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome } from '../../../lib/decision.js';
import type { AnyMiddleware } from '../../../lib/middleware.js';
import type { App, Framework, Io } from '../app.js';
import { call, check, denies, failsWith, hooked, readsMessages } from '../checks.js';
import { aWhile, connect, eventually, post, serve, type Wire } from '../serve.js';

export function describeLifetime({ build }: Framework): void {
  describe('settled hooks', () => {
    let outcomes: Outcome[];
    let verdicts: string[];
    let handled: number;

    beforeEach(() => {
      outcomes = [];
      verdicts = [];
      handled = 0;
    });

    const listens = (): AnyMiddleware =>
      hooked('listens', {
        settled: (ctx, outcome) => {
          outcomes.push(outcome);
          const said = ctx.decisions.map((one) => `${one.middleware} ${one.effect === 'deny' ? one.code : 'allow'}`);
          verdicts.push(said.join(', '));
        },
      });

    /** Mounts a listener in front of `list`, and connects to it. */
    async function open(
      list: readonly AnyMiddleware[],
      handler?: (io: Io) => void,
      more: Partial<App> = {},
    ): Promise<Wire> {
      const counted = (io: Io): void => {
        handled += 1;
        (
          handler ??
          (({ json }: Io) => {
            json({ ok: true });
          })
        )(io);
      };
      const mounts = [[{ onError: () => undefined }, listens()], ...list.map((one) => [one])];
      return connect(await serve(build({ mounts, handler: counted, ...more })));
    }

    /** The one outcome, after some time in which a second could have come. */
    async function once(): Promise<Outcome> {
      await eventually(() => outcomes.length > 0);
      await aWhile();
      expect(outcomes).to.have.length(1);
      const [outcome] = outcomes;
      expect(outcome?.ms).to.be.a('number').and.be.at.least(0);
      return outcome!;
    }

    it('hear once about an answer', async () => {
      const wire = await open([readsMessages()]);
      wire.send(post(call()));
      await wire.until('"ok":true');
      expect(await once()).to.include({ status: 200, aborted: false });
      expect(verdicts).to.deep.equal(['listens allow, readsMessages allow']);
    });

    it('hear once about denials and failures', async () => {
      for (const [list, status, said] of [
        [[denies()], 403, 'listens allow, denies test_denied'],
        [[check('a'), failsWith(new Error('x'))], 500, 'listens allow, a allow, fails internal_error'],
      ] as const) {
        outcomes = [];
        verdicts = [];
        const wire = await open(list);
        wire.send(post(call()));
        await wire.until('}}}');
        expect(await once()).to.include({ status, aborted: false });
        expect(verdicts).to.deep.equal([said]);
      }
    });

    it('hear once about a handler that crashes', async () => {
      const wire = await open([], () => {
        throw new Error('handler');
      });
      wire.send(post(call()));
      await wire.until('HTTP/1.1 500');
      expect(await once()).to.include({ status: 500, aborted: false });
    });

    it('hear of an event stream when it is over', async () => {
      let res: ServerResponse | undefined;
      const wire = await open([], ({ take }) => {
        res = take().writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.write('data: 1\n\n');
      });
      wire.send(post(call()));
      await wire.until('data: 1');
      await aWhile();
      expect(outcomes).to.deep.equal([]);
      res?.end();
      expect(await once()).to.include({ status: 200, aborted: false });
    });

    it('hear of a client that goes away before the head, and that nothing was sent', async () => {
      for (const list of [[], [hooked('held', { head: () => new Promise<void>(() => undefined) })]]) {
        outcomes = [];
        const wire = await open(list, ({ take }) => {
          if (list.length > 0) take().writeHead(200).end('x');
          else take();
        });
        wire.send(post(call()));
        await eventually(() => handled > 0);
        wire.destroy();
        expect(await once()).to.include({ status: undefined, aborted: true });
        handled = 0;
      }
    });

    it('hear nothing of a head hook that fails when the client has gone', async () => {
      let fail: (() => void) | undefined;
      const held = hooked('held', {
        head: () =>
          new Promise(
            (_resolve, reject) =>
              (fail = () => {
                reject(new Error('x'));
              }),
          ),
        decided: (_ctx, { effect }) => void verdicts.push(effect),
      });
      const wire = await open([held], ({ take }) => void take().writeHead(200).write('x'));
      wire.send(post(call()));
      await eventually(() => fail);
      wire.destroy();
      await once();
      verdicts = [];
      fail?.();
      await aWhile();
      expect(verdicts).to.deep.equal([]);
    });

    it('hear of a client that goes away after the head', async () => {
      const wire = await open([], ({ take }) => void take().writeHead(200).write('x'));
      wire.send(post(call()));
      await wire.until('HTTP/1.1 200');
      wire.destroy();
      expect(await once()).to.include({ status: 200, aborted: true });
    });

    it('hear of a client that goes away while a check runs, after its verdict, and nothing is served', async () => {
      let release: (() => void) | undefined;
      const slow = check(
        'slow',
        () =>
          new Promise(
            (resolve) =>
              (release = () => {
                resolve({});
              }),
          ),
      );
      const wire = await open([slow, check('never')]);
      wire.send(post(call()));
      await eventually(() => release);
      wire.destroy();
      await aWhile();
      expect(outcomes).to.deep.equal([]);
      release?.();
      expect(await once()).to.include({ status: undefined, aborted: true });
      expect(verdicts).to.deep.equal(['listens allow, slow allow, exchange exchange_closed']);
      expect(handled).to.equal(0);
    });

    it('hear of a client that goes away between two mounts, and nothing is served', async () => {
      let waiting: IncomingMessage | undefined;
      const between = (req: IncomingMessage): Promise<void> =>
        new Promise((resolve) => {
          waiting = req;
          req.socket.once('close', () => setTimeout(resolve, 20));
        });
      const ran: string[] = [];
      const second = check('second', () => (ran.push('second'), {}));
      const wire = await open([second], undefined, { between });
      wire.send(post(call()));
      await eventually(() => waiting);
      wire.destroy();
      expect(await once()).to.include({ status: undefined, aborted: true });
      expect(ran).to.deep.equal([]);
      expect(handled).to.equal(0);
    });

    it('hear of a body that stops arriving', async () => {
      const wire = await open([readsMessages()]);
      wire.send(post(call()).slice(0, -5));
      await aWhile();
      wire.destroy();
      expect(await once()).to.include({ status: undefined, aborted: true });
      expect(verdicts).to.deep.equal(['listens allow, readsMessages body_incomplete']);
      expect(handled).to.equal(0);
    });

    it('hear of every request of a connection', async () => {
      const wire = await open([]);
      wire.send(post(call()).repeat(5));
      await wire.until((all) => all.split('"ok":true').length === 6);
      await eventually(() => outcomes.length === 5);
      await aWhile();
      expect(outcomes.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200, 200]);
    });

    it('hear of requests that wait behind another when the connection is lost', async () => {
      const warnings: Error[] = [];
      const warn = (warning: Error): void => void warnings.push(warning);
      process.on('warning', warn);
      try {
        const wire = await open([], ({ req, take }) => {
          const res = take();
          if (req.url !== '/slow') res.writeHead(200).end('never sent');
        });
        wire.send(post(call(), {}, '/slow'), post(call()).repeat(15));
        await eventually(() => handled === 16);
        await aWhile();
        expect(outcomes).to.deep.equal([]);
        wire.destroy();
        await eventually(() => outcomes.length === 16);
        await aWhile();
        expect(outcomes.filter(({ status, aborted }) => status === undefined && aborted)).to.have.length(16);
        expect(warnings).to.deep.equal([]);
      } finally {
        process.off('warning', warn);
      }
    });

    it('hear once when something else has answered before the checks were done', async () => {
      let release: (() => void) | undefined;
      const slow = check(
        'slow',
        () =>
          new Promise(
            (resolve) =>
              (release = () => {
                resolve({});
              }),
          ),
      );
      const outside = (_req: IncomingMessage, res: ServerResponse): void => {
        setTimeout(() => res.writeHead(408).end('too slow'), 20);
      };
      const wire = await open([slow], undefined, { outside });
      wire.send(post(call()));
      await wire.until('too slow');
      await aWhile();
      release?.();
      expect(await once()).to.include({ status: 408, aborted: false });
      expect(handled).to.equal(0);
      wire.send(post(call(), { Connection: 'close' }));
      expect((await wire.untilClosed()).split('HTTP/1.1 408')).to.have.length(3);
    });

    it('of later mounts hear too, and those mounted twice hear once', async () => {
      const heard: string[] = [];
      const hears = (name: string): AnyMiddleware => hooked(name, { settled: () => void heard.push(name) });
      const wire = await connect(await serve(build({ mounts: [[hears('a')], [hears('b'), denies()]] })));
      wire.send(post(call()));
      await wire.until('}}}');
      await eventually(() => heard.length === 2);
      await aWhile();
      expect(heard).to.deep.equal(['a', 'b']);
    });

    it('leave nothing on the connection', async () => {
      const counts: number[][] = [];
      const wire = await open(
        [hooked('all', { headers: () => ({}), head: aWhile, message: (_ctx, one) => one })],
        ({ req, json }) => {
          counts.push(['close', 'error', 'drain', 'end'].map((name) => req.socket.listenerCount(name)));
          json({ ok: true });
        },
      );
      for (let count = 1; count <= 4; count += 1) {
        wire.send(post(call()));
        await wire.until((all) => all.split('"ok":true').length > count);
      }
      expect(new Set(counts.map(String)).size).to.equal(1);
      wire.send(post(call()).repeat(5));
      await wire.until((all) => all.split('"ok":true').length > 9);
      wire.send(post(call()));
      await wire.until((all) => all.split('"ok":true').length > 10);
      expect(counts.at(-1)).to.deep.equal(counts[0]);
    });
  });
}
