import { once } from 'node:events';
import { createServer } from 'node:http';
import { PassThrough, Writable } from 'node:stream';
import { expect } from 'chai';
import request from 'supertest';
import winston from 'winston';
import { auditLog, type AuditEvent, type AuditRecord, type AuditSink, type Middleware } from '../../lib/index.js';
import { frameworks } from '../support/frameworks.js';

/** The compiler holds these to be true: a winston logger is a sink as it is, and so is a function. */
const logger: winston.Logger = winston.createLogger({ silent: true });
export const loggerSink: AuditSink = logger;
export const child: AuditSink = logger.child({ service: 'mcp' });
export const functionSink: AuditSink = (event: AuditEvent) => event.type;
export const asyncSink: AuditSink = async (record) => Promise.resolve(record.v);
// @ts-expect-error -- a stream has no info(message, meta)
export const streamSink: AuditSink = new PassThrough();
// @ts-expect-error -- what is called must take a record
export const wrongSink: AuditSink = (line: string) => line;

const read: Middleware = {
  name: 'read',
  needs: [],
  adds: [],
  async run(ctx) {
    await ctx.request.rpc();
    return {};
  },
};

async function serve(sink: AuditSink, bodies: readonly object[], onError?: (error: unknown) => void): Promise<void> {
  const audit = auditLog({ sink, ...(onError === undefined ? {} : { onError }) });
  const boot = frameworks['Express 5']!;
  const server = createServer(boot([[audit, read]], (_req, res) => res.end('{}'))).listen(0, '127.0.0.1');
  try {
    for (const body of bodies) await request(server).post('/mcp').send(body).expect(200);
  } finally {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

const call = (name: string) => ({ jsonrpc: '2.0', id: name.slice(0, 256), method: 'tools/call', params: { name } });

/** A logger of this format, and what it has written. */
function openLogger(format: winston.Logform.Format): { readonly logger: winston.Logger; readonly text: () => string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares its transports as interfaces
  const made = winston.createLogger({ format, transports: new winston.transports.Stream({ stream }) });
  return { logger: made, text: () => Buffer.concat(chunks).toString() };
}

describe('auditLog with winston', () => {
  const hostile = [
    'echo',
    'a\nb',
    'a\r\n{"level":"info","message":"forged"}',
    '\u2028\u2029\u0085',
    '\u001b[2J',
    '\u202e',
    '%s %d',
    '__proto__',
    'x'.repeat(100_000),
  ];

  it('writes one line of JSON for each request, with the record as it is', async () => {
    const { logger: json, text } = openLogger(winston.format.json());
    const seen: AuditRecord[] = [];
    const both: AuditSink = (record) => {
      if (record.type === 'request') seen.push(record);
      json.info(record.type === 'request' ? `mcp request ${record.outcome}` : `mcp ${record.type}`, record);
    };
    await serve(json, hostile.map(call));
    await serve(both, [call('echo')]);
    const lines = text()
      .trimEnd()
      .split(/\r\n|[\n\r\u2028\u2029\u0085]/);
    expect(lines).to.have.lengthOf(hostile.length + 1);
    const parsed = lines.map((line) => JSON.parse(line) as AuditRecord & { level: string; message: string });
    for (const record of parsed) {
      expect(record).to.include({ level: 'info', message: 'mcp request allowed', v: 1, type: 'request', status: 200 });
    }
    expect(parsed.map(({ rpc }) => rpc?.[0]?.tool).slice(0, 2)).to.deep.equal(['echo', 'a\\u000ab']);
    expect(parsed.at(-1)).to.deep.equal({ ...seen[0], level: 'info', message: 'mcp request allowed' });
  });

  it('stays in its line with formats that escape nothing', async () => {
    const format = winston.format.printf(({ message, rpc }) => {
      return `${String(message)} ${(rpc as AuditRecord['rpc'])?.map(({ tool }) => tool).join() ?? ''}`;
    });
    const { logger: plain, text } = openLogger(format);
    await serve(plain, hostile.map(call));
    expect(
      text()
        .trimEnd()
        .split(/\r\n|[\n\r\u2028\u2029\u0085]/),
    ).to.have.lengthOf(hostile.length);
    expect(text().replaceAll('\n', '')).to.not.match(/[\p{Cc}\p{Cf}]/u);
  });

  it('does not let a transport that fails end the process, and says so', async () => {
    const told: string[] = [];
    const failing = new Writable({
      objectMode: true,
      write(_record, _encoding, done) {
        done(new Error('no space left'));
      },
    });
    // What makes a stream a transport.
    const transport = Object.assign(failing, {
      log: (_info: unknown, next: () => void) => {
        next();
      },
    });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- a stream may be one
    const broken = winston.createLogger({ transports: [transport] });
    await serve(broken, [call('echo')], (error) => told.push((error as Error).message));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).to.include('no space left');
  });
});
