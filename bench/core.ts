// What the core itself costs: a chain, each hook, and the body path, in process and without a socket.
import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServerResponse as NodeResponse, IncomingMessage as NodeRequest } from 'node:http';
import { buildChain } from '../lib/chain.js';
import { open } from '../lib/exchange.js';
import type { AnyMiddleware, Hooks } from '../lib/middleware.js';
import { compare, type Contender } from './harness.js';

const BODY = Buffer.from(
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'x'.repeat(200) } },
  }),
);
const seen = { target: '/mcp', ip: () => '127.0.0.1', parsedBody: () => undefined };

function request(): IncomingMessage {
  const req = new NodeRequest(new Readable({ read: () => undefined }) as never);
  req.method = 'POST';
  req.headers = { 'content-type': 'application/json', 'content-length': String(BODY.length) };
  return req;
}

function response(req: IncomingMessage): ServerResponse {
  return new NodeResponse(req);
}

const pass = (name: string, hooks?: Hooks): AnyMiddleware => ({
  name,
  needs: [],
  adds: [],
  run: () => ({}),
  ...(hooks ? { hooks } : {}),
});
const reads = (
  name: string,
  run: (ctx: { request: { rpc: () => Promise<unknown> } }) => Promise<object>,
): AnyMiddleware => ({
  name,
  needs: [],
  adds: [],
  run,
});

const ANSWER = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  result: { content: [{ type: 'text', text: 'x'.repeat(200) }] },
});

/** A socket that takes everything at once. */
const sink = (): Socket =>
  new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  }) as unknown as Socket;

/** Sends one JSON answer the way SDKs do, through whatever is mounted. */
function answering(name: string, list: readonly AnyMiddleware[] | undefined, type = 'application/json'): Contender {
  const chain = list === undefined ? undefined : buildChain(list);
  const text = type === 'application/json' ? ANSWER : `event: message\ndata: ${ANSWER}\n\n`;
  return {
    name,
    run: async () => {
      const req = request();
      const res = response(req);
      res.assignSocket(sink());
      if (chain !== undefined) await open(req, res, seen).admit(chain);
      const finished = new Promise((resolve) => res.once('finish', resolve));
      res.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' });
      if (type !== 'application/json') res.write(text);
      res.end(type === 'application/json' ? text : undefined);
      await finished;
      res.emit('close');
    },
  };
}

/** The least that any server does to read a body. */
async function readPlainly(): Promise<void> {
  const req = request();
  const res = response(req);
  req.push(BODY);
  req.push(null);
  const chunks: Buffer[] = [];
  await new Promise((resolve) => req.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', resolve));
  JSON.parse(Buffer.concat(chunks).toString());
  res.emit('close');
}

function contender(name: string, list: readonly AnyMiddleware[], feed = false): Contender {
  const chain = buildChain(list);
  return {
    name,
    run: async () => {
      const req = request();
      const res = response(req);
      if (feed) {
        req.push(BODY);
        req.push(null);
      }
      await open(req, res, seen).admit(chain);
      res.emit('close');
    },
  };
}

/** The rows of the core benchmark. The first is the baseline: making the request and response objects. */
export async function benchCore(): Promise<void> {
  const hooks: Record<string, Hooks> = {
    decided: { decided: () => undefined },
    admitted: { admitted: () => undefined },
    headers: { headers: () => ({}) },
    head: { head: () => undefined },
    message: { message: (_ctx, message) => message },
    until: { until: () => undefined },
    settled: { settled: () => undefined },
  };
  await compare('core, in process', [
    {
      name: 'request and response objects only',
      run: async () => {
        const req = request();
        response(req).emit('close');
        await Promise.resolve();
      },
    },
    contender('empty chain', []),
    contender('one middleware', [pass('a')]),
    contender(
      'five middlewares',
      ['a', 'b', 'c', 'd', 'e'].map((name) => pass(name)),
    ),
    ...Object.entries(hooks).map(([kind, hook]) => contender(`hook: ${kind}`, [pass('a', hook)])),
    { name: 'body: read without a chain, for comparison', run: readPlainly },
    contender('body: bytes and messages', [reads('body', async ({ request: { rpc } }) => (await rpc(), {}))], true),
  ]);
  const sending: Record<string, Hooks> = {
    headers: { headers: () => ({ 'RateLimit-Policy': '"default";q=100;w=60' }) },
    'headers and head': { headers: () => ({ 'RateLimit-Policy': '"default";q=100;w=60' }), head: () => undefined },
    'head, asynchronous': { head: () => Promise.resolve() },
    until: { until: () => undefined },
    'message, left as it is': { message: (_ctx, message) => message },
    'message, changed': { message: (_ctx, message) => ({ ...message }) },
  };
  for (const type of ['application/json', 'text/event-stream']) {
    await compare(`core, one ${type} response sent`, [
      answering('no chain', undefined, type),
      answering('a chain without hooks', [pass('a')], type),
      ...Object.entries(sending).map(([kind, hooks]) => answering(`hook: ${kind}`, [pass('a', hooks)], type)),
    ]);
  }
}
