import { expect } from 'chai';
import { isDenial } from '../../lib/index.js';
import type { CallStack } from '../../lib/callchain/callStack.js';
import { callTool } from '../../lib/callchain/callTool.js';
import { kExchange } from '../../lib/handOver.js';
import { fakeContext } from '../../lib/testing.js';
import { callAcross, network, urlOf, type Member, type Server } from '../support/callNetwork.js';
import { ALLOWED, BY_RULE, forClients, PAIRS, RULES, TOOLS, type Tool } from '../support/sevenTools.js';

describe('seven tools with rules about each other', () => {
  it('are 42 ordered pairs, of which five may call', () => {
    expect(PAIRS).to.have.lengthOf(42);
    expect(PAIRS.filter((pair) => ALLOWED.has(pair.join(' ')))).to.have.lengthOf(5);
  });

  describe('of one server', () => {
    let server: Server;
    before(async () => {
      const tools = TOOLS.map((name) => [name, forClients(RULES[name], (tool) => tool)] as const);
      ({ one: server } = await network({ one: { tools: Object.fromEntries(tools) } }));
    });

    const call = async (from: Tool, to: string): Promise<CallStack | string> => {
      const callStack = await server.start(from);
      const source = { [kExchange]: fakeContext({ state: { callStack } }) };
      try {
        return await callTool(source, to, {}, (_args, inner) => inner[kExchange].state.callStack);
      } catch (error) {
        if (isDenial(error)) return error.code;
        throw error;
      }
    };

    for (const [from, to] of PAIRS) {
      const allowed = ALLOWED.has(`${from} ${to}`);
      it(`${allowed ? 'let' : 'do not let'} ${from} call ${to}`, async () => {
        const outcome = await call(from, to);
        if (typeof outcome === 'string') expect(BY_RULE).to.include(outcome);
        expect(typeof outcome).to.equal(allowed ? 'object' : 'string');
      });
    }

    it('deny where only the callee agrees', async () => {
      expect(await call('data-processor', 'data-validator')).to.equal('callee_denied');
      expect(await call('data-validator', 'audit-logger')).to.equal('callee_denied');
    });
  });

  describe('of seven servers', () => {
    let servers: Readonly<Record<Tool, Server>>;
    before(async () => {
      const members = TOOLS.map((name): [Tool, Member] => {
        const rename = (tool: string): string => (tool === name ? tool : `${urlOf(tool)}#${tool}`);
        return [name, { tools: { [name]: forClients(RULES[name], rename) } }];
      });
      servers = await network(Object.fromEntries(members) as Record<Tool, Member>);
    });

    const call = async (from: Tool, to: Tool): Promise<CallStack | string> =>
      callAcross(await servers[from].start(from), servers[from].resource, servers[to], to);

    for (const [from, to] of PAIRS) {
      const allowed = ALLOWED.has(`${from} ${to}`);
      it(`${allowed ? 'let' : 'do not let'} ${from} call ${to}`, async () => {
        const outcome = await call(from, to);
        if (typeof outcome === 'string') expect(BY_RULE).to.include(outcome.replace('unsent ', ''));
        expect(typeof outcome).to.equal(allowed ? 'object' : 'string');
      });
    }

    it('deny where only the callee agrees, before anything is sent', async () => {
      expect(await call('data-processor', 'data-validator')).to.equal('unsent callee_denied');
      expect(await call('data-validator', 'audit-logger')).to.equal('unsent callee_denied');
    });

    it('deny at the callee where only the caller agrees', async () => {
      const lax = await network({
        'data-source': { tools: { 'data-source': { permissions: [] } } },
        'data-sink': { tools: { 'data-sink': forClients(RULES['data-sink'], (tool) => `${urlOf(tool)}#${tool}`) } },
        'audit-logger': {
          tools: { 'audit-logger': forClients(RULES['audit-logger'], (tool) => `${urlOf(tool)}#${tool}`) },
        },
      });
      const from = lax['data-source'];
      const stack = await from.start('data-source');
      expect(await callAcross(stack, from.resource, lax['data-sink'], 'data-sink')).to.equal('caller_blocked');
      expect(await callAcross(stack, from.resource, lax['audit-logger'], 'audit-logger')).to.equal('caller_denied');
    });
  });
});
