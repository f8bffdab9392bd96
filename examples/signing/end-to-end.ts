// Agent and server in one program: the agent's keys (RS256) are rotated while it keeps calling.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import express from 'express';
import { serveExpress } from '../../adapters/express.js';
import { jwksEndpoint, openKeyStore } from '../../lib/index.js';
import { serviceToken } from '../support/agent.js';
import { createAuditLogger } from '../support/auditLogger.js';
import { listen } from '../support/loopback.js';
import { start } from '../support/run.js';
import { signOff } from './client.js';
import { createApp } from './server.js';

/** Runs the whole way and says what the calls answered. `log` takes the audit records. */
export async function endToEnd(log = createAuditLogger()): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'mcp-etdi-'));
  const secret = randomBytes(32);
  const agent = await openKeyStore({ directory: join(directory, 'agent'), secret, algorithms: 'RS256' });
  const own = await openKeyStore({ directory: join(directory, 'server'), secret, algorithms: 'Ed25519' });
  // The agent publishes its keys, and the server knows where: a rotation needs no word between them.
  const published = await listen(0);
  published.serve(express().use(serveExpress(jwksEndpoint(agent))));
  const owner = 'https://agent.example';
  const jwksUri = `${published.origin}/.well-known/jwks.json`;
  const running = await start(
    (resource, issuer, audit) =>
      createApp(resource, issuer, audit, [{ owner, clientId: 'demo-service', jwksUri }], own),
    0,
    log,
  );
  try {
    const signer = agent.signer('request');
    const { resource, authorizationServer } = running;
    const token = await serviceToken(authorizationServer, resource);
    const before = await signOff(resource, token, signer, 'q3.pdf');
    await agent.rotate('request');
    return [before, await signOff(resource, token, signer, 'q4.pdf')];
  } finally {
    await Promise.all([running.close(), published.close(), agent.close(), own.close()]);
    await rm(directory, { recursive: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const line of await endToEnd()) console.log(line);
}
