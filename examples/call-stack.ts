// Two MCP servers: a tool of one calls a tool of the other, and both say who may call whom.
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express, { type Express } from 'express';
import { z } from 'zod';
import { toExpress } from '../adapters/express.js';
import {
  authenticate,
  authorizeScopes,
  callStackGuard,
  chainFetch,
  contextOf,
  defineTools,
  oidc,
  type Middleware,
  type TrustedKeys,
} from '../lib/index.js';
import { fakeIssuer, fakeSigner, type FakeIssuer, type FakeSigner } from '../lib/testing.js';
import { text } from './support/files.js';
import { listen } from './support/loopback.js';

type Login = Middleware<never, 'auth'>;

const input = { inputSchema: z.object({ name: z.string() }) };

function reports(resource: string, files: string, signer: FakeSigner, login: Login, token: () => Promise<string>) {
  // #region caller
  const tools = defineTools({
    report: { permissions: ['file:read'], allowedCallees: [`${files}#read`], maxCallDepth: 2 },
    isolated: { permissions: ['file:read'], allowedCallees: [] },
  });
  const guard = callStackGuard({ tools, identity: { resource, signer } });
  const app = express().use('/mcp', toExpress(login, authorizeScopes({ tools }), guard));
  // #endregion
  // #region handler
  const readFile = async (name: string, ctx: object): Promise<string> => {
    const { callStack } = contextOf(ctx, 'callStack').state;
    const fetch = chainFetch({ callStack, resource: files });
    const headers = { authorization: `Bearer ${await token()}` }; // a token of this server, never that of its caller
    const client = new Client({ name: 'reports', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(files), { fetch, requestInit: { headers } }));
    const { content } = await client.callTool({ name: 'read', arguments: { name } });
    await client.close();
    return content.map((one) => (one.type === 'text' ? one.text : '')).join('');
  };
  // #endregion
  return serve(app, (server) => {
    server.registerTool('report', input, async ({ name }, ctx) => text(await readFile(name, ctx)));
    server.registerTool('isolated', input, async ({ name }, ctx) => text(await readFile(name, ctx)));
  });
}

function files(resource: string, reporter: TrustedKeys, login: Login) {
  // #region callee
  const tools = defineTools({
    read: { permissions: ['file:read'], allowedCallers: [`${reporter.owner}#report`] },
  });
  const guard = callStackGuard({ tools, identity: { resource }, trust: [reporter] });
  const app = express().use('/mcp', toExpress(login, authorizeScopes({ tools }), guard));
  // #endregion
  return serve(app, (server) => {
    server.registerTool('read', input, ({ name }, ctx) => {
      const { subject, frames } = contextOf(ctx, 'callStack').state.callStack;
      return text(`${name} for ${subject ?? 'nobody'} by ${frames.map(({ tool }) => tool).join(' > ')}`);
    });
  });
}

function serve(app: Express, register: (server: McpServer) => void): Express {
  const mcp = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'call-stack', version: '1.0.0' });
      register(server);
      return server;
    }),
  );
  app.all('/mcp', (req, res) => void mcp(req, res, req.body));
  return app;
}

interface Answer {
  readonly result?: { readonly content: readonly { readonly text: string }[] };
  readonly error?: { readonly data: { readonly code: string } };
}

/** What a tool said, or the code of a denial, be it JSON or an event. */
function said(answer: string): string {
  const { result, error } = JSON.parse(answer.slice(answer.indexOf('{'))) as Answer;
  return result?.content[0]?.text ?? error?.data.code ?? '';
}

async function run(): Promise<void> {
  const issuer: FakeIssuer = fakeIssuer();
  const signer = await fakeSigner();
  const [one, two] = [await listen(0), await listen(0)];
  const [reportsUrl, filesUrl] = [`${one.origin}/mcp`, `${two.origin}/mcp`];
  const login = (resource: string): Login =>
    authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch });
  const token = (aud: string, who: string): Promise<string> =>
    issuer.token({ aud, sub: who, client_id: who, scope: 'file:read' });
  // #region trust
  const reporter: TrustedKeys = { owner: reportsUrl, clientId: 'reports', mayRoot: true, jwks: signer.jwks };
  // #endregion
  one.serve(reports(reportsUrl, filesUrl, signer, login(reportsUrl), () => token(filesUrl, 'reports')) as never);
  two.serve(files(filesUrl, reporter, login(filesUrl)) as never);

  const call = async (url: string, who: string, name: string): Promise<void> => {
    const params = { name, arguments: { name: 'q3.pdf' } };
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await token(url, who)}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    });
    console.log(`${who} calls ${name}: ${response.status}, ${said(await response.text())}`);
  };
  await call(reportsUrl, 'alice', 'report');
  await call(reportsUrl, 'alice', 'isolated');
  await call(filesUrl, 'alice', 'read');
  await call(filesUrl, 'reports', 'read');
  await Promise.all([one.close(), two.close()]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
