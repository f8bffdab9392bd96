// What the page on authenticate shows first.
import { auth0, authenticate } from '../../lib/index.js';

// #region auth0
export const login = authenticate({
  resource: 'https://mcp.example.com/mcp',
  issuers: [auth0({ domain: 'example.eu.auth0.com' })],
});
// #endregion
