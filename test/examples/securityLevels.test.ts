import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect } from 'chai';
import { connect } from '../../examples/security-levels-client.js';
import { fakeProver, fakeSigner } from '../../lib/testing.js';
import { freePort, startIssuer, startServer } from '../consumers/readme.js';
import { asPackage } from '../support/snippets.js';
import { createProject } from './installed.js';

const SOURCE = readFileSync(new URL('../../examples/security-levels.ts', import.meta.url), 'utf8');

async function publish(keys: object): Promise<Server> {
  const server = createServer((_req, res) => {
    res.setHeader('content-type', 'application/json').end(JSON.stringify(keys));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('examples/security-levels', () => {
  it('serves a signed call of an official client, denies an unsigned one, and has a record of both', async () => {
    const project = createProject();
    const port = await freePort();
    const resource = `http://localhost:${port}/mcp`;
    const as = await startIssuer(resource);
    const signer = await fakeSigner();
    const agent = await publish(signer.jwks);
    const token = await as.token('data:read user:profile:view greet', { client_id: 'agent' });
    const server = asPackage(SOURCE)
      .replaceAll('3000', String(port))
      .replace('https://login.example.com', as.issuer)
      .replace('https://agent.example.com', `http://127.0.0.1:${(agent.address() as AddressInfo).port}`);
    project.write({ 'server.ts': server });
    const env = { MCP_ETDI_KEY_SECRET: Buffer.alloc(32, 3).toString('base64') };
    const running = await startServer(project.folder, 'server.ts', resource, { ...project, env });
    try {
      const call = async (client: Client, name = 'my_secure_tool'): Promise<unknown> => {
        try {
          return (await client.callTool({ name, arguments: {} })).content;
        } finally {
          await client.close();
        }
      };
      const signed = [{ type: 'text', text: 'Processed securely' }];
      expect(await call(await connect(resource, token, signer))).to.deep.equal(signed);
      const greeted = [{ type: 'text', text: 'Hello ann' }];
      expect(await call(await connect(resource, token, signer), 'greet')).to.deep.equal(greeted);
      const { privateJwk, jkt } = await fakeProver();
      const bound = await as.token('data:read user:profile:view', { client_id: 'agent', cnf: { jkt } });
      expect(await call(await connect(resource, bound, signer, privateJwk))).to.deep.equal(signed);
      expect(String(await connect(resource, bound, signer).catch((error: unknown) => error))).to.match(/401|token/i);
      const unsigned = new Client({ name: 'agent', version: '1.0.0' });
      const requestInit = { headers: { authorization: `Bearer ${token}` } };
      await unsigned.connect(new StreamableHTTPClientTransport(new URL(resource), { requestInit }));
      expect(String(await call(unsigned).catch((error: unknown) => error))).to.match(/signature/i);
      expect(await running.stop('SIGTERM')).to.equal(0);
    } finally {
      await running.stop();
      as.close();
      agent.close();
      agent.closeAllConnections();
    }
    const lines = (await readFile(join(project.folder, 'audit.jsonl'), 'utf8')).trim().split('\n');
    const found = lines.map((line) => (JSON.parse(line) as { record: { event: { type: string } } }).record.event.type);
    expect(found).to.include.members(['trail_started', 'configuration_loaded', 'request', 'trail_stopped']);
    expect(lines.join('\n')).to.include('signature_required').and.not.include(token.split('.')[1]);
    project.remove();
  }).timeout(60_000);
});
