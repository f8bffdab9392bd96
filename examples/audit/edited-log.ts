// Writes an audit log, changes it in every way there is, and shows what verification finds.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JSONWebKeySet } from 'jose';
import { openAuditTrail, openKeyStore, trailFiles, verifyTrail, type Checkpoint } from '../../lib/index.js';
import type { Row } from '../support/report.js';

interface Written {
  readonly file: string;
  readonly keys: JSONWebKeySet;
  /** What was sent elsewhere while the log was written. */
  readonly kept: Checkpoint;
}

async function writeLog(folder: string, file = 'audit.jsonl'): Promise<Written> {
  // #region write
  const store = await openKeyStore({
    directory: join(folder, `${file}.keys`),
    secret: randomBytes(32),
    purposes: ['audit'],
    algorithms: 'ES256',
  });
  const trail = await openAuditTrail({ file: join(folder, file), signer: store.signer('audit') });
  for (const actor of ['ann', 'bob', 'carol']) {
    trail.record({ type: 'configuration_changed', component: 'authorizeScopes', actor });
  }
  // Send it where whoever can change the file cannot: to another host, another account, a mailbox.
  const kept = await trail.checkpoint();
  await trail.close();
  // #endregion
  const keys = await store.export();
  await store.close();
  return { file: join(folder, file), keys, kept };
}

/** What verification says first, or that nothing is wrong. */
async function find({ file, keys, kept }: Written, isKept: boolean): Promise<string> {
  // #region verify
  const checkpoints = isKept ? [kept] : [];
  const { findings } = await verifyTrail({ files: await trailFiles(file), keys, checkpoints });
  // #endregion
  const [first] = findings;
  return first === undefined ? 'no change found' : `${first.fault}, record ${first.seq}`;
}

type Change = (lines: readonly string[]) => readonly string[];

/** Record 1 says that the trail was opened, 2 to 4 are the changes, and a checkpoint is behind them. */
const CHANGES: readonly (readonly [what: string, expected: string, change: Change, isKept?: true])[] = [
  ['as it was written', 'no change found', (lines) => lines],
  ['a name in it changed', 'edited, record 3', (lines) => lines.map((line) => line.replace('"bob"', '"eve"'))],
  ['a record taken out', 'removed, record 3', (lines) => lines.filter((_, at) => at !== 2)],
  ['two records swapped', 'reordered, record 3', ([a = '', b = '', c = '', d = '', ...rest]) => [a, b, d, c, ...rest]],
  ['a record put in twice', 'inserted, record 3', ([a = '', b = '', c = '', ...rest]) => [a, b, c, c, ...rest]],
  ['its end cut off', 'no change found', (lines) => lines.slice(0, 3)],
  ['its end cut off, with a checkpoint kept elsewhere', 'truncated, record 4', (lines) => lines.slice(0, 3), true],
];

/** Rows for a report: what was done to the log, what must be found, and what was found. */
export async function editedLog(): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-trail-'));
  try {
    const written = await writeLog(folder);
    const lines = (await readFile(written.file, 'utf8')).split('\n').slice(0, -1);
    const rows: Row[] = [];
    for (const [what, expected, change, isKept = false] of CHANGES) {
      await writeFile(
        written.file,
        change(lines)
          .map((line) => `${line}\n`)
          .join(''),
      );
      rows.push({ what: `an audit log, ${what}`, expected, got: await find(written, isKept) });
    }
    return [...rows, await replaced(folder, written)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Somebody writes the whole log anew, with a key of their own. */
async function replaced(folder: string, { keys, kept }: Written): Promise<Row> {
  const { file } = await writeLog(folder, 'anew.jsonl');
  const got = await find({ file, keys, kept }, true);
  return { what: 'an audit log, written anew as a whole', expected: 'rewritten, record 4', got };
}
