import { expect } from 'chai';
import { denialOf } from '../../examples/call-chain/peers.js';
import { CLIENTS } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import {
  authenticate,
  authorizeScopes,
  callStackGuard,
  chainFetch,
  contextOf,
  defineTools,
  oidc,
  type CallStack,
} from '../../lib/index.js';
import { fakeIssuer, fakeSigner } from '../../lib/testing.js';
import { ALLOWED, BY_RULE, forClients, PAIRS, RULES, TOOLS, type Tool } from '../support/sevenTools.js';
import { BOOTS } from './callServers.js';
import { connectClient } from './signingServers.js';

describe('seven tools on seven live servers', function () {
  this.timeout(60_000);
  const issuer = fakeIssuer();
  const closing: (() => Promise<void>)[] = [];
  const resources = new Map<Tool, string>();
  /** How often each tool was run. */
  const runs = new Map<string, number>();
  const resourceOf = (tool: Tool): string => resources.get(tool) ?? '';

  before(async () => {
    const places = await Promise.all(TOOLS.map(async (tool) => ({ tool, server: await listen(0) })));
    for (const { tool, server } of places) {
      resources.set(tool, `${server.origin}/mcp`);
      closing.push(server.close);
    }
    const signers = await Promise.all(TOOLS.map(async (tool) => [tool, await fakeSigner()] as const));
    const trust = signers.map(([tool, { jwks }]) => ({
      owner: resourceOf(tool),
      clientId: tool,
      mayRoot: true,
      jwks,
    }));
    const boots = Object.values(BOOTS);
    signers.forEach(([tool, signer], index) => {
      const resource = resourceOf(tool);
      const rename = (name: string): string => {
        const other = resources.get(name as Tool);
        return other === undefined || name === tool ? name : `${other}#${name}`;
      };
      const tools = defineTools({ [tool]: forClients(RULES[tool], rename) });
      const chain = [
        authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch }),
        authorizeScopes({ tools }),
        callStackGuard({ tools, identity: { resource, signer }, trust }),
      ];
      const call = async (callee: Tool, callStack: CallStack): Promise<string> => {
        const about = { aud: resourceOf(callee), sub: tool, client_id: tool, scope: 'x' };
        const client = await connectClient(CLIENTS[index % CLIENTS.length] ?? 'client v1', resourceOf(callee), {
          headers: { authorization: `Bearer ${await issuer.token(about)}` },
          fetch: chainFetch({ callStack, resource: resourceOf(callee) }),
        });
        try {
          return await client.call(callee, {});
        } catch (error) {
          return denialOf(error);
        } finally {
          await client.close();
        }
      };
      const run = async ({ path }: { readonly path?: string | undefined }, source: object): Promise<string> => {
        runs.set(tool, (runs.get(tool) ?? 0) + 1);
        const { callStack } = contextOf(source, 'callStack').state;
        return path === undefined ? callStack.frames.map((one) => one.tool).join(' ') : call(path as Tool, callStack);
      };
      const boot = boots[index % boots.length];
      const place = places[index];
      if (boot !== undefined) place?.server.serve(boot(chain, { [tool]: run }, { policyDenials: 'rpc' }));
    });
  });
  after(() => Promise.all(closing.map((close) => close())));

  for (const from of TOOLS) {
    it(`let ${from} call whom both agree on, and nobody else`, async () => {
      const about = { aud: resourceOf(from), sub: 'alice', client_id: 'app', scope: 'x' };
      const headers = { authorization: `Bearer ${await issuer.token(about)}` };
      const client = await connectClient('client v1', resourceOf(from), { headers });
      try {
        const callees = PAIRS.filter(([caller]) => caller === from).map(([, callee]) => callee);
        expect(callees).to.have.lengthOf(6);
        for (const callee of callees) {
          const before = runs.get(callee) ?? 0;
          const answer = await client.call(from, { path: callee });
          const isAllowed = ALLOWED.has(`${from} ${callee}`);
          if (isAllowed) expect(answer).to.equal(`${from} ${callee}`);
          else expect(BY_RULE, answer).to.include(answer);
          expect((runs.get(callee) ?? 0) - before, callee).to.equal(isAllowed ? 1 : 0);
        }
      } finally {
        await client.close();
      }
    });
  }

  it('deny where only the callee agrees', async () => {
    for (const [from, callee] of [
      ['data-processor', 'data-validator'],
      ['data-validator', 'audit-logger'],
    ] as const) {
      const about = { aud: resourceOf(from), sub: 'alice', client_id: 'app', scope: 'x' };
      const headers = { authorization: `Bearer ${await issuer.token(about)}` };
      const client = await connectClient('client v2 auto', resourceOf(from), { headers });
      expect(await client.call(from, { path: callee })).to.equal('callee_denied');
      await client.close();
    }
  });
});
