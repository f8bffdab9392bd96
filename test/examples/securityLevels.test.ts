import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect } from 'chai';
import { signingFetch } from '../../client/index.js';
import { createApp } from '../../examples/security-levels.js';
import { listen } from '../../examples/support/loopback.js';
import { memoryStores, oidc } from '../../lib/index.js';
import { fakeIssuer, fakeSigner } from '../../lib/testing.js';

describe('examples/security-levels', () => {
  it('serves a signed call of an official client, denies an unsigned one, and has a record of both', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'etdi-high-'));
    const listener = await listen(0);
    const resource = `${listener.origin}/mcp`;
    const as = fakeIssuer({ resource });
    const signer = await fakeSigner();
    const token = await as.token({ scope: 'data:read user:profile:view' });
    const { app, close } = await createApp({
      resource,
      issuer: oidc({ issuer: as.issuer }),
      agents: [{ owner: 'https://agent.example', clientId: 'client', jwks: signer.jwks }],
      stores: memoryStores({ singleProcess: true }),
      directory,
      secret: Buffer.alloc(32, 3).toString('base64'),
      fetch: as.fetch,
    });
    listener.serve(app);
    try {
      const call = async (through: typeof fetch): Promise<unknown> => {
        const client = new Client({ name: 'agent', version: '1.0.0' });
        const requestInit = { headers: { authorization: `Bearer ${token}` } };
        await client.connect(new StreamableHTTPClientTransport(new URL(resource), { fetch: through, requestInit }));
        try {
          return (await client.callTool({ name: 'my_secure_tool', arguments: {} })).content;
        } finally {
          await client.close();
        }
      };
      expect(await call(signingFetch({ signer, resource }))).to.deep.equal([
        { type: 'text', text: 'Processed securely' },
      ]);
      expect(String(await call(fetch).catch((error: unknown) => error))).to.match(/signature/i);
    } finally {
      await listener.close();
      await close();
    }
    const lines = (await readFile(join(directory, 'audit.jsonl'), 'utf8')).trim().split('\n');
    const found = lines.map((line) => (JSON.parse(line) as { record: { event: { type: string } } }).record.event.type);
    expect(found).to.include.members(['trail_started', 'request']);
    expect(lines.join('\n')).to.include('signature_required').and.not.include(token.split('.')[1]);
    await rm(directory, { recursive: true, force: true });
  });
});
