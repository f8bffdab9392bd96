import { report } from './audit/report.js';
import { tail } from './audit/tail.js';
import { verify } from './audit/verify.js';
import { group, type Command } from './command.js';

/** `mcp-etdi audit`: what happened, and whether the log of it is still what was written. */
export const audit: Command = group(
  'mcp-etdi audit',
  'Verifies, shows and reports what is in an audit trail.',
  new Map([
    ['verify', verify],
    ['tail', tail],
    ['report', report],
  ]),
);
