// MCP servers of both SDK lines and in both frameworks, whose tools get their arguments and what the SDK hands on.
import type { RequestListener } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import Koa from 'koa';
import express from 'express';
import { z } from 'zod';
import { toKoa } from '../../adapters/koa.js';
import type { Handler } from '../../examples/support/sessions.js';
import type { AdapterOptions, AnyMiddleware } from '../../lib/index.js';
import { expressChain } from './signingServers.js';

export type Tool = (args: { readonly path?: string | undefined }, source: object) => Promise<string> | string;
export type ToolSet = Readonly<Record<string, Tool>>;

const inputs = { path: z.string().optional() };
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

function v1(tools: ToolSet): Handler {
  return async (req, res, body) => {
    if (req.method !== 'POST') return void res.writeHead(405, { Allow: 'POST' }).end();
    const server = new McpServerV1({ name: 'calls', version: '1.0.0' });
    for (const [name, tool] of Object.entries(tools)) {
      server.registerTool(name, { inputSchema: inputs }, async (args, extra) => text(await tool(args, extra)));
    }
    const transport = new StreamableHTTPServerTransport({});
    res.once('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(req, res, body);
  };
}

function v2(tools: ToolSet): Handler {
  const create = (): McpServer => {
    const server = new McpServer({ name: 'calls', version: '1.0.0' });
    for (const [name, tool] of Object.entries(tools)) {
      server.registerTool(name, { inputSchema: z.object(inputs) }, async (args, ctx) => text(await tool(args, ctx)));
    }
    return server;
  };
  return toNodeHandler(createMcpHandler(create)) as Handler;
}

type Boot = (chain: readonly AnyMiddleware[], tools: ToolSet, options?: AdapterOptions) => RequestListener;

/** Both frameworks with both SDK lines. */
export const BOOTS: Readonly<Record<string, Boot>> = {
  'Express and sdk v1': onExpress(v1),
  'Express and server v2': onExpress(v2),
  'Koa and sdk v1': onKoa(v1),
  'Koa and server v2': onKoa(v2),
};

function onExpress(open: (tools: ToolSet) => Handler): Boot {
  return (chain, tools, options) => {
    const handle = open(tools);
    const app = express().use('/mcp', expressChain(chain, options));
    app.all('/mcp', (req, res) => void handle(req, res, req.body));
    return app as RequestListener;
  };
}

function onKoa(open: (tools: ToolSet) => Handler): Boot {
  return (chain, tools, options = {}) => {
    const handle = open(tools);
    const app = new Koa();
    app.use(
      (toKoa as (options: AdapterOptions, ...list: readonly AnyMiddleware[]) => Koa.Middleware)(options, ...chain),
    );
    app.use((ctx) => {
      ctx.respond = false;
      return handle(ctx.req, ctx.res, (ctx.request as { body?: unknown }).body);
    });
    const listener = app.callback();
    return (req, res) => void listener(req, res);
  };
}
