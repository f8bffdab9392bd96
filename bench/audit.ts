// What a chained record costs through our writer, beside winston's File transport, and how fast a trail is verified.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import winston from 'winston';
import { ownDigestKey, Privacy } from '../lib/audit/privacy.js';
import { describeRequest } from '../lib/audit/describe.js';
import type { AuditRecord } from '../lib/audit/record.js';
import { openAuditTrail, trailOf } from '../lib/audit/trail.js';
import { trailFiles } from '../lib/audit/trailFiles.js';
import { verifyTrail } from '../lib/audit/verifyTrail.js';
import type { RequestContext } from '../lib/context.js';
import { importSignKey } from '../lib/keys/algorithms.js';
import { readMessages } from '../lib/rpc.js';
import { inRounds, median, pairwise, ROUNDS } from './harness.js';
import { BODY } from './message.js';
import { figureOf, say, table } from './report.js';

const RECORDS = 20_000;
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

async function benchWriting(directory: string): Promise<void> {
  let run = 0;
  const writers = [
    { name: 'winston File transport, the same record, no chain', write: throughWinston },
    { name: 'mcp-etdi trail: chained, signed checkpoints', write: throughTrail },
  ];
  const samples = await inRounds(writers, ROUNDS, ({ write }) => write(join(directory, `run-${(run += 1)}.jsonl`)));
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

/** CPU of the whole process, in microseconds per record: until all is written. */
async function measure(count: number, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function throughWinston(file: string): Promise<number> {
  const format = winston.format.combine(winston.format.timestamp(), winston.format.json());
  const transport = new winston.transports.File({ filename: file });
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its transports loosely
  const logger = winston.createLogger({ format, transports: [transport] });
  const record = makeRecord();
  return measure(RECORDS, async () => {
    for (let count = 1; count <= RECORDS; count += 1) {
      const isTaken = logger.write({ level: 'info', message: 'mcp request allowed', ...record });
      if (!isTaken || count % 100 === 0) await turn();
    }
    await new Promise((resolve) => {
      transport.once('finish', resolve);
      logger.end();
    });
  });
}

async function throughTrail(file: string): Promise<number> {
  const trail = await openAuditTrail({ file, signer: await makeSigner() });
  const { put } = bound(trailOf(trail));
  const record = makeRecord();
  return measure(RECORDS, async () => {
    for (let count = 1; count <= RECORDS; count += 1) {
      if (!put(record)) throw new Error('the queue is full');
      if (count % 100 === 0) while (trail.status().queued > 5000) await turn();
      if (count % 100 === 0) await turn();
    }
    await trail.close();
  });
}

function bound(trail: ReturnType<typeof trailOf>): { readonly put: (record: AuditRecord) => boolean } {
  if (trail === undefined) throw new Error('not a trail');
  return { put: (record) => trail.put(record) };
}

async function benchVerifying(directory: string): Promise<void> {
  const file = join(directory, 'verify.jsonl');
  const trail = await openAuditTrail({ file, signer: await makeSigner() });
  const { put } = bound(trailOf(trail));
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

async function makeSigner(): Promise<Parameters<typeof openAuditTrail>[0]['signer']> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = await importSignKey({ ...privateKey.export({ format: 'jwk' }), alg: 'Ed25519' });
  return { current: () => Promise.resolve(key) };
}

/** The record of one allowed call behind three checks. */
function makeRecord(): AuditRecord {
  const decisions = ['auditLog', 'authenticate', 'authorizeScopes'].map(
    (middleware) => ({ middleware, effect: 'allow', ms: 0.0123456 }) as const,
  );
  const request = {
    method: 'POST',
    target: '/mcp',
    ip: '127.0.0.1',
    headers: { authorization: [`Bearer ${'x'.repeat(700)}`] },
    messages: readMessages(JSON.parse(BODY)),
  };
  const ctx = { id: crypto.randomUUID(), request, decisions } as unknown as RequestContext;
  const auth = { issuer: 'https://as.example.com/', subject: 'auth0|5f7c8ec7c33c6c004bbafe82', clientId: 'inspector' };
  const access = { required: ['file:read'], granted: ['file:read', 'file:write'] };
  const privacy = new Privacy({ arguments: 'none', results: 'none', key: ownDigestKey() }, ctx.request);
  return describeRequest(ctx, { status: 200, ms: 1.2345, aborted: false }, new Date(), { auth, access }, privacy);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
