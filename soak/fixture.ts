// What the server offers, and what it is called.
import { defineTools, type Tools } from '../lib/index.js';

export const HOST = 'mcp.example.com';
export const RESOURCE = `https://${HOST}/mcp`;
/** An agent that signs its requests, and the OAuth client that it is. */
export const AGENT = 'https://agent.example';
/** A server whose tools call those of this one. */
export const REPORTS = 'https://reports.example/mcp';

export const TOOLS: Tools = defineTools({
  read: { version: '1.0.0', permissions: ['data:read'], allowedCallers: ['*'] },
  watch: { version: '1.0.0', permissions: ['data:read'] },
  purge: { version: '1.0.0', permissions: ['data:write'], requireSignature: true },
  /** Its callers may call it once in an hour. */
  scarce: { version: '1.0.0', permissions: [] },
});

/** The tools as the server lists them. */
export const LISTED: readonly object[] = [...TOOLS].map(([name]) => ({
  name,
  description: `Does what ${name} says`,
  inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
}));
