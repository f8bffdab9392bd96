// How to accept the tokens of well-known authorization servers. Everywhere, this server has to be known by its URL,
// or by the name in `audience`: tokens for anything else are denied.
import { auth0, authenticate, entra, keycloak, oidc, okta } from '../lib/index.js';

const resource = 'https://mcp.example.com/mcp';

// #region auth0
/** The identifier of the API in Auth0 is the URL of the MCP endpoint. */
export const withAuth0 = authenticate({
  resource,
  issuers: [auth0({ domain: 'tenant.eu.auth0.com', roleClaims: ['https://example.com/roles'] })],
});
// #endregion

// #region okta
/** The audience of the custom authorization server is the URL of the MCP endpoint. */
export const withOkta = authenticate({
  resource,
  issuers: [okta({ domain: 'dev-123456.okta.com', authorizationServerId: 'default' })],
});
// #endregion

// #region entra
/** Tokens of version 2.0 are for the client id of the API; those of 1.0 would be for its `api://` URI. */
export const withEntra = authenticate({
  resource,
  audience: '11111111-2222-3333-4444-555555555555',
  issuers: [entra({ tenantId: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee' })],
});
// #endregion

// #region keycloak
/** An audience mapper of the realm adds the URL of the MCP endpoint. The roles are those of the realm and of `client`. */
export const withKeycloak = authenticate({
  resource,
  issuers: [keycloak({ baseUrl: 'https://id.example.com', realm: 'main', client: 'mcp-server' })],
});
// #endregion

// #region oidc
/** Any server that follows RFC 9068 and RFC 8707; and one that does not, with its deviations spelled out. */
export const withOthers = authenticate({
  resource,
  issuers: [
    oidc({ issuer: 'https://issuer.example.com' }),
    oidc({ issuer: 'https://older.example.com', acceptTyp: ['JWT'], clientIdClaims: ['azp'], optionalClaims: ['jti'] }),
  ],
});
// #endregion
