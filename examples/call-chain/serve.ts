// The two frameworks and the two SDK lines that the servers of this example are made with.
import type { RequestListener } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import Koa from 'koa';
import { z } from 'zod';
import { serveExpress, toExpress } from '../../adapters/express.js';
import { serveKoa, toKoa } from '../../adapters/koa.js';
import { protectedResource, type AdapterOptions, type AnyMiddleware, type KeyStore } from '../../lib/index.js';
import { text } from '../support/files.js';
import { withoutSessions, type Handler } from '../support/sessions.js';
import type { ToolSet } from './routes.js';
import type { Settings } from './settings.js';

const inputs = {
  name: z.string().optional(),
  entry: z.union([z.string(), z.number()]).transform(String).optional(),
  route: z.array(z.string()).optional(),
  times: z.number().optional(),
};

/** Agents read a JSON-RPC error more cleanly than a 403. */
const OPTIONS: AdapterOptions = { policyDenials: 'rpc' };

type ToExpress = (options: AdapterOptions, ...list: readonly AnyMiddleware[]) => express.RequestHandler;
type ToKoa = (options: AdapterOptions, ...list: readonly AnyMiddleware[]) => Koa.Middleware;

export function handlerV1(tools: ToolSet): Handler {
  return withoutSessions(() => {
    const server = new McpServerV1({ name: 'call-chain', version: '1.0.0' });
    for (const [name, tool] of Object.entries(tools)) {
      server.registerTool(name, { inputSchema: inputs }, async (args, extra) => text(await tool(args, extra)));
    }
    return server;
  });
}

export function handlerV2(tools: ToolSet): Handler {
  const createServer = (): McpServer => {
    const server = new McpServer({ name: 'call-chain', version: '1.0.0' });
    for (const [name, tool] of Object.entries(tools)) {
      server.registerTool(name, { inputSchema: z.object(inputs) }, async (args, ctx) => text(await tool(args, ctx)));
    }
    return server;
  };
  return toNodeHandler(createMcpHandler(createServer)) as Handler;
}

export function onExpress(settings: Settings, keys: KeyStore, list: AnyMiddleware[], mcp: Handler): RequestListener {
  const app = express();
  app.use(serveExpress(metadata(settings, keys)));
  app.use('/mcp', (toExpress as ToExpress)(OPTIONS, ...list));
  app.all('/mcp', (req, res) => void mcp(req, res, req.body));
  return app as RequestListener;
}

export function onKoa(settings: Settings, keys: KeyStore, list: AnyMiddleware[], mcp: Handler): RequestListener {
  const app = new Koa();
  app.use(serveKoa(metadata(settings, keys)));
  app.use((toKoa as ToKoa)(OPTIONS, ...list));
  app.use(async (ctx) => {
    ctx.respond = false;
    await mcp(ctx.req, ctx.res, (ctx.request as { body?: unknown }).body);
  });
  const listener = app.callback();
  return (req, res) => void listener(req, res);
}

/** Where clients find the authorization server, and others the public keys of this server. */
function metadata({ name, resources, issuer }: Settings, keys: KeyStore): ReturnType<typeof protectedResource> {
  const scopes = ['file:read', 'audit:log'];
  return protectedResource({ resource: resources[name], authorizationServers: [issuer], scopes, keys });
}
