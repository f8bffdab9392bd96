import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { auditReport } from '../../lib/audit/report/index.js';
import type { Named } from '../../lib/audit/report/verifyCommand.js';
import { showText } from '../../lib/text.js';
import { command, readArguments, type Command } from '../command.js';
import { packageVersion } from '../version.js';
import { assertWhole, readInput, TRUST, TRUST_HELP, type TrustValues } from './input.js';

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
    const named = { files: positionals, ...namesOf(values) };
    const { html, report: found } = await auditReport({ ...input, named, version: packageVersion() });
    const { output } = values;
    if (output === undefined) {
      io.stdout(html);
    } else {
      await writePage(output, html);
      io.stdout(`${found.records} records reported in '${showText(output)}'\n`);
    }
    assertWhole(found, input);
  },
);

/** @throws {Error} where there is no such folder */
async function writePage(output: string, html: string): Promise<void> {
  try {
    // It names people and what they did.
    await writeFile(output, html, { mode: 0o600 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new Error(`there is no folder '${showText(dirname(output))}' for --output; make it first`, { cause });
  }
}

/** Keys that stand in the command line itself have no name. */
function namesOf({ keys, checkpoint, partial }: TrustValues): Omit<Named, 'files'> {
  return { keys: keys?.trimStart().startsWith('{') === true ? undefined : keys, checkpoints: checkpoint, partial };
}
