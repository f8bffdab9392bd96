// What a chained record costs through our writer, beside winston's File transport, and how fast a trail is verified.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { trailFiles } from '../lib/audit/trailFiles.js';
import { verifyTrail } from '../lib/audit/verifyTrail.js';
import { makeRecord, openWriter, RECORDS, turn, WRITERS } from './auditWriters.js';
import { answerOf } from './fleet.js';
import { inRounds, median, pairwise, ROUNDS } from './harness.js';
import { figureOf, say, table } from './report.js';

const WRITER = fileURLToPath(new URL('auditWriter.js', import.meta.url));
const TO_VERIFY = 100_000;
/** The most CPU that a record may take, in microseconds, and the least that is verified in a second. */
const TARGET_US = 6;
const TARGET_PER_SECOND = 150_000;

/** One table for writing, one line for verifying. */
export async function benchAudit(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mcp-etdi-bench-'));
  try {
    await benchWriting(directory);
    await benchVerifying(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Each writer in a process of its own, as a server has one: what the other leaves behind is none of its cost. */
async function benchWriting(directory: string): Promise<void> {
  let run = 0;
  const writers = WRITERS.map(({ name }) => ({ name, child: fork(WRITER, [name]) }));
  const write = async ({ child }: (typeof writers)[number]): Promise<number> => {
    const answer = answerOf(child);
    child.send({ file: join(directory, `run-${(run += 1)}.jsonl`) });
    return (await answer) as number;
  };
  // The first one has its code compiled.
  for (const writer of writers) await write(writer);
  const samples = await inRounds(writers, ROUNDS, write);
  for (const { child } of writers) child.disconnect();
  const [theirs = [], ours = []] = samples.values();
  const lines = writers.map((writer) => ({
    name: writer.name,
    figures: { 'CPU us/record': figureOf(samples.get(writer) ?? []) },
  }));
  table(`audit, ${RECORDS} records to a file, arguments none, ${ROUNDS} rounds`, { bench: 'audit' }, lines);
  const times = median(pairwise(theirs, ours, (their, our) => their / our));
  const cost = median(ours);
  const met = cost <= TARGET_US && times >= 2 ? 'met' : 'MISSED';
  say(`=> ${cost.toFixed(1)} us, ${times.toFixed(1)} times as fast (target <= ${TARGET_US} us and >= 2 times: ${met})`);
}

async function benchVerifying(directory: string): Promise<void> {
  const file = join(directory, 'verify.jsonl');
  const { trail, put } = await openWriter(file);
  const record = makeRecord();
  for (let count = 1; count <= TO_VERIFY; count += 1) {
    put(record);
    if (count % 1000 === 0) while (trail.status().queued > 5000) await turn();
  }
  await trail.close();
  const files = await trailFiles(file);
  const speeds: number[] = [];
  for (let round = 0; round < Math.min(ROUNDS, 7); round += 1) {
    const start = performance.now();
    const { ok, records } = await verifyTrail({ files });
    if (!ok) throw new Error('the trail does not verify');
    speeds.push(records / ((performance.now() - start) / 1000));
  }
  const figures = { 'records/s': figureOf(speeds) };
  table(`audit, ${TO_VERIFY} records verified`, { bench: 'audit' }, [{ name: 'verifyTrail', figures }]);
  const speed = median(speeds);
  const met = speed >= TARGET_PER_SECOND ? 'met' : 'MISSED';
  say(`=> ${Math.round(speed)} records/s (target >= ${TARGET_PER_SECOND}: ${met})`);
}
