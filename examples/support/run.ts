import type { RequestListener } from 'node:http';
import { pathToFileURL } from 'node:url';
import type { Logger } from 'winston';
import { createAuditLogger } from './auditLogger.js';
import { startAuthorizationServer, type AuthorizationServer } from './authorizationServer.js';
import { listen } from './loopback.js';

/** What every wiring example exports: the application, given its public URL, its authorization server and a log. */
export type CreateApp = (resource: string, issuer: string, audit: Logger) => Application;
type Application = RequestListener | { readonly callback: () => RequestListener };

/** A secured MCP server with an authorization server of its own. */
export interface Running {
  /** The public URL of the MCP endpoint. */
  readonly resource: string;
  readonly authorizationServer: AuthorizationServer;
  readonly close: () => Promise<void>;
}

/** Starts both on 127.0.0.1. Port 0 takes free ports, else the authorization server gets the next one. */
export async function start(createApp: CreateApp, port: number, audit: Logger): Promise<Running> {
  const server = await listen(port);
  const resource = `${server.origin}/mcp`;
  try {
    const nextPort = port === 0 ? 0 : port + 1;
    const authorizationServer = await startAuthorizationServer({ resources: [resource], port: nextPort });
    const app = createApp(resource, authorizationServer.issuer, audit);
    server.serve('callback' in app ? app.callback() : app);
    const close = async (): Promise<void> => {
      await Promise.all([server.close(), authorizationServer.close()]);
    };
    return { resource, authorizationServer, close };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** More to say once the server runs, and something to end with it. */
export interface Extras {
  readonly hint?: (resource: string) => string;
  readonly close?: () => Promise<void>;
}

/** Runs an example from the command line until it is interrupted. `PORT` is the port, 3000 by default. */
export async function run(createApp: CreateApp, { hint, close }: Extras = {}): Promise<void> {
  try {
    const running = await start(createApp, readPort(process.env['PORT']), createAuditLogger());
    process.stdout.write(welcome(running, hint?.(running.resource)));
    const stop = (): void => void Promise.all([running.close(), close?.()]);
    process.once('SIGINT', stop).once('SIGTERM', stop);
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = 1;
    await close?.();
  }
}

/** Runs an example when it is the program that was started, and not a part of another. */
export async function runIfMain(url: string, createApp: CreateApp): Promise<void> {
  if (url === pathToFileURL(process.argv[1] ?? '').href) await run(createApp);
}

function readPort(text = '3000'): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_534) return port;
  throw new RangeError('PORT must be a whole number up to 65534; the authorization server takes the next one');
}

function explain(error: unknown): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number };
  return code === 'EADDRINUSE' ? `Port ${port ?? ''} is in use: choose another, as in PORT=4000 npm start` : message;
}

/** Every line that starts with two blanks can be pasted into a shell. */
function welcome({ resource, authorizationServer: { issuer, service } }: Running, hint = ''): string {
  return `A secured MCP server is listening on ${resource}
Its authorization server, for development only, is ${issuer}

Get a token:

  TOKEN=$(curl -s -u ${service.clientId}:${service.clientSecret} -d grant_type=client_credentials -d resource=${resource} -d 'scope=${service.scope}' ${issuer}/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

Call a tool with it:

  ${curl(resource, 'secure_file_read', { name: 'notes.txt' })}

This client may not empty the trash (403):

  ${curl(resource, 'purge', {})}

Nothing is answered without a token (401); clients that can sign in find out from there how to:

  curl -si ${resource}
${hint}
Press Ctrl+C to stop. One audit record follows for each request:

`;
}

function curl(resource: string, name: string, args: object): string {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } };
  const accept = "-H 'Accept: application/json, text/event-stream'";
  return `curl -si ${resource} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' ${accept} -d '${JSON.stringify(call)}'`;
}
