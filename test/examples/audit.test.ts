import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import express from 'express';
import request from 'supertest';
import type { Logger } from 'winston';
import { toExpress } from '../../adapters/express.js';
import { editedLog } from '../../examples/audit/edited-log.js';
import { consoleLogger, fileLogger, httpLogger, syslogLogger } from '../../examples/audit/transports.js';
import { auditLog, type AuditFormat } from '../../lib/index.js';

interface Event {
  readonly type: string;
  readonly outcome: string;
}

/** Sends one request to a server that writes to this logger, and ends the logger. */
async function oneRequest(sink: Logger, format?: AuditFormat): Promise<void> {
  const app = express().use(toExpress(auditLog({ sink, ...(format === undefined ? {} : { format }) })));
  app.use((_req, res) => res.json({}));
  await request(app).post('/mcp').send({}).expect(200);
  sink.end();
}

describe('the audit examples', () => {
  it('find every change of a log, and a cut or replaced one with a checkpoint kept elsewhere', async () => {
    const rows = await editedLog();
    expect(rows.length).to.equal(8);
    for (const { what, expected, got } of rows) expect(got, what).to.equal(expected);
  });

  it('write to the console', () => {
    const [transport] = consoleLogger().transports;
    expect(transport).to.have.property('name', 'console');
  });

  it('write to a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-transports-'));
    const file = join(folder, 'audit.log');
    const logger = fileLogger(file);
    await oneRequest(logger);
    await once(logger.transports[0]!, 'finish');
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Event).outcome)).to.deep.equal(['allowed']);
    await rm(folder, { recursive: true });
  });

  it('write to a syslog server, each message framed by its length', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const received = once(server, 'connection').then(([socket]) => text(socket as AsyncIterable<Buffer>));
    const logger = syslogLogger('127.0.0.1', (server.address() as AddressInfo).port);
    const stream = (logger.transports[0] as unknown as { _stream: NodeJS.WritableStream })._stream;
    await oneRequest(logger);
    stream.end();
    const frame = await received;
    server.close();
    const [, length, message] = /^(\d+) (.*)$/s.exec(frame) ?? [];
    expect(Buffer.byteLength(message!)).to.equal(Number(length));
    const [, header, json] = /^(.*?) - \ufeff(.*)$/s.exec(message!) ?? [];
    expect(header).to.match(/^<110>1 20\d\d-\S+Z \S+ mcp-etdi \d+ request$/);
    expect(JSON.parse(json!)).to.include({ type: 'request', outcome: 'allowed' });
  });

  for (const format of ['native', 'ocsf', 'ecs'] as const) {
    it(`post ${format} to an intake, with no field that the format does not have`, async () => {
      const bodies: Promise<string>[] = [];
      const server = createHttpServer((req, res) => {
        bodies.push(text(req));
        res.end();
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const logger = httpLogger(new URL(`http://127.0.0.1:${port}/intake`));
      const arrived = once(server, 'request');
      await oneRequest(logger, format);
      await arrived;
      const body = JSON.parse(await bodies[0]!) as Record<string, unknown>;
      server.close();
      expect(bodies.length).to.equal(1);
      expect(body).not.to.have.property('level');
      if (format === 'ocsf') expect(body).to.include({ class_uid: 6003, message: 'A request is over' });
      if (format === 'ecs') expect(body['event']).to.include({ action: 'request', outcome: 'success' });
      if (format === 'native') expect(body).to.include({ type: 'request', outcome: 'allowed' });
    });
  }
});
