import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { AuditTrail, Checkpoint, Signer, TrailReport } from '../../../lib/index.js';
import { verifyTrail, type SealedRecord } from '../../../lib/index.js';
import { readLink } from '../../../lib/audit/line.js';
import { vouchedUntil } from '../../../lib/audit/report/vouched.js';
import { signCheckpoint } from '../../../lib/audit/trail/checkpoint.js';
import { forge, relink, rewrite } from '../../support/forgery.js';
import { makeAuditKey, TrailSandbox } from '../../support/trails.js';

/** What was done to a log, and from which record on. */
interface Deed {
  readonly lines: readonly string[];
  /** The first record that is not what was written. None where records are only gone. */
  readonly from?: number;
  /** The number of the record that the checkpoint kept elsewhere names. Default: 13. */
  readonly kept?: number;
}

/**
 * Records: 1 is a start, 2 to 6 are events, 7 is a checkpoint about 6, 8 to 12 are events, 13 a stop, 14 the checkpoint
 * about 13, 15 the next start, 16 to 18 are events.
 */
let lines: readonly string[];
let sandbox: TrailSandbox;

const CHECKPOINTS = [7, 14];

const edited = ({ record }: SealedRecord): object => ({ ...record, event: { ...record.event, name: 'other' } });

/** Puts checkpoints of some key in place of those behind a record, and links all of it anew. */
async function resigned(changed: readonly string[], from: number, signer: Signer): Promise<readonly string[]> {
  let all = [...relink(changed, from)];
  for (const seq of CHECKPOINTS.filter((one) => one > from)) {
    const { chain, hash } = readLink(Buffer.from(all[seq - 2]!))!;
    const { jws } = await signCheckpoint(signer, { chain, seq: seq - 1, hash, time: '2026-11-22T12:00:00.123Z' });
    const line = forge(all[seq - 1]!, ({ record }) => ({ ...record, event: { ...record.event, jws } }));
    all = relink(all.with(seq - 1, line), from);
  }
  return all;
}

/** The rows of the table in docs/audit-cli.md, in their order, each with every way in which it may be done. */
const DEEDS: readonly (readonly [row: string, ...deeds: (() => Deed | Promise<Deed>)[]])[] = [
  [
    'a record edited, put in, taken out, or moved, those behind it left as they are',
    () => ({ lines: lines.with(9, forge(lines[9]!, edited)) }),
    () => ({ lines: lines.toSpliced(9, 0, forge(lines[9]!, edited)) }),
    () => ({ lines: lines.toSpliced(9, 1) }),
    () => ({ lines: lines.with(9, lines[10]!).with(10, lines[9]!) }),
    () => ({ lines: lines.with(16, forge(lines[16]!, edited)) }),
  ],
  [
    'the same, and the hashes of all records behind it recomputed',
    () => ({ lines: rewrite(lines, 9), from: 10 }),
    () => ({ lines: relink(lines.toSpliced(9, 1), 9), from: 10 }),
    () => ({ lines: relink(lines.with(9, lines[10]!).with(10, lines[9]!), 9), from: 10 }),
  ],
  [
    'the same, and the checkpoints behind it forged',
    async () => ({ lines: await resigned(rewrite(lines, 9), 9, (await makeAuditKey()).signer), from: 10 }),
  ],
  [
    'the same, and the checkpoints behind it taken out',
    () => ({ lines: relink(rewrite(lines.toSpliced(13, 1), 9), 9), from: 10 }),
  ],
  [
    'the same, behind the last checkpoint that was signed or kept',
    () => ({ lines: rewrite(lines, 15), from: 16 }),
    () => ({ lines: relink(lines.toSpliced(15, 1), 15), from: 16 }),
  ],
  ['the end cut off, up to a record before the one that was kept', () => ({ lines: lines.slice(0, 10) })],
  [
    'the end cut off behind it',
    () => ({ lines: lines.slice(0, 16) }),
    () => ({ lines: lines.slice(0, 14) }),
    () => ({ lines: lines.slice(0, 8), kept: 6 }),
  ],
  [
    'all of it written anew, by somebody without the key',
    () => ({
      lines: relink(
        rewrite(
          lines.filter((_, at) => !CHECKPOINTS.includes(at + 1)),
          0,
        ),
        0,
      ),
      from: 1,
    }),
    async () => ({ lines: await resigned(rewrite(lines, 0), 0, (await makeAuditKey()).signer), from: 1 }),
  ],
  [
    'all of it written anew, by somebody with the key',
    async () => ({ lines: await resigned(rewrite(lines, 0), 0, sandbox.signer), from: 1 }),
  ],
];

/** What verification says, in the words of the table. */
function verdict({ from }: Deed, report: TrailReport, keys: boolean): readonly string[] {
  if (!report.ok) return ['found', ...report.findings.map(({ fault }) => `\`${fault}\``)];
  if (keys && report.checkpoints.verified === 0) return ['found'];
  const until = vouchedUntil(report);
  return from !== undefined && until > 0 && until < from && report.unvouched > 0 ? ['told'] : ['-'];
}

async function tableRows(): Promise<string[][]> {
  const page = await readFile('docs/audit-cli.md', 'utf8');
  const [, table = ''] = page.split('| what was done |');
  const rows = table.split('\n\n')[0]!.split('\n').slice(2);
  return rows.map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
}

describe('what the page says that is found', () => {
  before(async () => {
    sandbox = await TrailSandbox.create();
    const written = await sandbox.open();
    named(written, 5);
    await written.checkpoint();
    named(written, 5);
    await written.close();
    await sandbox.fill(3);
    lines = (await sandbox.lines()).slice(0, 18);
  });
  after(() => sandbox.remove());

  it('is what the tests below are about', async () => {
    expect((await tableRows()).map(([row]) => row)).to.deep.equal(DEEDS.map(([row]) => row));
    const types = lines.map((line) => (JSON.parse(line) as SealedRecord).record.event.type);
    expect(types.flatMap((type, at) => (type === 'trail_checkpoint' ? [at + 1] : []))).to.deep.equal(CHECKPOINTS);
    expect((await report([...lines], { keys: true, kept: 13 })).ok).to.equal(true);
  });

  for (const [row, ...deeds] of DEEDS) {
    it(row, async () => {
      const [, ...cells] = (await tableRows()).find(([name]) => name === row)!;
      for (const make of deeds) {
        const deed = await make();
        const verdicts = [
          verdict(deed, await report(deed.lines, { keys: false }), false),
          verdict(deed, await report(deed.lines, { keys: true }), true),
          verdict(deed, await report(deed.lines, { keys: false, kept: deed.kept ?? 13 }), false),
        ];
        for (const [at, cell] of cells.entries()) expect(verdicts[at], `${at}`).to.include(cell);
      }
    });
  }
});

function named(trail: AuditTrail, count: number): void {
  for (let index = 0; index < count; index += 1) trail.record({ type: 'server_started', name: `server ${index}` });
}

async function report(
  changed: readonly string[],
  { keys, kept }: { readonly keys: boolean; readonly kept?: number },
): Promise<TrailReport> {
  await sandbox.write(changed);
  const checkpoints = sandbox.checkpoints.filter(({ seq }: Checkpoint) => seq === kept);
  return verifyTrail({ files: [sandbox.file], ...(keys ? { keys: sandbox.keys } : {}), checkpoints });
}
