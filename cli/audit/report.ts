import { writeFile } from 'node:fs/promises';
import { auditReport } from '../../lib/audit/report/index.js';
import { showText } from '../../lib/text.js';
import { command, readArguments, type Command } from '../command.js';
import { assertWhole, readInput, TRUST, TRUST_HELP } from './input.js';

/** `mcp-etdi audit report`: what is in a log, for people. */
export const report: Command = command(
  'mcp-etdi audit report',
  'Writes one HTML page: who called what, what was denied, and whether the log was changed',
  `Usage: mcp-etdi audit report <file ...> [options]

Verifies a log and writes one HTML page about it, which needs no network and runs nothing. One file stands for its whole
trail, with the full files beside it. Ends with 1 when the log was changed; the page is written all the same, and says so.

${TRUST_HELP}  --output <path>       where to; default: standard output
`,
  async (args, io) => {
    const options = { ...TRUST, output: { type: 'string' } } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const input = await readInput(positionals, values);
    const { html, report: found } = await auditReport(input);
    const { output } = values;
    if (output === undefined) {
      io.stdout(html);
    } else {
      // It names people and what they did.
      await writeFile(output, html, { mode: 0o600 });
      io.stdout(`${found.records} records reported in '${showText(output)}'\n`);
    }
    assertWhole(found, input);
  },
);
