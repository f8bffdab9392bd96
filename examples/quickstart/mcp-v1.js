// The same MCP server with SDK v1, under the same name, so that both servers of the README stay as they are.
// #region mcp
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { contextOf } from 'mcp-etdi';

// One server for each request: no sessions, and no stream that a GET could open.
export async function mcp(req, res, body) {
  if (req.method !== 'POST') {
    res.writeHead(405, { Allow: 'POST' }).end();
    return;
  }
  const server = new McpServer({ name: 'quickstart', version: '1.0.0' });
  server.registerTool('greet', { description: 'Greets whoever calls' }, (extra) => {
    const { subject } = contextOf(extra, 'auth').state.auth; // what the checks proved
    return { content: [{ type: 'text', text: `Hello ${subject}` }] };
  });
  const transport = new StreamableHTTPServerTransport();
  res.once('close', () => server.close());
  await server.connect(transport);
  await transport.handleRequest(req, res, body);
}
// #endregion
