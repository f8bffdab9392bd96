// How calls of tools end, as servers of both SDK lines say it: in JSON and event streams.
import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { expect } from 'chai';
import express from 'express';
import request from 'supertest';
import { toExpress } from '../../adapters/express.js';
import { auditLog, toolOutcomes, type AuditEvent, type Middleware, type ToolOutcome } from '../../lib/index.js';

/** Checks that read the messages do what this one does. */
const read: Middleware = {
  name: 'read',
  needs: [],
  adds: [],
  run: async (ctx) => {
    await ctx.request.rpc();
    return {};
  },
};

const answers = {
  well: () => ({ content: [{ type: 'text' as const, text: 'fine, token=hunter2' }] }),
  badly: () => ({ content: [{ type: 'text' as const, text: 'no' }], isError: true }),
  throws: () => {
    throw new Error('secret reason');
  },
};

function serverV1(): McpServerV1 {
  const server = new McpServerV1({ name: 's', version: '1.0.0' });
  for (const [name, answer] of Object.entries(answers)) server.registerTool(name, {}, answer);
  return server;
}

function serverV2(): McpServer {
  const server = new McpServer({ name: 's', version: '1.0.0' });
  for (const [name, answer] of Object.entries(answers)) server.registerTool(name, {}, answer);
  return server;
}

const v1 =
  (enableJsonResponse: boolean): RequestListener =>
  (req, res) => {
    void (async () => {
      const server = serverV1();
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse });
      res.once('close', () => void server.close());
      await server.connect(transport);
      await transport.handleRequest(req, res, (req as { body?: unknown }).body);
    })();
  };
const v2 = (): RequestListener => {
  const handle = toNodeHandler(createMcpHandler(serverV2));
  return (req, res) => void handle(req as Parameters<typeof handle>[0], res, (req as { body?: unknown }).body);
};

const servers: Readonly<Record<string, () => RequestListener>> = {
  'sdk v1, event stream': () => v1(false),
  'sdk v1, JSON': () => v1(true),
  'server v2': v2,
  'a server that answers nothing': () => (_req, res) => void res.writeHead(202).end(),
};

for (const [name, handler] of Object.entries(servers)) {
  describe(`outcomes of tools: ${name}`, () => {
    const outcomes: ToolOutcome[] = [];
    const events: AuditEvent[] = [];
    let server: Server;

    before(async () => {
      const checks = [
        auditLog({ sink: (event) => events.push(event), level: 'all' }),
        read,
        toolOutcomes({ onOutcome: (_ctx, outcome) => outcomes.push(outcome) }),
      ] as const;
      const app = express().use('/mcp', toExpress(...checks), handler());
      server = createServer(app as RequestListener).listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    after(() => {
      server.close();
    });

    const call = async (tool: string): Promise<string> => {
      outcomes.length = events.length = 0;
      const params = { name: tool, arguments: { password: 'hunter2', path: '/a' } };
      await request(server)
        .post('/mcp')
        .set({ Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2025-06-18' })
        .send({ jsonrpc: '2.0', id: 7, method: 'tools/call', params });
      while (!events.some(({ type }) => type === 'request')) await new Promise((resolve) => setImmediate(resolve));
      return outcomes.map(({ outcome }) => outcome).join();
    };

    const isSilent = name.endsWith('nothing');
    const expected: readonly (readonly [tool: string, outcome: string])[] = [
      ['well', 'succeeded'],
      ['badly', 'tool_error'],
      ['throws', 'tool_error'],
    ];
    for (const [tool, outcome] of expected) {
      it(`tells of one that ${tool === 'throws' ? tool : `answers ${tool}`}`, async () => {
        expect(await call(tool)).to.equal(isSilent ? 'unanswered' : outcome);
        const [started, ended] = events.filter(({ type }) => type.startsWith('call_'));
        expect(started).to.deep.include({ type: 'call_started', tool, rpcId: 7 });
        const failure = isSilent ? 'unanswered' : outcome;
        const said = failure === 'succeeded' ? { type: 'call_succeeded' } : { type: 'call_failed', failure };
        expect(ended).to.deep.include({ ...said, tool, rpcId: 7, id: started?.id });
        expect(new Set(events.map(({ id }) => id)).size).to.equal(1);
        expect(JSON.stringify(events)).to.not.include('hunter2');
      });
    }

    it('tells of one that is not there', async () => {
      const outcome = await call('unknown');
      // The two lines have said it either way in their time.
      expect(outcome).to.be.oneOf(isSilent ? ['unanswered'] : ['rpc_error', 'tool_error']);
      const ended = events.find(({ type }) => type === 'call_failed');
      if (outcome === 'rpc_error') expect(ended).to.have.property('errorCode', outcomes[0]?.errorCode);
    });
  });
}

describe('toolOutcomes', () => {
  it('says of no call how another one of the same id ended', async () => {
    const seen: unknown[] = [];
    const watch = toolOutcomes({ onOutcome: (_ctx, { call, outcome }) => seen.push([call.target.name, outcome]) });
    const answer = (id: number) => ({ jsonrpc: '2.0', id, result: { content: [] } });
    const app = express().use('/mcp', toExpress(read, watch), (_req, res) => {
      res.json([answer(1), answer(1), answer(2)]);
    });
    const call = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
    await request(app)
      .post('/mcp')
      .send([call(1, 'drop'), call(1, 'greet'), call(2, 'read')])
      .expect(200);
    expect(seen).to.deep.equal([
      ['read', 'succeeded'],
      ['drop', 'unanswered'],
      ['greet', 'unanswered'],
    ]);
  });

  it('is not built from wrong options', () => {
    expect(() => toolOutcomes({} as never)).to.throw(TypeError, "'onOutcome' must be a function");
  });
});
