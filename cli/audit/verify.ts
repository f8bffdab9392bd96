import { verifyTrail, type TrailReport, type VerifyTrailOptions } from '../../lib/audit/verifyTrail.js';
import { command, readArguments, type Command } from '../command.js';
import { assertWhole, describeFindings, readInput, TRUST, TRUST_HELP } from './input.js';

/** `mcp-etdi audit verify`: whether a log is still what was written. */
export const verify: Command = command(
  'mcp-etdi audit verify',
  'Fails when a log is not what was written, and names the first bad record',
  `Usage: mcp-etdi audit verify <file ...> [options]

Verifies the hash of every record, its place after the one before, and every checkpoint. One file stands for its whole
trail, with the full files beside it; several are verified in the order in which they are named. Ends with 1 when
anything is wrong. What was cut off at the end, or written anew as a whole, shows only with a checkpoint that was kept
elsewhere.

${TRUST_HELP}  --json                print JSON
`,
  async (args, io) => {
    const options = { ...TRUST, json: { type: 'boolean' } } as const;
    const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true });
    const input = await readInput(positionals, values);
    const report = await verifyTrail(input);
    if (values.json === true) io.stdout(`${JSON.stringify(report, undefined, 2)}\n`);
    else io.stdout(`${describeFindings(report.findings)}${report.ok ? summaryOf(report, input) : ''}`);
    assertWhole(report, input);
  },
);

/** What was verified, and what could not be. */
function summaryOf(report: TrailReport, { keys, checkpoints }: VerifyTrailOptions): string {
  const { records, files, torn, recovered } = report;
  const { found, verified, signedUntil, compared } = report.checkpoints;
  const lines = [
    `${plural(records, 'record')} in ${plural(files, 'file')}: no change found`,
    keys === undefined
      ? `${plural(found, 'checkpoint')}, no signature verified: name the keys with --keys`
      : `${plural(verified, 'checkpoint')} signed by a known key, the last at record ${signedUntil}`,
  ];
  lines.push(
    checkpoints === undefined
      ? 'the end may have been cut off: name a checkpoint kept elsewhere'
      : keptText(compared, checkpoints.length - compared),
  );
  if (torn !== undefined)
    lines.push(`line ${torn.line} is half a line of ${plural(torn.bytes, 'byte')}, left by a crash`);
  if (recovered > 0) lines.push(`${plural(recovered, 'half line')} of earlier crashes, each recorded`);
  return lines.map((line) => `${line}\n`).join('');
}

/** Where nothing is wrong, a checkpoint that was not compared is about what is not there: archived records. */
function keptText(compared: number, others: number): string {
  const before = others === 0 ? '' : `, ${others} about records before it`;
  const end = compared === 0 ? ': the end may have been cut off' : '';
  return `${plural(compared, 'checkpoint')} kept elsewhere compared with it${before}${end}`;
}

function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}
