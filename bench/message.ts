// The one request that every contender gets.
import { TOOL } from './contenders/contender.js';

export const BODY = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: TOOL, arguments: { text: 'x'.repeat(200) } },
});

export function headersWith(token: string): Record<string, string> {
  return {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': '2025-11-25',
    authorization: `Bearer ${token}`,
  };
}
