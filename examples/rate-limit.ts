// Two limits: by address for whoever comes, by caller and tool for whoever is known.
import { pathToFileURL } from 'node:url';
import express, { type Express } from 'express';
import { rateLimit as limitAddresses } from 'express-rate-limit';
import { toExpress } from '../adapters/express.js';
import {
  authenticate,
  authorizeScopes,
  contextOf,
  defineTools,
  oidc,
  rateLimit,
  validateOrigin,
} from '../lib/index.js';
import { fakeIssuer, type FakeIssuer } from '../lib/testing.js';
import { listen } from './support/loopback.js';

const tools = defineTools({ search: { permissions: [] }, report: { permissions: [] } });

export function createApp(resource: string, issuer: FakeIssuer): Express {
  const app = express();
  const issuers = [oidc({ issuer: issuer.issuer })];
  // #region mount
  // Nobody is known yet: addresses are all there is. Behind a proxy, set 'trust proxy' first.
  app.use('/mcp', limitAddresses({ limit: 12, windowMs: 60_000, standardHeaders: 'draft-8', legacyHeaders: false }));
  app.use(
    '/mcp',
    toExpress(
      validateOrigin({ resource }),
      authenticate({ issuers, resource, fetch: issuer.fetch }),
      rateLimit({ limit: 100, windowMs: 60_000, tools: { report: { limit: 2 } } }),
      authorizeScopes({ tools }),
    ),
  );
  // #endregion
  app.post('/mcp', (req, res) => {
    const { subject } = contextOf(req, 'auth').state.auth;
    res.json({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: `Hello, ${subject}` }] } });
  });
  return app;
}

async function run(): Promise<void> {
  const server = await listen(0);
  const resource = `${server.origin}/mcp`;
  const issuer = fakeIssuer({ resource });
  server.serve(createApp(resource, issuer) as Parameters<typeof server.serve>[0]);

  const call = async (who: string | undefined, tool: string): Promise<void> => {
    const bearer = who === undefined ? {} : { authorization: `Bearer ${await issuer.token({ sub: who })}` };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool } });
    const headers = { 'content-type': 'application/json', ...bearer };
    const response = await fetch(resource, { method: 'POST', headers, body });
    const left = response.headers.get('ratelimit') ?? '-';
    console.log(`${who ?? 'nobody'} calls ${tool}: ${response.status}, ${left.replace(/t=\d+/, 't=...')}`);
  };

  for (const who of ['alice', 'bob'])
    for (const tool of ['report', 'report', 'report', 'search']) await call(who, tool);
  for (let count = 0; count < 5; count += 1) await call(undefined, 'search');
  await server.close();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
