import { once } from 'node:events';
import { createServer, request as send, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import supertest from 'supertest';
import { toExpress } from '../../../adapters/express.js';
import { contextOf, Denial, type AnyMiddleware, type RequestContext } from '../../../lib/index.js';
import { fakeContext, type FakeRequest } from '../../../lib/testing.js';

type Request = Pick<FakeRequest, 'method' | 'headers' | 'body'>;

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'read' } };
const text = JSON.stringify(ping);
const ofType = (...types: readonly string[]): Request => ({ headers: { 'Content-Type': types }, body: text });
const TOO_LARGE = '413 body_too_large';
const UNEXPECTED = '400 content_unexpected';
const MALFORMED = '400 rpc_malformed';
const NO_JSON = '400 json_malformed';
const WRONG_TYPE = '415 media_type_unsupported';
const WRONG_CODING = '415 encoding_unsupported';
const MISMATCH = '400 header_mismatch';

/** What is asked, and what a check sees: the names of the messages, or the denial. */
const TABLE: readonly (readonly [what: string, request: Request, seen: string])[] = [
  ['a message', { body: ping }, 'ping'],
  ['a text', { body: text }, 'ping'],
  ['bytes', { body: Buffer.from(text) }, 'ping'],
  ['another method with content', { method: 'PUT', body: ping }, 'ping'],
  ['a batch', { body: [ping, call] }, 'ping tools/call'],
  ['a batch of the largest size', { body: Array(100).fill(ping) }, Array(100).fill('ping').join(' ')],
  ['a batch of one more', { body: Array(101).fill(ping) }, MALFORMED],
  ['an empty batch', { body: [] }, MALFORMED],
  ['a value that is no message', { body: null }, MALFORMED],
  ['a text that is no JSON', { body: 'ping' }, NO_JSON],
  ['bytes that are no UTF-8', { body: Buffer.from([0x22, 0xff, 0x22]) }, NO_JSON],
  ['a byte order mark', { body: `\ufeff${text}` }, NO_JSON],
  ['no content, of a type', { headers: { 'content-type': 'application/json' } }, NO_JSON],
  ['no content, and no type', {}, WRONG_TYPE],
  ['content without a type', ofType(), WRONG_TYPE],
  ['its type with a parameter', ofType('application/json; charset=utf-8'), 'ping'],
  ['its type in capitals', ofType('APPLICATION/JSON'), 'ping'],
  ['another type', ofType('text/plain'), WRONG_TYPE],
  ['a type with the same beginning', ofType('application/jsonx'), WRONG_TYPE],
  ['another charset', ofType('application/json; charset=utf-16'), WRONG_TYPE],
  ['two types', ofType('application/json', 'application/json'), '400 header_duplicate'],
  ['no coding', { headers: { 'Content-Encoding': 'identity' }, body: text }, 'ping'],
  ['a coding', { headers: { 'Content-Encoding': 'gzip' }, body: text }, WRONG_CODING],
  ['two codings', { headers: { 'Content-Encoding': ['identity', 'identity'] }, body: text }, WRONG_CODING],
  ['content of the largest size', { body: text.padEnd(4 * 1024 * 1024) }, 'ping'],
  ['content of one byte more', { body: text.padEnd(4 * 1024 * 1024 + 1) }, TOO_LARGE],
  ['a GET', { method: 'GET' }, ''],
  ['a GET of a type', { method: 'GET', headers: { 'content-type': 'text/plain' } }, ''],
  ['a GET without length', { method: 'GET', headers: { 'content-length': '0' } }, ''],
  ['a GET with a message', { method: 'GET', body: ping }, UNEXPECTED],
  ['a GET with a byte', { method: 'GET', body: ' ' }, UNEXPECTED],
  ['a DELETE', { method: 'DELETE' }, ''],
  ['a DELETE with a message', { method: 'DELETE', body: ping }, UNEXPECTED],
  ['an OPTIONS with a message', { method: 'OPTIONS', body: ping }, UNEXPECTED],
  ['a HEAD with a message', { method: 'HEAD', body: ping }, UNEXPECTED],
  [
    'headers that repeat the body',
    { headers: { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'read' }, body: call },
    'tools/call',
  ],
  ['a header that names another method', { headers: { 'Mcp-Method': 'ping' }, body: call }, MISMATCH],
  ['a header that names another tool', { headers: { 'Mcp-Name': 'write' }, body: call }, MISMATCH],
  ['a header that names a tool twice', { headers: { 'Mcp-Name': ['read', 'read'] }, body: call }, MISMATCH],
];

async function seenBy({ request }: RequestContext): Promise<string> {
  try {
    const messages = await request.rpc();
    expect(request.messages).to.equal(messages);
    return messages.map((message) => (message.kind === 'response' ? '-' : message.method)).join(' ');
  } catch (error) {
    if (!(error instanceof Denial)) throw error;
    return `${String(error.status)} ${error.code}`;
  }
}

describe('fakeContext', () => {
  let seen: string | undefined;
  const probe: AnyMiddleware = {
    name: 'probe',
    needs: [],
    adds: [],
    run: async (ctx) => {
      seen = await seenBy(ctx);
      return {};
    },
  };
  const app = express();
  app.use('/mcp', toExpress(probe));
  app.use('/mcp', (_req, res) => void res.end());
  let server: Server;

  before(async () => {
    server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    server.close();
  });

  /** As a client sends what a test asks for. */
  async function sent({ method = 'POST', headers = {}, body }: Request): Promise<string | undefined> {
    seen = undefined;
    const { port } = server.address() as AddressInfo;
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const bytes = isRaw ? body : JSON.stringify(body);
    const own =
      bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) };
    const asked = send({ port, host: '127.0.0.1', path: '/mcp', method, headers: own, agent: false });
    for (const [name, value] of Object.entries(headers)) asked.setHeader(name, value);
    // A server that wants no more of a body may close the connection.
    asked.on('error', () => undefined).on('response', (answer) => answer.resume());
    asked.end(bytes);
    await new Promise((resolve) => asked.once('close', resolve));
    return seen;
  }

  for (const [what, request, expected] of TABLE) {
    it(`reads ${what} as a server does`, async () => {
      expect(await sent(request)).to.equal(expected);
      expect(await seenBy(fakeContext(request))).to.equal(expected);
    });
  }

  it('has the headers that a client sends with a body', async () => {
    let headers: RequestContext['request']['headers'] = {};
    const noting: AnyMiddleware = { ...probe, run: ({ request }: RequestContext) => ((headers = request.headers), {}) };
    await supertest(express().use(toExpress(noting)))
      .post('/mcp')
      .send(ping);
    for (const name of ['content-type', 'content-length']) {
      expect(fakeContext({ body: ping }).request.headers[name], name).to.deep.equal(headers[name]);
      expect(fakeContext().request.headers[name], name).to.equal(undefined);
    }
  });

  it('takes the headers of a test before its own, and leaves one out of which there is no line', () => {
    const { headers } = fakeContext({
      headers: { 'Content-TYPE': 'text/plain', 'content-length': [], 'X-A': ['1', '2'], 'x-a': '3' },
      body: ping,
    }).request;
    expect({ ...headers }).to.deep.equal({ 'content-type': ['text/plain'], 'x-a': ['1', '2', '3'] });
  });

  it('gives the bytes that it was given', async () => {
    const bytesOf = async (body: unknown): Promise<string> =>
      Buffer.from(await fakeContext({ body }).request.body()).toString();
    expect(await bytesOf(ping)).to.equal(text);
    expect(await bytesOf(' x ')).to.equal(' x ');
    expect(await bytesOf(Buffer.from('y'))).to.equal('y');
    expect(await bytesOf(undefined)).to.equal('');
  });

  it('knows its messages no sooner than somebody has asked', async () => {
    const { request } = fakeContext({ body: ping });
    await request.body();
    expect(request.messages).to.equal(undefined);
    await request.rpc();
    expect(request.messages).to.have.length(1);
  });

  it('is what a handler finds with contextOf, alone or as the request of its source', () => {
    const ctx = fakeContext({ state: { observed: { middleware: 'a', code: 'b' } } });
    expect(contextOf(ctx, 'observed')).to.equal(ctx);
    expect(contextOf({ req: ctx, sessionId: 'x' }, 'observed')).to.equal(ctx);
    expect(() => contextOf(ctx, 'auth')).to.throw(/nothing mounted earlier proved 'auth'/);
    expect(() => contextOf({ ...ctx })).to.throw(/in tests, pass fakeContext/);
    expect(Object.keys(ctx)).to.deep.equal(['id', 'request', 'state', 'decisions']);
  });
});
