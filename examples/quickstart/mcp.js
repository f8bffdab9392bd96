// Your MCP server, here with SDK v2 and one tool. The README quotes these files, and tests run them as they stand there.
// #region mcp
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { contextOf } from 'mcp-etdi';

export const mcp = toNodeHandler(
  createMcpHandler(() => {
    const server = new McpServer({ name: 'quickstart', version: '1.0.0' });
    server.registerTool('greet', { description: 'Greets whoever calls' }, (ctx) => {
      const { subject } = contextOf(ctx, 'auth').state.auth; // what the checks proved
      return { content: [{ type: 'text', text: `Hello ${subject}` }] };
    });
    return server;
  }),
);
// #endregion
