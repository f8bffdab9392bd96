// Whose signatures count: one agent whose keys are pinned, and others whose keys are looked up where they publish them.
// #region peers
import { readFile } from 'node:fs/promises';
import express, { type Express } from 'express';
import type { JSONWebKeySet } from 'jose';
import { toExpress } from '../../adapters/express.js';
import { contextOf, defineTools, verifySignature } from '../../lib/index.js';

const tools = defineTools({ sign_off: { permissions: [], requireSignature: true }, add: { permissions: [] } });

/** `pinnedFile` is what `mcp-etdi keys export --purpose request` printed on the machine of the agent. */
export async function createApp(resource: string, pinnedFile: string, thumbprint: string): Promise<Express> {
  const pinnedKeys = JSON.parse(await readFile(pinnedFile, 'utf8')) as JSONWebKeySet;
  const check = verifySignature({
    resource,
    tools,
    mode: 'off',
    keys: [
      // These keys and no others: export again, and deploy, before the agent rotates.
      { owner: 'https://batch.example.com', clientId: 'batch', jwks: pinnedKeys },
      // One key of a published set, known by its RFC 7638 thumbprint.
      {
        owner: 'https://reports.example.com/mcp',
        jwksUri: 'https://reports.example.com/.well-known/jwks.json',
        thumbprints: [thumbprint],
      },
      // Whatever the agent publishes, through every rotation.
      { owner: 'https://agent.example.com', jwksUri: 'https://agent.example.com/.well-known/jwks.json' },
    ],
  });
  return express()
    .use('/mcp', toExpress(check))
    .post('/mcp', (req, res) => void res.json({ signedBy: contextOf(req).state.signature?.owner ?? 'nobody' }));
}
// #endregion
