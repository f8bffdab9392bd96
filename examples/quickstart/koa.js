// #region koa
import Koa from 'koa';
import { defineTools, oidc, protectedResource, securityProfile } from 'mcp-etdi';
import { serveKoa, toKoa } from 'mcp-etdi/koa';
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
const app = new Koa();
app.use(serveKoa(protectedResource({ resource, authorizationServers: [issuer], scopes: ['greet'] })));
app.use((ctx, next) => (ctx.path === '/mcp' ? next() : ctx.throw(404)));
app.use(toKoa(...checks));
app.use((ctx) => {
  ctx.respond = false; // the MCP handler writes the response itself
  return mcp(ctx.req, ctx.res, 'body' in ctx.request ? ctx.request.body : undefined);
});
app.listen(3000, 'localhost');
// #endregion
