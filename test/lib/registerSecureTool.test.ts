import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server';
import { expect } from 'chai';
import { z } from 'zod';
import { servedTools, type ConnectableServer } from '../../lib/definitions/source.js';
import { contextOf, defineTools, registerSecureTool } from '../../lib/index.js';

const tools = defineTools({
  add: { version: '1.0.0', permissions: [] },
  whoami: { version: '1.0.0', permissions: [] },
});
const INFO = { name: 'test', version: '1.0.0' };
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** The names of the tools that clients get. */
async function listed(server: ConnectableServer): Promise<readonly unknown[]> {
  const { legacy = [] } = await servedTools(() => server)();
  return legacy.map(({ name }) => name);
}

describe('registerSecureTool', () => {
  it('registers tools that have a policy with sdk v1, types and all', async () => {
    const server = new McpServerV1(INFO);
    const inputSchema = { a: z.number(), b: z.number().optional() };
    const registered = registerSecureTool(server, tools, 'add', { description: 'Adds', inputSchema }, ({ a, b }) =>
      text(`${a + (b ?? 0)}`),
    );
    registerSecureTool(server, tools, 'whoami', { title: 'Who am I' }, (extra) => {
      expect(() => contextOf(extra)).to.throw();
      return text(String(extra.requestId));
    });
    expect(registered.description).to.equal('Adds');
    expect(await listed(server)).to.deep.equal(['add', 'whoami']);
  });

  it('registers tools that have a policy with server v2, types and all', async () => {
    const server = new McpServerV2(INFO);
    const inputSchema = z.object({ a: z.number(), b: z.string() });
    const registered = registerSecureTool(server, tools, 'add', { description: 'Adds', inputSchema }, ({ a, b }, ctx) =>
      text(`${a.toFixed()} ${b.trim()} ${ctx.mcpReq.id}`),
    );
    registerSecureTool(server, tools, 'whoami', { title: 'Who am I' }, (ctx) => text(String(ctx.mcpReq.id)));
    expect(registered.description).to.equal('Adds');
    expect(await listed(server)).to.deep.equal(['add', 'whoami']);
  });

  for (const [line, make] of [
    ['sdk v1', () => new McpServerV1(INFO)],
    ['server v2', () => new McpServerV2(INFO)],
  ] as const) {
    it(`registers nothing with ${line} for a tool without a policy`, async () => {
      const server: McpServerV1 | McpServerV2 = make();
      registerSecureTool(server as McpServerV1, tools, 'add', {}, () => text(''));
      for (const name of ['ad', 'Add', 'toString', '__proto__', '']) {
        expect(() => registerSecureTool(server as McpServerV1, tools, name, {}, () => text(''))).to.throw(
          TypeError,
          `the tool '${name}' has no policy; add it to defineTools`,
        );
      }
      expect(await listed(server)).to.deep.equal(['add']);
    });
  }

  it('takes no policies but those of defineTools', () => {
    const forged = { get: () => ({ permissions: [] }), names: ['add'] } as never;
    expect(() => registerSecureTool(new McpServerV1(INFO), forged, 'add', {}, () => text(''))).to.throw(
      TypeError,
      'defineTools',
    );
  });

  it('knows the types of arguments, of the context and of results', () => {
    const v1 = new McpServerV1(INFO);
    const v2 = new McpServerV2(INFO);
    const inputSchema = { a: z.number() };
    // @ts-expect-error -- a number is no text
    registerSecureTool(v1, tools, 'add', { inputSchema }, ({ a }) => text(a));
    // @ts-expect-error -- there is no b
    registerSecureTool(v2, tools, 'add', { inputSchema: z.object(inputSchema) }, ({ b }) => text(String(b)));
    // @ts-expect-error -- not a result
    registerSecureTool(v1, tools, 'whoami', {}, () => 'text');
    // @ts-expect-error -- no such member
    expect(() => registerSecureTool(v2, tools, 'none', { descripton: 'x' }, () => text(''))).to.throw(TypeError);
  });
});
