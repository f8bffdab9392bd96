import { expect } from 'chai';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { buildChain, joinHooks } from '../../lib/chain.js';
import { Denial } from '../../lib/denial.js';
import { open, type Exchange, type Seen } from '../../lib/exchange.js';
import type { Hooks } from '../../lib/middleware.js';
import type { AdapterOptions } from '../../lib/mount.js';

const seen = (ip = '192.0.2.1'): Seen => ({ target: '/mcp', ip: () => ip, parsedBody: () => undefined });

function exchange(options: AdapterOptions = {}): Exchange {
  const req = new IncomingMessage(new Socket());
  return open(req, new ServerResponse(req), seen(), options);
}

const chainOf = (hooks: Hooks): ReturnType<typeof buildChain> =>
  buildChain([{ name: 'one', needs: [], adds: [], run: () => ({}), hooks }]);

describe('open', () => {
  it('opens one exchange for a request, and finds it again', () => {
    const first = exchange();
    const again = open(first.req, first.res, seen('192.0.2.2'));
    expect(again).to.equal(first);
    expect(again.ip).to.equal('192.0.2.2');
    expect(Object.keys(first.req)).to.deep.equal(Object.keys(new IncomingMessage(new Socket())));
  });

  it('names the request by a random UUID, or as it is told', () => {
    expect(exchange().id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(exchange().id).to.not.equal(exchange().id);
    expect(exchange({ newId: () => 'request-7' }).id).to.equal('request-7');
  });
});

describe('Exchange', () => {
  it('does not ask the hooks of a chain twice that is mounted twice', async () => {
    const heard: string[] = [];
    const chain = chainOf({
      decided: () => void heard.push('decided'),
      admitted: () => void heard.push('admitted'),
      settled: () => void heard.push('settled'),
    });
    const one = exchange();
    expect(await one.admit(chain)).to.equal(undefined);
    expect(await one.admit(chain)).to.equal(undefined);
    one.res.emit('close');
    one.res.emit('close');
    expect(heard).to.deep.equal(['decided', 'admitted', 'decided', 'admitted', 'settled']);
  });

  it('takes what only one request may have behind all checks, and before anybody hears that it was let through', async () => {
    const heard: string[] = [];
    const note = (what: string) => () => void heard.push(what);
    const first = chainOf({ admitted: note('admitted'), refused: note('refused') });
    const second = chainOf({
      claim: async () => {
        await Promise.resolve();
        heard.push('claim');
        if (heard.length > 2) throw new Denial(400, 'rpc_malformed', 'Taken');
      },
    });
    const one = exchange();
    expect(await one.admit({ ...first, hooks: joinHooks(first.hooks, second.hooks) })).to.equal(undefined);
    expect(heard).to.deep.equal(['claim', 'admitted']);
    expect(await one.admit(chainOf({}))).to.have.property('status', 400);
    expect(heard).to.deep.equal(['claim', 'admitted', 'claim', 'refused']);
    expect(one.decisions.at(-1)).to.include({ middleware: 'one', effect: 'deny', code: 'rpc_malformed' });
  });

  it('patches a response only where a hook wants a word in it, and once', async () => {
    const patched = ({ res }: Exchange): boolean => Object.hasOwn(res, 'writeHead');
    const one = exchange();
    await one.admit(chainOf({ decided: () => undefined, settled: () => undefined, admitted: () => undefined }));
    expect(patched(one)).to.equal(false);
    await one.admit(chainOf({ head: () => undefined }));
    expect(patched(one)).to.equal(true);
    const before: unknown = Object.getOwnPropertyDescriptor(one.res, 'write');
    await one.admit(chainOf({ message: (_ctx, message) => message }));
    expect(Object.getOwnPropertyDescriptor(one.res, 'write')).to.deep.equal(before);
  });

  it('leaves an answer alone that was begun in front of it', async () => {
    const asked: string[] = [];
    const one = exchange();
    one.res.writeHead(202, { 'X-A': '1' });
    await one.admit(chainOf({ head: () => void asked.push('head'), headers: () => ({ 'X-Hook': 'h' }) }));
    expect(one.res.headersSent).to.equal(true);
    expect(() => one.res.writeHead(200)).to.throw(/after they are sent/);
    one.res.end('x');
    expect(one.res.writableEnded).to.equal(true);
    expect(asked).to.deep.equal([]);
  });

  it('reads nothing before somebody asks', async () => {
    const one = exchange();
    await one.admit(chainOf({ head: () => undefined, message: (_ctx, message) => message }));
    expect(one.messages).to.equal(undefined);
    expect(one.parsedBody).to.equal(undefined);
    expect(one.req.readableDidRead).to.equal(false);
    expect(one.req.listenerCount('data')).to.equal(0);
  });

  const CLOSED: readonly (readonly [what: string, close: (res: ServerResponse, socket: Socket) => unknown])[] = [
    ['is closed', (res) => Object.defineProperty(res, 'closed', { value: true })],
    ['waits behind another one, and has lost its connection', (_res, socket) => socket.destroy()],
  ];
  for (const [what, close] of CLOSED) {
    it(`lets nothing through that ${what} before its first check, and says so once`, async () => {
      const heard: unknown[] = [];
      const socket = new Socket();
      const req = new IncomingMessage(socket);
      const res = new ServerResponse(req);
      close(res, socket);
      const one = open(req, res, seen());
      const reply = await one.admit(
        chainOf({ settled: (_ctx, outcome) => void heard.push(outcome.status, outcome.aborted) }),
      );
      expect(reply).to.deep.include({ status: 400 });
      expect(one.decisions).to.have.length(1);
      expect(one.decisions[0]).to.include({ effect: 'deny', code: 'exchange_closed' });
      expect(heard).to.deep.equal([undefined, true]);
    });
  }
});
