import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { createMcpHandler, McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { expect } from 'chai';
import { z } from 'zod';
import { servedTools } from '../../../lib/index.js';

const INFO = { name: 'test', version: '1.0.0' };
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

function serverV1(): McpServerV1 {
  const server = new McpServerV1(INFO);
  server.registerTool('add', { inputSchema: { a: z.number() } }, ({ a }) => text(`${a}`));
  return server;
}

function serverV2(): McpServerV2 {
  const server = new McpServerV2(INFO);
  server.registerTool('add', { inputSchema: z.object({ a: z.number() }), outputSchema: z.number() }, ({ a }) => ({
    ...text(`${a}`),
    structuredContent: a,
  }));
  return server;
}

interface Sent {
  readonly id?: number;
  readonly method: string;
}

describe('servedTools', () => {
  it('lists the tools of an sdk v1 server as clients get them, and closes it', async () => {
    let closed = 0;
    const served = await servedTools(() => {
      const server = serverV1();
      server.server.onclose = () => void (closed += 1);
      return server;
    })();
    expect(Object.keys(served)).to.deep.equal(['legacy']);
    expect(served.legacy).to.deep.equal([
      {
        name: 'add',
        inputSchema: {
          $schema: 'http://json-schema.org/draft-07/schema#',
          type: 'object',
          properties: { a: { type: 'number' } },
          required: ['a'],
        },
        execution: { taskSupport: 'forbidden' },
      },
    ]);
    expect(closed).to.equal(1);
  });

  it('lists the tools of a v2 server in the legacy form', async () => {
    const { legacy, modern } = await servedTools(() => Promise.resolve(serverV2()))();
    expect(modern).to.equal(undefined);
    expect(legacy?.[0]).to.have.nested.property('outputSchema.properties.result');
  });

  it('lists the tools of a v2 handler in both forms, which differ', async () => {
    const { legacy, modern } = await servedTools(createMcpHandler(serverV2))();
    expect(legacy).to.deep.equal((await servedTools(serverV2)()).legacy);
    expect(legacy?.[0]).to.have.nested.property('outputSchema.type', 'object');
    expect(modern?.[0]).to.have.nested.property('outputSchema.type', 'number');
  });

  it('lists the one form that a handler serves', async () => {
    const { legacy, modern } = await servedTools(createMcpHandler(serverV2, { legacy: 'reject' }))();
    expect(legacy).to.equal(undefined);
    expect(modern).to.have.lengthOf(1);
  });

  /** Pages are made by hand: McpServer has all tools on one. */
  const paged = (pages: number) => (): McpServerV1 => {
    const server = new McpServerV1(INFO, { capabilities: { tools: {} } });
    server.server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
      const page = Number(params?.cursor ?? 0);
      const tools = [{ name: `tool_${page}`, inputSchema: { type: 'object' as const } }];
      return page + 1 < pages ? { tools, nextCursor: String(page + 1) } : { tools };
    });
    return server;
  };

  it('follows the cursor to the last page', async () => {
    const { legacy } = await servedTools(paged(3))();
    expect(legacy?.map(({ name }) => name)).to.deep.equal(['tool_0', 'tool_1', 'tool_2']);
  });

  it('gives up on pages without end', async () => {
    const error = await Promise.resolve(servedTools(paged(Infinity))()).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError).with.property('message').that.includes('without end');
  });

  it('fails where a server does not list tools', async () => {
    const nothing = (): McpServerV1 => new McpServerV1(INFO, { capabilities: { prompts: {} } });
    for (const source of [servedTools(nothing), servedTools({ fetch: () => Promise.resolve(new Response('no')) })]) {
      const error = await Promise.resolve(source()).catch((reason: unknown) => reason);
      expect(error)
        .to.be.instanceOf(TypeError)
        .with.property('message', 'servedTools: the server did not list its tools');
    }
  });

  it('is not misled by what else a server sends', async () => {
    const server = {
      closed: false,
      connect(transport: { onmessage: (message: Sent) => void; send: (message: object) => Promise<void> }) {
        transport.onmessage = ({ id, method }) => {
          // A request with the same id, before the answer to it.
          void transport.send({ jsonrpc: '2.0', id, method: 'roots/list' });
          void transport.send({ jsonrpc: '2.0', method: 'notifications/message' });
          const result = method === 'tools/list' ? { tools: [{ name: 'a', undefined: undefined }] } : {};
          if (id !== undefined) void transport.send({ jsonrpc: '2.0', id, result });
        };
        return Promise.resolve();
      },
      close() {
        server.closed = true;
        return Promise.resolve();
      },
    };
    expect(await servedTools(() => server)()).to.deep.equal({ legacy: [{ name: 'a' }] });
    expect(server.closed).to.equal(true);
  });

  it('needs a function or a handler', () => {
    for (const wrong of [undefined, null, {}, serverV1(), { fetch: 'x' }]) {
      expect(() => servedTools(wrong as never)).to.throw(TypeError, 'servedTools: pass a function');
    }
  });
});
