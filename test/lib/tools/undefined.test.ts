import { expect } from 'chai';
import { callTool } from '../../../lib/callchain/callTool.js';
import { kExchange } from '../../../lib/handOver.js';
import { isDenial, memoryVersions, type RequestContext } from '../../../lib/index.js';
import { fakeSigner } from '../../../lib/testing.js';
import { defineTools } from '../../../lib/tools/defineTools.js';
import { authorizeScopes } from '../../../middleware/authorizeScopes.js';
import { callStackGuard } from '../../../middleware/callStackGuard.js';
import { publishTools } from '../../../middleware/publishTools.js';
import { client, contextWith } from '../../support/callNetwork.js';

const resource = 'https://mcp.example/mcp';
const tools = defineTools({ read: { version: '1.0.0', permissions: [] } });

describe('a tool that is not defined', () => {
  const asking = (name: string): RequestContext<'auth'> =>
    contextWith({
      body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } },
      state: client(),
    }) as RequestContext<'auth'>;

  async function denialOf(run: () => unknown): Promise<object | undefined> {
    try {
      await run();
      return undefined;
    } catch (error) {
      if (!isDenial(error)) throw error;
      const { status, code, message, policy, detail, headers } = error;
      return { status, code, message, policy, detail, headers };
    }
  }

  it('is denied in the same words, and recorded as the same, by whatever check notices it first', async () => {
    const signer = await fakeSigner();
    const guard = callStackGuard({ tools, identity: { resource, signer }, trust: [] });
    const publish = publishTools({ tools, signer, resource, versions: memoryVersions() });
    const scopes = authorizeScopes({ tools });
    const { callStack } = await guard.run(asking('read'));
    const within = { [kExchange]: contextWith({ state: { ...client(), ...(callStack && { callStack }) } }) };
    const checks: readonly (readonly [who: string, use: (name: string) => unknown])[] = [
      ['authorizeScopes', (name) => scopes.run(asking(name))],
      ['publishTools', (name) => publish.run(asking(name))],
      ['callStackGuard', (name) => guard.run(asking(name))],
      ['callTool', (name) => callTool(within, name, {}, () => 'called')],
    ];
    for (const [who, use] of checks) {
      for (const name of ['gone', '__proto__', 'Read', '']) {
        expect(await denialOf(() => use(name)), `${who} of '${name}'`).to.deep.equal({
          status: 403,
          code: 'tool_undefined',
          message: 'The tool is not defined',
          policy: true,
          detail: { kind: 'tool' },
          headers: {},
        });
      }
      const known = (await denialOf(() => use('read'))) as { code?: string } | undefined;
      expect(known?.code, who).to.equal(who === 'callTool' ? 'call_circular' : undefined);
    }
  });
});
