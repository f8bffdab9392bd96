import { once } from 'node:events';
import http2, { type Http2Server, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import { toKoa } from '../../adapters/koa.js';
import type { Outcome } from '../../lib/decision.js';
import { check, hooked, readsMessages } from './checks.js';
import { eventually } from './serve.js';

describe('Koa 3 adapter over HTTP/2', () => {
  let server: Http2Server;
  let outcomes: Outcome[];
  let ran: number;
  let front: (req: Http2ServerRequest) => unknown;
  let during: () => unknown;
  let denied: string[];
  let failures: unknown[];

  beforeEach(async () => {
    [outcomes, ran, front, during] = [[], 0, () => undefined, () => undefined];
    [denied, failures] = [[], []];
    const app = new Koa();
    app.silent = true;
    const hooks = hooked('hooks', {
      headers: () => ({ 'X-Hook': 'h' }),
      head: () => Promise.resolve(),
      message: (_ctx, message) => ({ ...message, seen: true }),
      decided: (_ctx, decision) => {
        if (decision.effect === 'deny') denied.push(decision.code);
      },
      settled: (_ctx, outcome) => void outcomes.push(outcome),
    });
    app.use(async (ctx, next) => {
      await front(ctx.req as unknown as Http2ServerRequest);
      await next();
    });
    const waits = check('waits', async () => {
      await during();
      return {};
    });
    const onError = (error: unknown): void => void failures.push(error);
    app.use(toKoa({ onError }, hooks, waits, readsMessages())).use((ctx) => {
      ran += 1;
      ctx.body = { id: 1 };
    });
    const listener = app.callback();
    server = http2.createServer((req, res) => void listener(req as never, res as never)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    server.close();
    await once(server, 'close');
  });

  async function post(body: string): Promise<unknown> {
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const stream = client.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/json' });
    stream.end(body);
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    client.close();
    return [headers[':status'], headers['x-hook'], JSON.parse(text)];
  }

  it('keeps its promises about answers, denials and what is left of them', async () => {
    expect(await post('{"jsonrpc":"2.0","id":1,"method":"x"}')).to.deep.equal([200, 'h', { id: 1, seen: true }]);
    const [status, header, body] = (await post('{')) as [number, string, object];
    expect([status, header]).to.deep.equal([400, 'h']);
    expect(body).to.have.nested.property('error.code', -32700);
    await eventually(() => outcomes.length === 2);
    expect(outcomes.map(({ status: sent, aborted }) => [sent, aborted])).to.deep.equal([
      [200, false],
      [400, false],
    ]);
  });

  /** Sends this of a body, and takes the request back once the server has it. */
  async function takeBack(method: string, part?: string): Promise<void> {
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const headers = { ':method': method, ':path': '/', 'content-type': 'application/json' };
    const stream = client.request(headers, { endStream: part === undefined });
    if (part !== undefined) stream.write(part);
    const arrived = once(server, 'request');
    const closed = once(stream, 'close');
    await arrived;
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await closed;
    client.close();
  }

  it('does not say of a request that was taken back that its answer was sent', async () => {
    await takeBack('POST', '{"jsonrpc"');
    await eventually(() => outcomes.length === 1);
    expect(outcomes[0]).to.include({ aborted: true });
    expect(ran).to.equal(0);
  });

  for (const [method, part] of [['POST', '{"jsonrpc":"2.0","id":1,"method":"x"}'], ['GET']] as const) {
    it(`lets no ${method} through that was taken back before its first check, and says so once`, async () => {
      front = ({ stream }) => once(stream, 'close');
      await takeBack(method, part);
      await eventually(() => outcomes.length === 1);
      expect(outcomes[0]).to.include({ status: undefined, aborted: true });
      expect(ran).to.equal(0);
    });
  }

  it('denies a request that is taken back while it is checked as incomplete, and takes that for no failure', async () => {
    let stream: Http2ServerRequest['stream'] | undefined;
    front = (req) => void ({ stream } = req);
    during = () => stream && once(stream, 'close');
    await takeBack('POST', '{"jsonrpc"');
    await eventually(() => outcomes.length === 1);
    expect(denied).to.deep.equal(['body_incomplete']);
    expect(failures).to.deep.equal([]);
  });
});
