import { expect } from 'chai';
import request from 'supertest';
import type { AdapterOptions } from '../../../lib/mount.js';
import type { Hooks } from '../../../lib/middleware.js';
import type { Framework, Io } from '../app.js';
import { call, errorOf, hooked } from '../checks.js';
import { aWhile, connect, eventually, post, serve, type Wire } from '../serve.js';

const inMs = (ms: number): Date => new Date(Date.now() + ms);

export function describeStreams({ build }: Framework): void {
  describe('until hooks', () => {
    let res: Io['res'];
    let closed: boolean;

    /** Opens an event stream that nothing but a hook ends. */
    async function stream(mounts: readonly Hooks[], options: AdapterOptions = {}): Promise<Wire> {
      closed = false;
      const handler = ({ take }: Io): void => {
        res = take();
        res.on('close', () => (closed = true));
        res.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
        res.write('data: {"id":1}\n\n');
      };
      const app = build({ mounts: mounts.map((hooks, index) => [options, hooked(`hook${index}`, hooks)]), handler });
      const wire = await connect(await serve(app));
      wire.send(post(call()));
      return wire;
    }

    for (const [kind, more] of Object.entries({
      alone: {},
      'beside a head hook': { head: aWhile },
      'beside a message hook': { message: (_ctx, one) => one },
    } satisfies Record<string, Hooks>)) {
      it(`end an event stream in time, ${kind}, whatever the handler writes later`, async () => {
        const wire = await stream([{ ...more, until: () => inMs(100) }]);
        await wire.until('data: {"id":1}\n\n');
        expect(wire.received).to.not.match(/\r\n0\r\n\r\n$/);
        await wire.until(/\r\n0\r\n\r\n$/);
        await eventually(() => closed);
        const called: string[] = [];
        expect(res.write('data: late\n\n', () => called.push('write'))).to.equal(false);
        expect(res.end('data: late\n\n', () => called.push('end'))).to.equal(res);
        res.flushHeaders();
        await aWhile();
        expect(called).to.deep.equal(['write', 'end']);
        expect(wire.received).to.not.include('late');
        expect(wire.closed).to.equal(false);
        wire.send(post(call()));
        await wire.until((all) => all.split('HTTP/1.1 200').length === 3);
      });
    }

    it('end it at the earliest time that one of them names', async () => {
      const hooks = [{ until: () => undefined }, { until: () => inMs(60) }, { until: () => inMs(600_000) }];
      await (await stream(hooks)).until(/\r\n0\r\n\r\n$/);
    });

    it('end it at once when the time is over, or is no time', async () => {
      for (const time of [inMs(-1), new Date(0), new Date(NaN)]) {
        const wire = await stream([{ until: () => time }]);
        expect(await wire.until(/\r\n0\r\n\r\n$/))
          .to.match(/^HTTP\/1\.1 200 /)
          .and.not.include('data:');
      }
    });

    it('leave it open when they name no time', async () => {
      const wire = await stream([{ until: () => undefined }]);
      await wire.until('data: {"id":1}\n\n');
      await aWhile();
      res.end('data: {"id":2}\n\n');
      await wire.until(/\{"id":2\}[^]*\r\n0\r\n\r\n$/);
    });

    it('go by the clock of the adapter, which is asked again when a timer was early', async () => {
      let time = 1_000_000;
      const wire = await stream([{ until: () => new Date(1_000_020) }], { now: () => new Date(time) });
      await wire.until('data: {"id":1}\n\n');
      await aWhile();
      await aWhile();
      expect(closed).to.equal(false);
      time = 1_000_020;
      await wire.until(/\r\n0\r\n\r\n$/);
    });

    it('leave JSON and other types alone', async () => {
      const hooks = { until: () => inMs(-1) };
      const slow = ({ take }: Io): void => {
        const answer = take().writeHead(200, { 'Content-Type': 'application/json' });
        answer.write('{"id"');
        setTimeout(() => answer.end(':1}'), 30);
      };
      await request(build({ mounts: [[hooked('hook', hooks)]], handler: slow }))
        .post('/')
        .expect(200, { id: 1 });
    });

    it('that fail are a constant 500', async () => {
      const fail = (): never => {
        throw new Error('x');
      };
      for (const until of [fail, () => 'tomorrow' as never]) {
        const wire = await stream([{ until }], { onError: () => undefined });
        await wire.until(JSON.stringify(errorOf(null, 500, 'internal_error', 'Internal error')));
        expect(wire.received)
          .to.match(/^HTTP\/1\.1 500 /)
          .and.not.include('data:');
      }
    });

    it('keep no process alive, and no stream of a client that went away', async () => {
      const wire = await stream([{ until: () => inMs(600_000) }]);
      await wire.until('data: {"id":1}\n\n');
      expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).to.have.length.below(5);
      wire.destroy();
      await eventually(() => closed);
    });
  });
}
