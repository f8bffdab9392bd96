import { group, type Command } from './command.js';
import { approve, revoke } from './tools/approve.js';
import { inspect } from './tools/inspect.js';
import { diff, lock, verify } from './tools/lockCommands.js';
import { sign } from './tools/sign.js';

/** `mcp-etdi tools`: what the tools of a server are, and whether they stay that. */
export const tools: Command = group(
  'mcp-etdi tools',
  'Locks, verifies, compares, approves, signs and inspects the tools of MCP servers.',
  new Map([
    ['lock', lock],
    ['verify', verify],
    ['diff', diff],
    ['approve', approve],
    ['revoke', revoke],
    ['sign', sign],
    ['inspect', inspect],
  ]),
);
