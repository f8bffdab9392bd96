// A server at level `high`: the TypeScript twin of ETDI's configuration example, with keys, an audit trail and stores.
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express, { type Express } from 'express';
import { join } from 'node:path';
import {
  defineTools,
  fileVersions,
  openAuditTrail,
  openKeyStore,
  protectedResource,
  securityProfile,
  type Issuer,
  type Stores,
  type TrustedKeys,
} from '../lib/index.js';
import { serveExpress, toExpress } from '../adapters/express.js';

export interface Setting {
  readonly resource: string;
  readonly issuer: Issuer;
  /** The agents that sign their requests. */
  readonly agents: readonly TrustedKeys[];
  /** `redisStores(client)`, or `memoryStores({ singleProcess: true })` where there is one process. */
  readonly stores: Stores;
  /** Where keys, the audit trail and the versions of tools are kept. */
  readonly directory: string;
  /** 32 random bytes in base64, kept apart from the directory. */
  readonly secret: string;
  readonly fetch?: typeof fetch;
}

// #region tools
const tools = defineTools({
  my_secure_tool: {
    version: '1.0.0',
    permissions: ['data:read', 'user:profile:view'],
    requireSignature: true,
    maxCallDepth: 3,
  },
});
// #endregion

export async function createApp(
  setting: Setting,
): Promise<{ readonly app: Express; readonly close: () => Promise<void> }> {
  const { resource, issuer, agents, stores, directory, secret, fetch = globalThis.fetch } = setting;
  const app = express();
  // #region profile
  const keyStore = await openKeyStore({ directory: join(directory, 'keys'), secret });
  const audit = await openAuditTrail({ file: join(directory, 'audit.jsonl'), signer: keyStore.signer('audit') });
  const versions = fileVersions(join(directory, 'mcp-tools.lock.json'));

  const profile = securityProfile({
    level: 'high', // or 'basic', 'enhanced', 'strict'
    signatures: 'calls', // every call of a tool is signed; 'all': every request
    callChains: { maxDepth: 5 }, // call chains are validated, and no deeper than this
    auditing: { level: 'all' }, // every check, call and outcome is recorded
    resource,
    issuers: [issuer],
    tools,
    keys: agents,
    keyStore,
    audit,
    stores,
    definitions: { versions },
    fetch,
  });
  app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer.issuer], keys: keyStore })));
  app.use('/mcp', toExpress(...profile));
  // #endregion
  app.all('/mcp', (req, res) => void mcp(req, res, req.body));
  const close = async (): Promise<void> => {
    await audit.close();
    await keyStore.close();
  };
  return { app, close };
}

const mcp = toNodeHandler(
  createMcpHandler(() => {
    const server = new McpServer({ name: 'security-levels', version: '1.0.0' });
    server.registerTool('my_secure_tool', { description: 'Processes something' }, () => ({
      content: [{ type: 'text', text: 'Processed securely' }],
    }));
    return server;
  }),
);
