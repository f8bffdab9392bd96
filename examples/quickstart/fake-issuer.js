// The server of the README with an authorization server in the same process, to try it out. The page on tests quotes it.
// #region server
import express from 'express';
import { defineTools, oidc, protectedResource, securityProfile } from 'mcp-etdi';
import { serveExpress, toExpress } from 'mcp-etdi/express';
import { fakeIssuer } from 'mcp-etdi/testing';
import { mcp } from './mcp.js';

const resource = 'http://localhost:3000/mcp';
const { issuer, fetch, token } = fakeIssuer({ resource }); // never deploy it: who runs it can be anybody
const tools = defineTools({ greet: { permissions: ['greet'] } });

const checks = securityProfile({
  level: 'basic',
  resource,
  issuers: [oidc({ issuer })],
  fetch, // gets the keys of the issuer, which has no socket
  tools,
  audit: (event) => console.log(JSON.stringify(event)),
});
const app = express();
app.use(serveExpress(protectedResource({ resource, authorizationServers: [issuer], scopes: ['greet'] })));
app.use('/mcp', toExpress(...checks));
app.all('/mcp', (req, res) => mcp(req, res, req.body));
app.listen(3000, 'localhost');

console.log(`TOKEN=${await token({ sub: 'ann', scope: 'greet' })}`);
// #endregion
