import { verifyTrail, type TrailReport, type VerifyTrailOptions } from '../../lib/audit/verifyTrail.js';
import { countText, numberText } from '../../lib/audit/report/cells.js';
import {
  closingText,
  doubtText,
  keptText,
  provenText,
  signedText,
  unprovenText,
} from '../../lib/audit/report/vouched.js';
import { command, readArguments, UsageError, type Command } from '../command.js';
import { assertWhole, describeFindings, readInput, TRUST, TRUST_HELP } from './input.js';

/** `mcp-etdi audit verify`: whether a log is still what was written. */
export const verify: Command = command(
  'mcp-etdi audit verify',
  'Fails when a log is not what was written, and names the first bad record',
  `Usage: mcp-etdi audit verify <file ...> [options]

Verifies the hash of every record, its place after the one before, and every checkpoint. One file stands for its whole
trail, with the full files beside it; several are verified in the order in which they are named. Ends with 1 when
anything is wrong. What was cut off at the end, or written anew as a whole, shows only with a checkpoint that was kept
elsewhere. Records behind the last one that is signed by a known key, or named by such a checkpoint, are vouched for by
nobody: how many there are is printed, and is no fault without --max-unvouched.

${TRUST_HELP}  --max-unvouched <n>   end with 1 when more records than that at the end are vouched for by nobody
  --json                print JSON
`,
  async (args, io) => {
    const options = { ...TRUST, 'max-unvouched': { type: 'string' }, json: { type: 'boolean' } } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const most = mostOf(values['max-unvouched']);
    const input = await readInput(positionals, values);
    const report = await verifyTrail(input);
    if (values.json === true) io.stdout(`${JSON.stringify(report, undefined, 2)}\n`);
    else io.stdout(`${describeFindings(report.findings)}${report.ok ? summaryOf(report, input) : ''}`);
    assertWhole(report, input);
    assertVouched(report, most);
  },
);

/** @throws {UsageError} for what is no number of records */
function mostOf(value: string | undefined): number {
  if (value === undefined) return Infinity;
  if (!/^[0-9]{1,15}$/.test(value)) throw new UsageError('--max-unvouched must be a whole number from 0');
  return Number(value);
}

/** What was verified, and what could not be. */
function summaryOf(report: TrailReport, { keys, checkpoints = [] }: VerifyTrailOptions): string {
  const { records, files, torn, recovered } = report;
  const unproven = unprovenText(report);
  const lines = [
    `${countText(records, 'record')} in ${countText(files, 'file')}: ${provenText(report)}`,
    unproven,
    closingText(report),
    signedText(report, keys !== undefined) + (keys === undefined ? ': name them with --keys' : ''),
    checkpoints.length === 0
      ? 'no checkpoint kept elsewhere was named with --checkpoint'
      : keptText(report, checkpoints.length),
    doubtText(report),
    torn === undefined
      ? undefined
      : `line ${torn.line} is half a line of ${countText(torn.bytes, 'byte')}, left by a crash`,
    recovered === 0 ? undefined : `${countText(recovered, 'half line')} of earlier crashes, each recorded`,
  ];
  return lines.map((line) => (line === undefined ? '' : `${line}\n`)).join('');
}

/** @throws {Error} which ends the command with 1 */
function assertVouched({ unvouched }: TrailReport, most: number): void {
  if (unvouched <= most) return;
  const [count, bound] = [countText(unvouched, 'record'), numberText(most)];
  throw new Error(`${count} at the end ${unvouched === 1 ? 'is' : 'are'} vouched for by nobody, more than ${bound}`);
}
