import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport, type EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { expect } from 'chai';
import express from 'express';
import Koa from 'koa';
import { z } from 'zod';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { listen, type Loopback } from '../../examples/support/loopback.js';
import {
  APPROVED_DIGEST,
  DEFINITION,
  digestOfTool,
  MANIFEST,
  SIGNATURES,
  type WireTool,
} from '../../lib/definitions/form.js';
import { verifyManifest, verifyTool } from '../../lib/definitions/verify.js';
import {
  defineTools,
  memoryVersions,
  publishTools,
  registerSecureTool,
  servedTools,
  type AnyMiddleware,
  type PublishToolsOptions,
  type ToolSource,
} from '../../lib/index.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { trustIn } from '../lib/definitions/support.js';

const tools = defineTools({
  add: { version: '1.0.0', permissions: [] },
  read: { version: '2.1.0', permissions: ['file:read'], codeDigest: `sha256:${'c'.repeat(64)}` },
});
const INFO = { name: 'test', version: '1.0.0' };
const ANNOTATIONS = { readOnlyHint: true };
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** What the servers below say about `add`: whoever runs them may change it at any time. */
let description = 'Adds two numbers';

function serverV1(): McpServerV1 {
  const server = new McpServerV1(INFO);
  const inputSchema = { a: z.number(), b: z.number() };
  registerSecureTool(server, tools, 'add', { description, inputSchema }, ({ a, b }) => text(`${a + b}`));
  const read = { title: 'Read', annotations: ANNOTATIONS, _meta: { 'com.example/team': 'storage' } };
  registerSecureTool(server, tools, 'read', read, () => text('Buy milk.'));
  return server;
}

function serverV2(): McpServerV2 {
  const server = new McpServerV2(INFO);
  const inputSchema = z.object({ a: z.number(), b: z.number() });
  // The legacy form wraps what is no object, so the two forms differ.
  const add = { description, inputSchema, outputSchema: z.number() };
  registerSecureTool(server, tools, 'add', add, ({ a, b }) => ({ ...text(`${a + b}`), structuredContent: a + b }));
  const read = { title: 'Read', annotations: ANNOTATIONS, _meta: { 'com.example/team': 'storage' } };
  registerSecureTool(server, tools, 'read', read, () => text('Buy milk.'));
  return server;
}

type Handler = (req: IncomingMessage, res: ServerResponse, body: unknown) => Promise<void>;

interface Line {
  readonly handler: () => Handler;
  readonly source: () => ToolSource;
  readonly contentType: RegExp;
}

const withoutSessions =
  (enableJsonResponse: boolean): Handler =>
  async (req, res, body) => {
    if (req.method !== 'POST') return void res.writeHead(405, { Allow: 'POST' }).end();
    const server = serverV1();
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse });
    res.once('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(req, res, body);
  };

/** One session for everybody, whose streams can be resumed. */
function withOneSession(): Handler {
  const events = new Map<string, readonly [stream: string, message: JSONRPCMessage]>();
  const eventStore: EventStore = {
    storeEvent: (stream, message) => {
      const id = String(events.size);
      events.set(id, [stream, message]);
      return Promise.resolve(id);
    },
    replayEventsAfter: async (last, { send }) => {
      const [stream = ''] = events.get(last) ?? [];
      for (const [id, [of, message]] of events) if (Number(id) > Number(last) && of === stream) await send(id, message);
      return stream;
    },
  };
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, eventStore });
  const connected = serverV1().connect(transport);
  return async (req, res, body) => {
    await connected;
    await transport.handleRequest(req, res, body);
  };
}

const lineV2 = (responseMode: 'auto' | 'sse'): Pick<Line, 'handler' | 'source'> => ({
  handler: () => toNodeHandler(createMcpHandler(serverV2, { responseMode })) as Handler,
  source: () => servedTools(createMcpHandler(serverV2)),
});

const LINES: Readonly<Record<string, Line>> = {
  'sdk v1, JSON': { handler: () => withoutSessions(true), source: () => servedTools(serverV1), contentType: /json/ },
  'sdk v1, SSE': { handler: () => withoutSessions(false), source: () => servedTools(serverV1), contentType: /event/ },
  'server v2, JSON': { ...lineV2('auto'), contentType: /./ },
  'server v2, SSE': { ...lineV2('sse'), contentType: /event/ },
};

const FRAMEWORKS: Readonly<Record<string, (handler: Handler, ...list: AnyMiddleware[]) => RequestListener>> = {
  Express: (handler, ...list) => {
    const app = express();
    app.use('/mcp', toExpress(...(list as [])));
    app.all('/mcp', (req, res) => void handler(req, res, req.body));
    return app as RequestListener;
  },
  Koa: (handler, ...list) => {
    const app = new Koa();
    app.use(toKoa(...(list as [])));
    app.use(async (ctx) => {
      ctx.respond = false;
      await handler(ctx.req, ctx.res, (ctx.request as { body?: unknown }).body);
    });
    const handle = app.callback();
    return (req, res) => void handle(req, res);
  },
};

const CLIENTS = ['client v1', 'client v2 legacy', 'client v2 auto'] as const;

/** An official client, and the bodies that reached it. */
interface Connected {
  readonly list: () => Promise<readonly { readonly name: string; readonly _meta?: unknown }[]>;
  readonly call: (name: string, args?: object, meta?: object) => Promise<string>;
  readonly pages: { readonly type: string; readonly tools: readonly WireTool[]; readonly manifest: unknown }[];
  readonly close: () => Promise<void>;
}

async function connect(kind: (typeof CLIENTS)[number], url: URL): Promise<Connected> {
  const pages: Connected['pages'] = [];
  const recording: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (typeof init?.body !== 'string' || !init.body.includes('"tools/list"')) return response;
    const [type, body] = [response.headers.get('content-type') ?? '', await response.clone().text()];
    const json = /^data: (.*)$/m.exec(body)?.[1] ?? body;
    const { result } = JSON.parse(json) as { result: { tools: WireTool[]; _meta: WireTool } };
    pages.push({ type, tools: result.tools, manifest: result._meta[MANIFEST] });
    return response;
  };
  const client =
    kind === 'client v1'
      ? new ClientV1(INFO)
      : new Client(INFO, { versionNegotiation: { mode: kind === 'client v2 auto' ? 'auto' : 'legacy' } });
  const transport =
    kind === 'client v1'
      ? new TransportV1(url, { fetch: recording })
      : new StreamableHTTPClientTransport(url, { fetch: recording });
  await (client as Client).connect(transport);
  return {
    pages,
    list: async () => (await client.listTools()).tools,
    call: async (name, args = {}, meta) => {
      const params = { name, arguments: { ...args }, ...(meta === undefined ? {} : { _meta: { ...meta } }) };
      const { content } = (await client.callTool(params)) as unknown as ReturnType<typeof text>;
      return content.map((one) => one.text).join('\n');
    },
    close: () => client.close(),
  };
}

describe('publishTools with official servers and clients', () => {
  let signer: FakeSigner;

  before(async () => {
    signer = await fakeSigner();
  });

  beforeEach(() => {
    description = 'Adds two numbers';
  });

  for (const [framework, build] of Object.entries(FRAMEWORKS)) {
    for (const [line, { handler, source, contentType }] of Object.entries(LINES)) {
      describe(`${framework} and ${line}`, () => {
        const versions = memoryVersions();
        let server: Loopback;
        let resource: string;

        const boot = async (more: Partial<PublishToolsOptions> = {}): Promise<void> => {
          const one = publishTools({ tools, signer, resource, versions, onEvent: () => undefined, ...more });
          server.serve(build(handler(), one));
          await Promise.resolve();
        };

        beforeEach(async () => {
          server = await listen(0);
          resource = 'https://mcp.example/mcp';
        });

        afterEach(() => server.close());

        for (const kind of CLIENTS) {
          it(`serves ${kind}, which knows nothing of it`, async () => {
            await boot();
            const client = await connect(kind, new URL(`${server.origin}/mcp`));
            const listed = await client.list();
            expect(listed.map(({ name }) => name)).to.deep.equal(['add', 'read']);
            // What a client that does know needs survives the client that does not.
            for (const { _meta: meta } of listed) expect(meta).to.include.all.keys(DEFINITION, SIGNATURES);
            expect(await client.call('add', { a: 2, b: 3 })).to.equal('5');
            expect(await client.call('read')).to.equal('Buy milk.');
            const [page] = client.pages;
            expect(page?.type).to.match(contentType);
            for (const tool of page?.tools ?? []) {
              const facts = await verifyTool(tool, trustIn([[resource, signer]]), new Date());
              expect(facts).to.have.nested.property('definition.server', resource);
            }
            const manifest = await verifyManifest(page?.manifest, trustIn([[resource, signer]]), new Date());
            expect(manifest).to.have.nested.property('manifest.tools').with.lengthOf(2);
            await client.close();
          });

          it(`holds ${kind} to what was approved, and denies what changed since`, async () => {
            await boot();
            const client = await connect(kind, new URL(`${server.origin}/mcp`));
            await client.list();
            const approved = { [APPROVED_DIGEST]: digestOfTool(client.pages[0]?.tools[0] ?? {}) };
            expect(await client.call('add', { a: 2, b: 3 }, approved)).to.equal('5');
            const refused = await client.call('read', {}, approved).catch((error: unknown) => String(error));
            expect(refused).to.include('definition_changed');

            description = 'Adds two numbers, and mails them';
            expect((await client.list()).map(({ name }) => name)).to.deep.equal(['read']);
            for (const meta of [undefined, approved]) {
              const denied = await client.call('add', { a: 2, b: 3 }, meta).catch((error: unknown) => String(error));
              expect(denied).to.include('definition_changed');
            }
            expect(await client.call('read')).to.equal('Buy milk.');
            await client.close();

            description = 'Adds two numbers';
            const restored = await connect(kind, new URL(`${server.origin}/mcp`));
            expect(await restored.list()).to.have.lengthOf(2);
            await restored.close();
          });
        }

        for (const when of ['from a list', 'before any list']) {
          it(`reports a tool without a policy and a policy without a tool, ${when}`, async () => {
            const policy = { version: '1.0.0', permissions: [] };
            const events: string[] = [];
            await boot({
              tools: defineTools({ add: policy, absent: policy }),
              versions: memoryVersions(),
              onEvent: ({ type, name }) => events.push(`${type} ${name}`),
              ...(when === 'from a list' ? {} : { source: source() }),
            });
            const client = await connect('client v1', new URL(`${server.origin}/mcp`));
            if (when === 'from a list') expect((await client.list()).map(({ name }) => name)).to.deep.equal(['add']);
            else expect(await client.call('add', { a: 1, b: 1 })).to.equal('2');
            expect(events).to.include.members(['tool_undefined read', 'tool_missing absent', 'definition_pinned add']);
            const refused = await client.call('read').catch((error: unknown) => String(error));
            expect(refused).to.include('tool_undefined');
            await client.close();
          });
        }

        it('denies calls of a tool that changed while it was down, before anybody lists', async () => {
          await boot({ source: source() });
          const before = await connect('client v2 auto', new URL(`${server.origin}/mcp`));
          expect(await before.call('add', { a: 1, b: 1 })).to.equal('2');
          await before.close();
          await server.close();

          server = await listen(0);
          description = 'Adds two numbers, and mails them';
          await boot({ source: source() });
          for (const kind of CLIENTS) {
            const client = await connect(kind, new URL(`${server.origin}/mcp`));
            const denied = await client.call('add', { a: 1, b: 1 }).catch((error: unknown) => String(error));
            expect(denied, kind).to.include('definition_changed');
            expect(await client.call('read'), kind).to.equal('Buy milk.');
            expect(client.pages, kind).to.deep.equal([]);
            await client.close();
          }
        });
      });
    }

    it(`signs what ${framework} and sdk v1 send again to a client that lost its stream`, async () => {
      const server = await listen(0);
      const options = { tools, signer, resource: 'https://mcp.example/mcp', versions: memoryVersions() };
      server.serve(build(withOneSession(), publishTools({ ...options, onEvent: () => undefined })));
      const url = `${server.origin}/mcp`;
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      };
      const post = (body: object, more: object = {}) =>
        fetch(url, {
          method: 'POST',
          headers: { ...headers, ...more },
          body: JSON.stringify({ jsonrpc: '2.0', ...body }),
        });
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: INFO };
      const opened = await post({ id: 1, method: 'initialize', params });
      await opened.text();
      const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
      await (await post({ method: 'notifications/initialized' }, session)).text();
      const listed = await (await post({ id: 2, method: 'tools/list' }, session)).text();
      // The first event of the stream is empty: it is there to be resumed from.
      const last = /^id: (.*)$/m.exec(listed)?.[1] ?? '';
      const resumed = await fetch(url, { headers: { ...headers, ...session, 'last-event-id': last } });
      const reader = resumed.body?.pipeThrough(new TextDecoderStream()).getReader();
      let again = '';
      while (!/^data: .*tools.*\n/m.test(again)) again += (await reader?.read())?.value ?? '';
      await reader?.cancel();
      const dataOf = (stream: string): unknown => JSON.parse(/^data: (.*tools.*)$/m.exec(stream)?.[1] ?? 'null');
      expect(dataOf(again)).to.deep.equal(dataOf(listed));
      expect(again).to.include(SIGNATURES);
      await server.close();
    });
  }
});
