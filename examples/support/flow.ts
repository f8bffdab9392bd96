import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { createApp as createExpress } from '../express-server-v2.js';
import { createApp as createKoa } from '../koa-server-v2.js';
import { createAuditLogger } from './auditLogger.js';
import { startAuthorizationServer, type AuthorizationServer } from './authorizationServer.js';
import { listen } from './loopback.js';

/** Goes to these MCP servers, and says line by line what happened. */
export type Flow = (
  resources: readonly [string, string],
  authorizationServer: AuthorizationServer,
) => Promise<readonly string[]>;

/** Runs a flow, when its module is the program that was started, against one server on Express and one on Koa. */
export async function runFlow(url: string, flow: Flow): Promise<void> {
  if (url !== pathToFileURL(process.argv[1] ?? '').href) return;
  const [express, koa] = [await listen(0), await listen(0)];
  const resources = [`${express.origin}/mcp`, `${koa.origin}/mcp`] as const;
  const authorizationServer = await startAuthorizationServer({ resources });
  const audit = createAuditLogger(new PassThrough().resume());
  express.serve(createExpress(resources[0], authorizationServer.issuer, audit));
  const handle = createKoa(resources[1], authorizationServer.issuer, audit).callback();
  koa.serve((req, res) => void handle(req, res));
  try {
    const lines = await flow(resources, authorizationServer);
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    await Promise.all([express.close(), koa.close(), authorizationServer.close()]);
  }
}
