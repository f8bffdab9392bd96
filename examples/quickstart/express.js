// #region express
import express from 'express';
import { defineTools, oidc, protectedResource, securityProfile } from 'mcp-etdi';
import { serveExpress, toExpress } from 'mcp-etdi/express';
import { mcp } from './mcp.js';

const resource = 'http://localhost:3000/mcp'; // the public URL of your MCP endpoint
const issuer = 'https://login.example.com'; // your authorization server
const tools = defineTools({ greet: { permissions: ['greet'] } }); // any other tool is denied

const checks = securityProfile({
  level: 'basic',
  resource,
  issuers: [oidc({ issuer })],
  tools,
  audit: (event) => console.log(JSON.stringify(event)), // or a winston logger
});
const app = express();
app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes: ['greet'] })));
app.use('/mcp', toExpress(...checks));
app.all('/mcp', (req, res) => mcp(req, res, req.body));
app.listen(3000, 'localhost');
// #endregion
