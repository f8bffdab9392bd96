// A record in a file: through our trail, and through winston. In microseconds of CPU per record.
import { generateKeyPairSync } from 'node:crypto';
import winston from 'winston';
import { describeRequest } from '../lib/audit/describe.js';
import { ownDigestKey, Privacy } from '../lib/audit/privacy.js';
import type { AuditRecord } from '../lib/audit/record.js';
import { openAuditTrail, trailOf, type AuditTrail } from '../lib/audit/trail.js';
import type { RequestContext } from '../lib/context.js';
import { importSignKey } from '../lib/keys/algorithms.js';
import { readMessages } from '../lib/rpc.js';
import { BODY } from './message.js';

/** How many records are written at once. */
export const RECORDS = 20_000;

/** The peer goes first. */
export const WRITERS = [
  { name: 'winston File transport, the same record, no chain', write: throughWinston },
  { name: 'mcp-etdi trail: chained, signed checkpoints', write: throughTrail },
] as const;

/** @throws {TypeError} when nobody has that name */
export function writerOf(wanted: string): (file: string) => Promise<number> {
  const writer = WRITERS.find(({ name }) => name === wanted);
  if (writer === undefined) throw new TypeError(`no writer is named '${wanted}'`);
  return writer.write;
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
  const { trail, put } = await openWriter(file);
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

/** A trail, and what takes a record of it that is safe already, as `auditLog` does. */
export async function openWriter(
  file: string,
): Promise<{ readonly trail: AuditTrail; readonly put: (record: AuditRecord) => boolean }> {
  const trail = await openAuditTrail({ file, signer: await makeSigner() });
  const inner = trailOf(trail);
  if (inner === undefined) throw new Error('not a trail');
  return { trail, put: (record) => inner.put(record) };
}

async function makeSigner(): Promise<Parameters<typeof openAuditTrail>[0]['signer']> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = await importSignKey({ ...privateKey.export({ format: 'jwk' }), alg: 'Ed25519' });
  return { current: () => Promise.resolve(key) };
}

/** The record of one allowed call behind three checks. */
export function makeRecord(): AuditRecord {
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

/** Lets everything happen that waits. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
