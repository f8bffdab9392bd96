// A server whose requests are in a trail, to be killed. Started by a test as a process of its own.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import express from 'express';
import { toExpress } from '../../../adapters/express.js';
import { auditLog, Denial, openAuditTrail, type Middleware } from '../../../lib/index.js';
import { importSignKey } from '../../../lib/keys/algorithms.js';

const [file = '', keyFile = '', mode = ''] = process.argv.slice(2);
const key = await importSignKey(JSON.parse(readFileSync(keyFile, 'utf8')) as Parameters<typeof importSignKey>[0]);
const trail = await openAuditTrail({
  file,
  signer: { current: () => Promise.resolve(key) },
  rotate: { bytes: 100_000 },
  checkpoints: { records: 200 },
});
const refusal = new Denial(403, 'tool_undefined', 'No');
const read: Middleware = {
  name: 'read',
  needs: [],
  adds: [],
  run: async ({ request }) => {
    const [message] = await request.rpc();
    // Every third is denied: what was answered with that is not lost either.
    if (mode === 'ahead' && message?.kind === 'request' && String(message.id).endsWith('3')) throw refusal;
    return {};
  },
};
const app = express().use('/mcp', toExpress(auditLog({ trail, writeAhead: mode === 'ahead' }), read), (_req, res) => {
  res.json({ syncs: trail.status().syncs });
});
const server = createServer(app).listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port);
});
