// What auditLog writes into a trail, and what becomes of requests when that cannot be written.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import request from 'supertest';
import {
  auditLog,
  Denial,
  readTrail,
  type AuditEvent,
  type AuditLogOptions,
  type AuditTrail,
  type Middleware,
} from '../../lib/index.js';
import { frameworks, type Boot, type MountArguments, type Route } from '../support/frameworks.js';
import { TrailSandbox } from '../support/trails.js';

const run = promisify(execFile);

const check = (name: string, run: Middleware['run'] = () => ({})): Middleware => ({ name, needs: [], adds: [], run });
const read = check('read', async (ctx) => {
  await ctx.request.rpc();
  return {};
});
const deny = check('authorizeScopes', () => {
  throw new Denial(403, 'scope_insufficient', 'No', { detail: { required: ['a'], granted: [], missing: ['a'] } });
});
const identify = check('authenticate');
const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { a: 1 } } };
const json: Route = (_req, res) => void res.writeHead(200, { 'content-type': 'application/json' }).end('{}');

async function listen(boot: Boot, mounts: readonly MountArguments[], route: Route = json): Promise<Server> {
  const server = createServer(boot(mounts, route)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const boot = frameworks['Express 5']!;

describe('auditLog with a trail', () => {
  let sandbox: TrailSandbox;
  let trail: AuditTrail;
  let server: Server | undefined;

  beforeEach(async () => {
    sandbox = await TrailSandbox.create();
    trail = await sandbox.open({ onError: () => undefined });
  });
  afterEach(async () => {
    server?.closeAllConnections();
    server?.close();
    await sandbox.remove();
  });

  const events = async (): Promise<readonly AuditEvent[]> => {
    const all: AuditEvent[] = [];
    for await (const { record } of readTrail(await sandbox.files())) all.push(record.event);
    return all;
  };
  const typesOf = async (): Promise<readonly string[]> => {
    await trail.close();
    return (await events()).map(({ type }) => type).filter((type) => !type.startsWith('trail_'));
  };
  const start = async (options: Partial<AuditLogOptions>, checks: readonly Middleware[], route?: Route) => {
    server = await listen(boot, [[auditLog({ trail, ...options }), ...checks]], route);
    return server;
  };
  const post = (): request.Test => request(server!).post('/mcp').send(CALL);

  it('writes what its level says', async () => {
    const table: readonly [AuditLogOptions['level'], boolean, readonly string[]][] = [
      ['denials', false, []],
      ['denials', true, ['authorization_failed', 'request']],
      ['requests', false, ['request']],
      ['requests', true, ['authorization_failed', 'request']],
      ['all', false, ['call_started', 'call_failed', 'request']],
      ['all', true, ['authorization_failed', 'request']],
    ];
    for (const [level, isDenied, expected] of table) {
      const seen: AuditEvent[] = [];
      const audit = auditLog({ sink: (event) => seen.push(event), level: level ?? 'requests' });
      server = await listen(boot, [[audit, identify, read, ...(isDenied ? [deny] : [])]]);
      await post();
      await pause(20);
      expect(
        seen.map(({ type }) => type),
        `${level} ${isDenied}`,
      ).to.deep.equal(expected);
      server.close();
    }
  });

  it('writes a denial at once, of a later mount too, and before the response is over', async () => {
    let typesAtDenial: readonly string[] = [];
    const seen: AuditEvent[] = [];
    const slow: Route = (_req, res) => void res.end();
    const late = check('authorizeScopes', () => {
      throw new Denial(403, 'scope_insufficient', 'No');
    });
    const spy: Middleware = {
      ...check('spy'),
      hooks: {
        decided: (_ctx, { effect }) => {
          if (effect === 'deny') typesAtDenial = seen.map(({ type }) => type);
        },
      },
    };
    const audit = auditLog({ sink: (event) => seen.push(event) });
    server = await listen(boot, [[audit, spy], [late]], slow);
    await post().expect(403);
    expect(typesAtDenial).to.deep.equal(['authorization_failed']);
    const [denial] = seen;
    expect(denial).to.deep.include({ middleware: 'authorizeScopes', status: 403, code: 'scope_insufficient' });
  });

  it('has a request on the disk before its handler runs, where it is told to', async () => {
    const found: (readonly string[])[] = [];
    const route: Route = (_req, res) => {
      void events().then((all) => {
        found.push(all.map(({ type }) => type));
        res.end();
      });
    };
    await start({ writeAhead: true }, [read], route);
    const before = trail.status().syncs;
    await post();
    expect(found).to.deep.equal([['trail_started', 'request_admitted']]);
    expect(trail.status().syncs - before).to.equal(1);
    const [admitted] = (await events()).slice(1);
    expect(admitted).to.have.nested.property('rpc[0].tool', 'echo');
  });

  it('has a denial on the disk before its answer, where it is told to', async () => {
    await start({ writeAhead: true, level: 'denials' }, [read, deny]);
    const { syncs } = trail.status();
    await post().expect(403);
    expect((await events()).map(({ type }) => type)).to.include('authorization_failed');
    expect(trail.status().syncs - syncs).to.equal(1);
  });

  it('answers no denial that it cannot write, where it is told to', async () => {
    const lost = check('authorizeScopes', async () => {
      await trail.close();
      throw new Denial(403, 'scope_insufficient', 'No');
    });
    await start({ writeAhead: true }, [read, lost]);
    const { body } = await post().expect(503);
    expect(body).to.have.nested.property('error.data.code', 'unavailable');
  });

  it('shares one fsync among requests that come together', async () => {
    await start({ writeAhead: true, level: 'denials' }, [read]);
    const before = trail.status().syncs;
    await Promise.all(Array.from({ length: 60 }, () => post().expect(200)));
    expect(trail.status().syncs - before).to.be.lessThan(60);
    expect((await typesOf()).filter((type) => type === 'request_admitted')).to.have.lengthOf(60);
  });

  it('answers or denies while the trail is closed, as it is told', async () => {
    await trail.close();
    await start({ onFailure: 'continue' }, [read]);
    await post().expect(200);
    server?.close();
    await start({ onFailure: 'deny' }, [read]);
    const { body } = await post().expect(503).expect('Retry-After', '5');
    expect(body).to.have.nested.property('error.data.code', 'unavailable');
    server?.close();
    await start({ writeAhead: true }, [read]);
    await post().expect(503);
  });

  it('has a record of an event stream that stays open', async function () {
    this.timeout(20_000);
    await start({}, [read], (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
    });
    const open = post().catch(() => undefined);
    while (trail.status().seq < 2) await pause(100);
    const stream = async (): Promise<AuditEvent | undefined> =>
      (await events()).find(({ type }) => type === 'stream_opened');
    while ((await stream()) === undefined) await pause(20);
    expect((await events()).some(({ type }) => type === 'request')).to.equal(false);
    server?.closeAllConnections();
    await open;
    await pause(50);
    const types = await typesOf();
    expect(types).to.deep.equal(['stream_opened', 'request']);
  });

  for (const [name, each] of Object.entries(frameworks)) {
    it(`has a record of a response that is cut when the server is closed, over ${name}`, async () => {
      server = await listen(each, [[auditLog({ trail }), read]], (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
      });
      const { port } = server.address() as AddressInfo;
      const { body } = await fetch(`http://127.0.0.1:${port}/mcp`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(CALL),
      });
      await body?.getReader().read();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await trail.close();
      expect((await events()).find(({ type }) => type === 'request')).to.have.property('outcome', 'aborted');
      expect(trail.status().lost).to.equal(0);
    });

    it(`keeps an event in its line, and tells a changed one, over ${name} (pitfall: log injection)`, async () => {
      server = await listen(each, [[auditLog({ trail, arguments: 'full' }), read]]);
      const hostile = 'a\n{"hash":"0"}\r\u2028\u0085\u202e\u001b[2J|=","seq":1}}';
      const params = { name: hostile, arguments: { [hostile]: hostile } };
      await request(server)
        .post('/mcp')
        .send({ ...CALL, id: hostile, params });
      await request(server)
        .post('/mcp')
        .send({ ...CALL, id: 2 ** 60, params });
      await pause(20);
      await trail.close();
      const lines = await sandbox.lines();
      for (const line of lines) expect(line).to.match(/^[\x20-\x7e]*$/);
      expect((await sandbox.verify()).ok).to.equal(true);
      const at = lines.findIndex((line) => line.includes('"type":"request"'));
      await sandbox.write(lines.with(at, lines[at]!.replace('"POST"', '"PUT"')));
      expect((await sandbox.verify()).findings[0]).to.deep.include({ fault: 'edited', line: at + 1 });
    });
  }
});

describe('auditLog on a disk that is full (pitfall: audit sink failure)', () => {
  let directory: string;
  let isMounted = false;

  before(async function () {
    directory = await mkdtemp(join(tmpdir(), 'mcp-etdi-full-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'none', directory]);
      isMounted = true;
    } catch (error) {
      // In CI a disk that cannot be had is a failure, never a skipped test.
      if (process.getuid?.() === 0 || (process.env['CI'] ?? '') !== '') throw error;
      console.log('    (only root can mount a tmpfs: the test that needs a full disk is skipped)');
    }
  });
  after(async () => {
    if (isMounted) await run('umount', ['-l', directory]);
    await rm(directory, { recursive: true, force: true });
  });

  it('denies or goes on as it is told, and loses no record that was promised', async function () {
    this.timeout(20_000);
    if (!isMounted) this.skip();
    const sandbox = await TrailSandbox.create();
    const told: unknown[] = [];
    const file = join(directory, 'audit.jsonl');
    const trail = await sandbox.open({ file, queue: 50, onError: (error) => told.push(error) });
    const ballast = join(directory, 'ballast');
    const strict = await listen(boot, [[auditLog({ trail, writeAhead: true }), read]]);
    const easy = await listen(boot, [[auditLog({ trail }), read]]);
    try {
      const post = (server: Server): request.Test => request(server).post('/mcp').send(CALL);
      await post(strict).expect(200);
      await writeFile(ballast, Buffer.alloc(256 * 1024)).catch(() => undefined);
      let denied = 0;
      for (let count = 0; count < 30; count += 1) {
        const { status } = await post(strict);
        expect(status).to.be.oneOf([200, 503]);
        if (status === 503) denied += 1;
        await post(easy).expect(200);
      }
      expect(denied).to.be.greaterThan(20);
      expect(told.some((error) => (error as { code?: unknown }).code === 'ENOSPC')).to.equal(true);
      for (let count = 0; count < 60; count += 1) await post(easy).expect(200);
      expect(trail.status()).to.deep.include({ failing: true });
      expect(trail.status().lost).to.be.greaterThan(0);

      await rm(ballast);
      while (trail.status().failing || trail.status().queued > 0) await pause(50);
      await post(strict).expect(200);
      await trail.close();
      const report = await sandbox.verify({ files: [file], checkpoints: sandbox.checkpoints });
      expect(report).to.deep.include({ ok: true, recovered: 0 });
      const gaps: AuditEvent[] = [];
      for await (const { record } of readTrail([file])) if (record.event.type === 'trail_gap') gaps.push(record.event);
      const lost = gaps.reduce((sum, gap) => sum + (gap.type === 'trail_gap' ? gap.lost : 0), 0);
      expect(lost).to.equal(trail.status().lost);
    } finally {
      for (const server of [strict, easy]) server.close();
      await sandbox.remove();
    }
  });
});
