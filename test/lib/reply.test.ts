import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { Denial, Unavailable } from '../../lib/denial.js';
import { replyTo, send, verdictOf, type Asked, type Reply } from '../../lib/reply.js';
import { readMessages } from '../../lib/rpc.js';

declare module '../../lib/denial.js' {
  interface DenialCodes {
    test_reply: 403;
  }
}

const NOTHING: Asked = { messages: undefined, batch: false };
const denial = (options?: ConstructorParameters<typeof Denial>[3]): Denial =>
  new Denial(403, 'test_reply', 'No', options);
const asked = (body: unknown): Asked => ({ messages: readMessages(body), batch: Array.isArray(body) });
const call = (id: unknown): object => ({ jsonrpc: '2.0', id, method: 'tools/call' });
const parsed = ({ body }: Reply): unknown => JSON.parse(body);

describe('verdictOf', () => {
  it('takes denials and outages as they are', () => {
    for (const error of [denial(), new Unavailable('Down')]) expect(verdictOf(error)).to.equal(error);
  });

  it('takes everything else for a constant 500, and keeps it as the cause', () => {
    const others: readonly unknown[] = [
      new Error('secret'),
      Object.assign(new Error('secret'), { status: 403, code: 'secret', expose: true }),
      'secret',
      undefined,
      null,
      { status: 403, headers: {} },
    ];
    for (const error of others) {
      expect(verdictOf(error)).to.deep.equal({
        status: 500,
        code: 'internal_error',
        message: 'Internal error',
        headers: {},
        cause: error,
      });
    }
  });

  it('takes a denial that cannot be sent for a constant 500', () => {
    const headers = [
      { 'X-A': 'a\nb' },
      { 'X-A': 'a\r' },
      { 'X-A': '\0' },
      { 'X-A': '\u20ac' },
      { 'X A': 'a' },
      { '': 'a' },
      { 'X-A': undefined },
    ];
    for (const one of headers)
      expect(verdictOf(denial({ headers: one as never })).status, JSON.stringify(one)).to.equal(500);
    for (const status of [0, 100, 200, 302, 399, 600, 1000, 403.5, NaN, '403', undefined]) {
      expect(verdictOf(new Denial(status as never, 'test_reply', 'No')).code, String(status)).to.equal(
        'internal_error',
      );
    }
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (error) => {
        expect(verdictOf(error).status).to.equal(500);
      }),
    );
    const trap = new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error('x');
        },
      },
    );
    expect(verdictOf(trap).status).to.equal(500);
  });
});

describe('replyTo', () => {
  it('answers with the status, the headers and a JSON-RPC error', () => {
    const reply = replyTo(
      denial({ headers: { 'WWW-Authenticate': 'Bearer' }, detail: { secret: 1 }, cause: 'secret' }),
      NOTHING,
      'http',
    );
    expect(reply).to.deep.equal({
      status: 403,
      headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'WWW-Authenticate': 'Bearer' },
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":403,"message":"No","data":{"code":"test_reply"}}}',
    });
  });

  it('takes the error number that a standard fixes', () => {
    expect(parsed(replyTo(denial({ rpcCode: -32001 }), NOTHING, 'http'))).to.have.nested.property('error.code', -32001);
  });

  it('names the one request that was asked, and none of several', () => {
    const idOf = (body: unknown): unknown => (parsed(replyTo(denial(), asked(body), 'http')) as { id: unknown }).id;
    for (const id of ['a', '', 0, 7, -1.5]) expect(idOf(call(id))).to.equal(id);
    expect(idOf([call('a')])).to.equal('a');
    expect(idOf([call('a'), call('b')])).to.equal(null);
    expect(idOf({ jsonrpc: '2.0', method: 'x' })).to.equal(null);
    expect(idOf({ jsonrpc: '2.0', id: 'a', result: {} })).to.equal(null);
  });

  it('answers final denials as JSON-RPC errors with status 200 where that is asked for', () => {
    const final = denial({ policy: true, headers: { 'X-A': '1' } });
    const reply = replyTo(final, asked(call(7)), 'rpc');
    expect(reply).to.deep.include({ status: 200 });
    expect(reply.headers).to.include({ 'X-A': '1' });
    expect(parsed(reply)).to.deep.equal({
      jsonrpc: '2.0',
      id: 7,
      error: { code: 403, message: 'No', data: { code: 'test_reply' } },
    });
    const batch = parsed(replyTo(final, asked([call(1), { jsonrpc: '2.0', method: 'x' }, call('b')]), 'rpc')) as {
      id: unknown;
    }[];
    expect(batch.map(({ id }) => id)).to.deep.equal([1, 'b']);
    expect(parsed(replyTo(final, asked([call(1)]), 'rpc')))
      .to.be.an('array')
      .with.length(1);
  });

  it('keeps the status where nobody waits, where a challenge helps, and for outages', () => {
    const statusOf = (error: Denial | Unavailable, body?: unknown): number =>
      replyTo(error, body === undefined ? NOTHING : asked(body), 'rpc').status;
    const final = denial({ policy: true });
    expect(statusOf(final)).to.equal(403);
    expect(statusOf(final, { jsonrpc: '2.0', method: 'x' })).to.equal(403);
    expect(statusOf(final, { jsonrpc: '2.0', id: 1, result: {} })).to.equal(403);
    expect(statusOf(denial(), call(1))).to.equal(403);
    for (const name of ['WWW-Authenticate', 'www-authenticate']) {
      expect(statusOf(denial({ policy: true, headers: { [name]: 'Bearer' } }), call(1))).to.equal(403);
    }
    expect(statusOf(new Unavailable('Down'), call(1))).to.equal(503);
    expect(replyTo(final, asked(call(1)), 'http').status).to.equal(403);
  });
});

describe('send', () => {
  const reply: Reply = { status: 403, headers: { 'X-A': '1' }, body: '{}' };

  it('writes status, headers, length and body', () => {
    const res = new ServerResponse(new IncomingMessage(new Socket()));
    send(res, { ...reply, body: '"\u20ac"' });
    expect(res.statusCode).to.equal(403);
    expect(res.getHeaders()).to.include({ 'x-a': '1', 'content-length': 5 });
    expect(res.writableEnded).to.equal(true);
  });

  it('leaves an answer alone that somebody else has begun', () => {
    const res = new ServerResponse(new IncomingMessage(new Socket()));
    res.writeHead(200);
    send(res, reply);
    expect(res.statusCode).to.equal(200);
    expect(res.writableEnded).to.equal(false);
  });
});
