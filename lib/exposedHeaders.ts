/**
 * The response headers that a client in a web page must be allowed to read: challenges, proofs to repeat, session,
 * protocol version and rate. For the CORS middleware in front: `cors({ exposedHeaders: [...exposedHeaders] })`.
 */
export const exposedHeaders: readonly string[] = Object.freeze([
  'Accept-Signature',
  'DPoP-Nonce',
  'MCP-Protocol-Version',
  'Mcp-Session-Id',
  'RateLimit',
  'RateLimit-Limit',
  'RateLimit-Policy',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Retry-After',
  'WWW-Authenticate',
]);
