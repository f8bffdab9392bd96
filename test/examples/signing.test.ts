import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import request from 'supertest';
import { main } from '../../cli/main.js';
import { endToEnd } from '../../examples/signing/end-to-end.js';
import { createApp } from '../../examples/signing/peers.js';
import { createAgent } from '../../examples/signing/publish.js';
import { createAuditLogger } from '../../examples/support/auditLogger.js';
import { listen } from '../../examples/support/loopback.js';

describe('the signing examples', () => {
  it('call a tool that must be signed, before and after a rotation', async () => {
    const records: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        records.push(String(chunk));
        done();
      },
    });
    expect(await endToEnd(createAuditLogger(sink))).to.deep.equal([
      'q3.pdf was approved by https://agent.example',
      'q4.pdf was approved by https://agent.example',
    ]);
    const calls = records
      .map((line) => JSON.parse(line) as Call)
      .filter(({ rpc = [] }) => rpc.some(({ tool }) => tool === 'sign_off'));
    expect(calls.map(({ signature }) => signature?.owner)).to.deep.equal([
      'https://agent.example',
      'https://agent.example',
    ]);
  });

  it('know an agent by the keys that the command line exported', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-example-'));
    const directory = join(folder, 'keys');
    const secret = randomBytes(32).toString('base64');
    const server = await listen(0);
    const resource = `${server.origin}/mcp`;
    const run = async (...args: string[]): Promise<string> => {
      let out = '';
      const io = { stdout: (text: string) => (out += text), stderr: (text: string) => (out += text) };
      const code = await main(['keys', ...args, '--directory', directory], {
        ...io,
        env: { MCP_ETDI_KEY_SECRET: secret },
      });
      expect(code, out).to.equal(0);
      return out;
    };
    await run('generate');
    await writeFile(join(folder, 'pinned.json'), await run('export', '--purpose', 'request'));
    const agent = await createAgent(directory, secret, resource);
    try {
      server.serve(await createApp(resource, join(folder, 'pinned.json'), 'x'.repeat(43)));
      const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'sign_off', arguments: {} } };
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(call) };
      expect((await fetch(resource, init)).status).to.equal(401);
      const answer = await agent.fetch(resource, init);
      expect([answer.status, await answer.json()]).to.deep.equal([200, { signedBy: 'https://batch.example.com' }]);
      const { body } = await request(agent.app).get('/.well-known/jwks.json');
      const purposes = (body as { keys: Record<string, unknown>[] }).keys.map(
        (jwk) => jwk['io.github.mcp-etdi/purpose'],
      );
      expect(purposes).to.deep.equal(['request']);
    } finally {
      await Promise.all([server.close(), agent.close()]);
      await rm(folder, { recursive: true });
    }
  });
});

interface Call {
  readonly rpc?: readonly { readonly tool?: string }[];
  readonly signature?: { readonly owner: string };
}
