// Servers that keep sessions the way SDK examples do, by their id alone, behind `bindSession`.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, isLegacyRequest, McpServer } from '@modelcontextprotocol/server';
import { expect } from 'chai';
import express from 'express';
import { Redis } from 'ioredis';
import Koa from 'koa';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { CLIENTS, type ClientKind } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import { authenticate, bindSession, memorySessions, oidc, type SessionStore } from '../../lib/index.js';
import { redisStores } from '../../lib/stores/redis.js';
import { fakeIssuer } from '../../lib/testing.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';
import { eventually } from '../adapters/serve.js';
import { connectClient, type Connected } from './signingServers.js';

type Handler = (req: IncomingMessage, res: ServerResponse, body: unknown) => Promise<void>;
type Chain = readonly [ReturnType<typeof authenticate>, ReturnType<typeof bindSession>];

/** The sessions that a server holds, by id. */
type Transports = Map<string, { readonly handleRequest: Handler; readonly close: () => Promise<void> }>;

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** Sessions of either SDK line, open to whoever knows an id. */
function byId(
  transports: Transports,
  open: (added: (id: string) => void) => Promise<{ handleRequest: Handler; close: () => Promise<void> }>,
): Handler {
  return async (req, res, body) => {
    const id = req.headers['mcp-session-id'];
    let added = (_id: string): void => undefined;
    const transport =
      typeof id === 'string'
        ? transports.get(id)
        : await open((issued) => {
            added(issued);
          });
    if (transport === undefined) return void res.writeHead(410).end();
    added = (issued) => void transports.set(issued, transport);
    await transport.handleRequest(req, res, body);
  };
}

function v1(transports: Transports): Handler {
  return byId(transports, async (added) => {
    const server = new McpServerV1({ name: 'sessions', version: '1.0.0' });
    server.registerTool('hello', {}, () => text('hello'));
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: added,
    });
    await server.connect(transport);
    return transport;
  });
}

function createV2(): McpServer {
  const server = new McpServer({ name: 'sessions', version: '1.0.0' });
  server.registerTool('hello', {}, () => text('hello'));
  return server;
}

function v2(transports: Transports): Handler {
  const modern = toNodeHandler(createMcpHandler(createV2, { legacy: 'reject' })) as Handler;
  const legacy = byId(transports, async (added) => {
    const options = { sessionIdGenerator: randomUUID, onsessioninitialized: added };
    const transport = new NodeStreamableHTTPServerTransport(options);
    await createV2().connect(transport);
    return transport;
  });
  return async (req, res, body) => {
    const request = await toWebRequest(req as Parameters<typeof toWebRequest>[0], body);
    await ((await isLegacyRequest(request, body)) ? legacy : modern)(req, res, body);
  };
}

function onExpress(handle: Handler, chain: Chain): RequestListener {
  const app = express().use('/mcp', toExpress(...chain), express.json());
  app.all('/mcp', (req, res) => void handle(req, res, req.body));
  return app as RequestListener;
}

function onKoa(handle: Handler, chain: Chain): RequestListener {
  const app = new Koa()
    .use(toKoa(...chain))
    .use(bodyParser())
    .use((ctx) => {
      ctx.respond = false;
      return handle(ctx.req, ctx.res, (ctx.request as { body?: unknown }).body);
    });
  const listener = app.callback();
  return (req, res) => void listener(req, res);
}

type App = (chain: Chain, open: Transports) => RequestListener;

const WIRINGS: Readonly<Record<string, { readonly line: 'v1' | 'v2'; readonly app: App }>> = {
  'Express and sdk v1': { line: 'v1', app: (chain, open) => onExpress(v1(open), chain) },
  'Express and server v2': { line: 'v2', app: (chain, open) => onExpress(v2(open), chain) },
  'Koa and sdk v1': { line: 'v1', app: (chain, open) => onKoa(v1(open), chain) },
  'Koa and server v2': { line: 'v2', app: (chain, open) => onKoa(v2(open), chain) },
};

/** An official client whose token can be swapped under it. */
interface User {
  readonly client: Connected;
  /** The session it was given, if any. */
  readonly session: () => string | undefined;
  readonly methods: readonly string[];
  readonly become: (subject: string) => Promise<void>;
}

async function run(app: App, store?: SessionStore) {
  const server = await listen(0);
  const resource = `${server.origin}/mcp`;
  const issuer = fakeIssuer({ resource });
  const auth = authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch });
  const transports: Transports = new Map();
  const orphans: string[] = [];
  const onOrphan = async (id: string): Promise<void> => {
    orphans.push(id);
    await transports.get(id)?.close();
    transports.delete(id);
  };
  server.serve(app([auth, bindSession({ onOrphan, ...(store === undefined ? {} : { store }) })], transports));
  const bearer = async (sub: string): Promise<string> => `Bearer ${await issuer.token({ sub })}`;

  const connect = async (kind: ClientKind, subject: string): Promise<User> => {
    let authorization = await bearer(subject);
    let session: string | undefined;
    const methods: string[] = [];
    const acting: typeof fetch = async (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('authorization', authorization);
      const response = await fetch(input, { ...init, headers });
      session ??= response.headers.get('mcp-session-id') ?? undefined;
      methods.push(`${init?.method ?? 'GET'} ${response.status}`);
      return response;
    };
    const client = await connectClient(kind, resource, { fetch: acting });
    const become = async (other: string): Promise<void> => {
      authorization = await bearer(other);
    };
    return { client, session: () => session, methods, become };
  };

  /** One request by hand. */
  const send = async (method: string, subject: string, session: string) => {
    const headers = {
      authorization: await bearer(subject),
      'mcp-session-id': session,
      'mcp-protocol-version': '2025-11-25',
      accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
      ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
    const response = await fetch(resource, { method, headers, ...(method === 'POST' ? { body } : {}) });
    const { status } = response;
    const served = status === 200 || status === 410;
    if (served) await response.body?.cancel();
    return { status, error: served ? undefined : ((await response.json()) as { error: object }).error };
  };
  return { connect, send, orphans, transports, close: server.close };
}

const NOT_FOUND = { code: -32001, message: 'Session not found', data: { code: 'session_unknown' } };

async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'it worked',
    (error: unknown) => String(error),
  );
}

describe('sessions of official clients', () => {
  for (const [name, { line, app }] of Object.entries(WIRINGS)) {
    describe(`on ${name}`, () => {
      let server: Awaited<ReturnType<typeof run>>;

      before(async () => {
        server = await run(app);
      });

      after(() => server.close());

      for (const kind of CLIENTS.filter((one) => line === 'v1' || one !== 'client v2 auto')) {
        it(`belong to the user of ${kind}, with POST, GET and DELETE`, async () => {
          const { client, session, methods, become } = await server.connect(kind, 'alice');
          const id = session() ?? '';
          expect(id).to.match(/^[\w-]{36}$/);
          expect(await client.tools()).to.deep.equal(['hello']);
          await eventually(() => methods.includes('GET 200'));
          for (const method of ['POST', 'GET', 'DELETE']) {
            expect(await server.send(method, 'mallory', id)).to.deep.equal({ status: 404, error: NOT_FOUND });
          }
          await become('mallory');
          expect(await failureOf(client.call('hello'))).to.match(/404|Session not found/);
          expect(await failureOf(client.terminate())).to.not.equal('it worked');
          await become('alice');
          expect(await client.call('hello')).to.equal('hello');
          await client.terminate();
          expect(methods).to.include.members(['POST 200', 'POST 404', 'DELETE 404', 'DELETE 200']);
          expect(await server.send('POST', 'alice', id)).to.deep.equal({ status: 404, error: NOT_FOUND });
          await client.close();
        });
      }

      if (line === 'v2') {
        it('are none in the modern protocol, which works as without', async () => {
          const { client, session } = await server.connect('client v2 auto', 'alice');
          expect(client.era()).to.equal('modern');
          expect(await client.call('hello')).to.equal('hello');
          expect(session()).to.equal(undefined);
          await client.close();
        });
      }

      it('that are opened at the same time stay apart', async () => {
        const users = await Promise.all(['alice', 'bob'].map((subject) => server.connect('client v1', subject)));
        const [alice = '', bob = ''] = users.map(({ session }) => session());
        expect(await server.send('GET', 'bob', alice)).to.deep.equal({ status: 404, error: NOT_FOUND });
        expect(await server.send('POST', 'alice', bob)).to.deep.equal({ status: 404, error: NOT_FOUND });
        for (const { client } of users) {
          expect(await client.call('hello')).to.equal('hello');
          await client.close();
        }
      });
    });
  }

  for (const [name, { app }] of Object.entries(WIRINGS)) {
    it(`cannot be used by anybody when their owner is not stored, on ${name}`, async () => {
      const { bind, ...rest } = memorySessions();
      let down = true;
      const store: SessionStore = {
        ...rest,
        bind: (...args) => (down ? Promise.reject(new Error('ECONNREFUSED')) : bind(...args)),
      };
      const server = await run(app, store);
      try {
        expect(await failureOf(server.connect('client v1', 'alice'))).to.match(/unavailable/);
        expect(server.orphans).to.have.lengthOf(1);
        expect(server.transports.size).to.equal(0);
        const [orphan = ''] = server.orphans;
        for (const method of ['POST', 'GET', 'DELETE']) {
          for (const subject of ['alice', 'mallory']) {
            expect(await server.send(method, subject, orphan)).to.deep.equal({ status: 404, error: NOT_FOUND });
          }
        }
        down = false;
        const { client } = await server.connect('client v1', 'alice');
        expect(await client.call('hello')).to.equal('hello');
        await client.close();
      } finally {
        await server.close();
      }
    });
  }

  describe('bound in Redis', () => {
    let redis: TestRedis;
    let connection: Redis;

    before(async function () {
      if (!hasRedis()) this.skip();
      redis = await startRedis();
      connection = new Redis(redis.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
      connection.on('error', () => undefined);
    });

    after(async () => {
      (connection as Redis | undefined)?.disconnect();
      await (redis as TestRedis | undefined)?.close();
    });

    for (const [name, { app }] of Object.entries(WIRINGS)) {
      it(`belong to who opened them in any instance, with POST, GET and DELETE, on ${name}`, async () => {
        const { sessions } = redisStores(connection, { prefix: `${name}:` });
        const [one, two] = [await run(app, sessions), await run(app, sessions)];
        try {
          const { client, session } = await one.connect('client v1', 'alice');
          const id = session() ?? '';
          for (const method of ['POST', 'GET', 'DELETE']) {
            for (const instance of [one, two]) {
              expect(await instance.send(method, 'mallory', id)).to.deep.equal({ status: 404, error: NOT_FOUND });
            }
          }
          expect((await one.send('POST', 'alice', id)).status).to.equal(200);
          // The other instance knows whose session it is, though its server does not have it.
          expect(await two.send('POST', 'alice', id)).to.deep.equal({ status: 410, error: undefined });
          await client.terminate();
          expect(await one.send('POST', 'alice', id)).to.deep.equal({ status: 404, error: NOT_FOUND });
          await client.close();
        } finally {
          await one.close();
          await two.close();
        }
      });

      it(`are unavailable while it is down, and go on when it is back, on ${name}`, async () => {
        const { sessions } = redisStores(connection, { timeoutMs: 500 });
        const server = await run(app, sessions);
        try {
          const { client, session } = await server.connect('client v1', 'alice');
          const id = session() ?? '';
          expect((await server.send('POST', 'alice', id)).status).to.equal(200);
          await redis.stop();
          for (const method of ['POST', 'GET', 'DELETE']) {
            expect((await server.send(method, 'alice', id)).status).to.equal(503);
          }
          expect(await failureOf(server.connect('client v1', 'bob'))).to.match(/unavailable/);
          const [orphan = ''] = server.orphans;
          await redis.start();
          let status = 503;
          for (let tries = 0; tries < 50 && status === 503; tries += 1) {
            ({ status } = await server.send('POST', 'alice', id));
            if (status === 503) await new Promise((resolve) => setTimeout(resolve, 50));
          }
          // It forgot everything, so the session is nobody's, and its owner opens another one.
          expect(status).to.equal(404);
          expect(await server.send('POST', 'bob', orphan)).to.deep.equal({ status: 404, error: NOT_FOUND });
          const again = await server.connect('client v1', 'alice');
          expect(await again.client.call('hello')).to.equal('hello');
          await again.client.close();
          await client.close();
        } finally {
          await server.close();
        }
      });
    }
  });
});
