// A real MCP server, with and without the checks of each level in front.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express, { type RequestHandler } from 'express';
import type { RequestListener } from 'node:http';
import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { toExpress } from '../../adapters/express.js';
import {
  defineTools,
  memoryReplay,
  memoryStores,
  memoryVersions,
  oidc,
  openAuditTrail,
  openKeyStore,
  securityProfile,
  type SecurityLevel,
} from '../../lib/index.js';
import { SCOPE, TOOL, type Contender, type Setup } from './contender.js';
import { bearerAuth } from './express.js';

export const BARE = 'MCP server, no check';
export const WITH_SDK = 'MCP server + requireBearerAuth + jose';
export const levelName = (level: SecurityLevel): string => `MCP server + level ${level}`;

const LEVELS = ['basic', 'enhanced', 'high'] as const;
/** Every signature of a run must fit, however long it takes. */
const REPLAY = { max: 10_000_000, maxPerHolder: 10_000_000 };

const mcp = toNodeHandler(
  createMcpHandler(() => {
    const server = new McpServer({ name: 'bench', version: '1.0.0' });
    const inputSchema = z.object({ text: z.string() });
    server.registerTool(TOOL, { inputSchema }, ({ text }) => ({ content: [{ type: 'text', text }] }));
    return server;
  }),
);

function serve(...checks: readonly RequestHandler[]): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.use('/mcp', ...checks);
  app.post('/mcp', (req, res) => void mcp(req, res, req.body));
  return app as RequestListener;
}

async function protect(
  level: SecurityLevel,
  { issuer, jwks, audience: resource, agent }: Setup,
): Promise<RequestListener> {
  const directory = mkdtempSync(join(tmpdir(), 'mcp-etdi-bench-'));
  const secret = Buffer.alloc(32, 1).toString('base64');
  const keyStore = await openKeyStore({ directory: join(directory, 'keys'), secret });
  const audit = await openAuditTrail({ file: join(directory, 'audit.jsonl'), signer: keyStore.signer('audit') });
  const profile = securityProfile({
    level,
    resource,
    issuers: [oidc({ issuer, jwks: jwks as unknown as JSONWebKeySet })],
    tools: defineTools({ [TOOL]: { version: '1.0.0', permissions: [SCOPE] } }),
    keys: [{ owner: 'https://agent.example', clientId: 'client-abcdef', jwks: agent as unknown as JSONWebKeySet }],
    stores: { ...memoryStores({ singleProcess: true }), replay: memoryReplay(REPLAY) },
    ...(level === 'basic'
      ? {}
      : { rate: { limit: 1_000_000_000, windowMs: 60_000 }, definitions: { versions: memoryVersions() } }),
    keyStore,
    audit,
  });
  return serve(toExpress(...profile));
}

/** The rows: the same server behind ever more. */
export const profileContenders: readonly Contender[] = [
  { name: BARE, denies: 'nothing', build: () => serve(express.json()) },
  {
    name: WITH_SDK,
    baseline: BARE,
    denies: 'bad tokens',
    build: (setup) => serve(express.json(), bearerAuth(setup)),
  },
  ...LEVELS.map((level): Contender => ({
    name: levelName(level),
    baseline: BARE,
    denies: 'bad tokens, weak scopes, unknown tools',
    build: (setup) => protect(level, setup),
  })),
];
