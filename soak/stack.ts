// The server under load: level `high`, with the record of each request written ahead of it.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import express, { type Express, type RequestHandler } from 'express';
import { serveExpress, toExpress } from '../adapters/express.js';
import {
  memoryVersions,
  oidc,
  openAuditTrail,
  openKeyStore,
  protectedResource,
  securityProfile,
  type AuditTrail,
  type KeyStore,
  type SecurityProfileOptions,
  type Stores,
  type TrustedKeys,
} from '../lib/index.js';
import { HOST, LISTED, RESOURCE, TOOLS } from './fixture.js';

/** Who is trusted, and where things are kept. */
export interface StackSetting {
  readonly issuer: string;
  readonly agents: readonly TrustedKeys[];
  readonly toolServers: readonly TrustedKeys[];
  /** Where its keys are. */
  readonly directory: string;
  readonly auditFile: string;
}

export interface Stack {
  readonly app: Express;
  readonly keyStore: KeyStore;
  readonly audit: AuditTrail;
}

const HOUR = 3_600_000;

/** `more` is for what a run needs to be different. */
export async function openStack(
  setting: StackSetting,
  stores: Stores,
  more: Pick<SecurityProfileOptions, 'cache'> = {},
): Promise<Stack> {
  const { issuer, agents, toolServers, directory, auditFile } = setting;
  const secret = Buffer.alloc(32, 7).toString('base64');
  const keyStore = await openKeyStore({ directory: join(directory, 'keys'), secret, publishFor: 3 });
  const audit = await openAuditTrail({
    file: auditFile,
    signer: keyStore.signer('audit'),
    rotate: { bytes: 2 * 1024 * 1024 },
    checkpoints: { records: 500 },
  });
  const profile = securityProfile({
    level: 'high',
    resource: RESOURCE,
    allowedHosts: [HOST],
    issuers: [oidc({ issuer })],
    // Short, so that it is felt when the authorization server is away.
    keySets: { maxAge: 2, cooldown: 1, staleIfError: 1 },
    tools: TOOLS,
    base: ['mcp'],
    revoked: stores.revocations,
    auditing: { writeAhead: true },
    rate: { limit: 10_000_000, windowMs: HOUR, tools: { scarce: { limit: 1, windowMs: HOUR } } },
    definitions: { versions: memoryVersions() },
    keys: agents,
    toolServers,
    audit,
    keyStore,
    stores,
    ...more,
  });
  const metadata = protectedResource({ resource: RESOURCE, authorizationServers: [issuer], keys: keyStore });
  const app = express()
    .use(serveExpress(metadata))
    .use('/mcp', toExpress(...profile), mcp);
  return { app, keyStore, audit };
}

/** An MCP server, as far as the checks can tell. */
const mcp: RequestHandler = (req, res) => {
  if (req.method !== 'POST') return void res.status(204).end();
  const { id, method, params } = req.body as { id: string; method: string; params?: { name?: string } };
  if (method === 'initialize') res.setHeader('Mcp-Session-Id', randomUUID());
  const result = method === 'tools/list' ? { tools: LISTED } : { content: [{ type: 'text', text: 'done' }] };
  const message = { jsonrpc: '2.0', id, result };
  if (params?.name !== 'watch') return void res.json(message);
  res.setHeader('content-type', 'text/event-stream');
  res.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: {} })}\n\n`);
  res.end(`data: ${JSON.stringify(message)}\n\n`);
};
