import { fork, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, hash } from 'node:crypto';
import { once } from 'node:events';
import { open, stat, truncate, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { JSONWebKeySet } from 'jose';
import { readTrail, trailFiles, verifyTrail } from '../../lib/index.js';
import { recordText, lineText, GENESIS } from '../../lib/audit/line.js';
import { encodeEvent } from '../../lib/audit/trail/encode.js';

import { TrailSandbox } from '../support/trails.js';

const SERVER = fileURLToPath(new URL('support/auditedServer.ts', import.meta.url));
const RUNS = 50;

interface Answered {
  readonly ids: readonly string[];
  /** How often the file was forced onto the disk until the last answer. */
  readonly syncs: number;
}

describe('a trail over many crashes', function () {
  this.timeout(30 * 60_000);
  let sandbox: TrailSandbox;
  let keys: JSONWebKeySet;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    sandbox = await TrailSandbox.create();
    const jwk = { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), alg: 'Ed25519' };
    await writeFile(join(sandbox.directory, 'key.json'), JSON.stringify(jwk));
    const { d: _d, ...open } = jwk;
    keys = { keys: [open] };
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    await sandbox.remove();
  });

  /** Starts the server, loads it from eight sides, and kills it at some time. */
  async function killUnderLoad(mode: 'ahead' | 'after', run: number): Promise<Answered> {
    child = fork(SERVER, [sandbox.file, join(sandbox.directory, 'key.json'), mode], { execArgv: ['--import', 'tsx'] });
    const [port] = (await once(child, 'message')) as [number];
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    const ids: string[] = [];
    let syncs = 0;
    let over = false;
    const load = async (side: number): Promise<void> => {
      for (let count = 0; !over; count += 1) {
        const id = `${run}-${side}-${count}`;
        const body = await post(agent, port, id).catch(() => undefined);
        if (body === undefined) return;
        ids.push(id);
        syncs = Math.max(syncs, (JSON.parse(body) as { syncs?: number }).syncs ?? 0);
      }
    };
    const sides = Promise.all(Array.from({ length: 8 }, (_, side) => load(side)));
    // However slow the machine is, something was answered.
    while (ids.length < 8) await pause(5);
    await pause(Math.random() * 400);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    over = true;
    await sides;
    agent.destroy();
    return { ids, syncs };
  }

  it(`verifies up to the torn end after each of ${RUNS} kills under load`, async () => {
    let torn = 0;
    let cuts = 0;
    for (let run = 0; run < RUNS; run += 1) {
      const { ids } = await killUnderLoad('after', run);
      expect(ids).to.not.be.empty;
      const cut = run % 2 === 0 ? await tearEnd(sandbox.file) : 0;
      const files = await trailFiles(sandbox.file);
      const report = await verifyTrail({ files, keys });
      expect(report.findings, `run ${run}`).to.deep.equal([]);
      if (cut > 0) expect(report.torn).to.deep.include({ file: sandbox.file, bytes: cut });
      if (cut > 0) cuts += 1;
      if (report.torn !== undefined) torn += 1;
    }
    expect(cuts).to.be.greaterThan(RUNS / 5);
    expect(torn).to.be.at.least(cuts);
    const report = await verifyTrail({ files: await trailFiles(sandbox.file), keys });
    // That of the last run is still where the next one would record it.
    expect(report.recovered + (report.torn === undefined ? 0 : 1)).to.equal(torn);
    expect(report.checkpoints.verified).to.equal(report.checkpoints.found);
  });

  it(`has each answered request on the disk, after each of ${RUNS} kills in written-ahead mode`, async () => {
    const answered: string[] = [];
    let syncs = 0;
    for (let run = 0; run < RUNS; run += 1) {
      const seen = await killUnderLoad('ahead', run);
      answered.push(...seen.ids);
      syncs += seen.syncs;
    }
    const files = await trailFiles(sandbox.file);
    expect((await verifyTrail({ files, keys })).findings).to.deep.equal([]);
    const recorded = new Set<unknown>();
    let denied = 0;
    for await (const { record } of readTrail(files)) {
      const { event } = record;
      if (event.type === 'request_admitted' || event.type === 'request_denied') recorded.add(event.rpc?.[0]?.id);
      if (event.type === 'request_denied') denied += 1;
    }
    expect(answered.filter((id) => !recorded.has(id))).to.deep.equal([]);
    expect(denied).to.be.greaterThan(0);
    expect(answered.length).to.be.at.least(RUNS * 8);
    // At least one for eight requests that come together, and no more than one for each, one for each rotation aside.
    process.stdout.write(`      ${answered.length} answered, ${syncs} times forced onto the disk\n`);
    expect(syncs)
      .to.be.at.least(answered.length / 8 - RUNS)
      .and.at.most(recorded.size + files.length + RUNS);
  });

  it('verifies a million records', async () => {
    const { file } = sandbox;
    await writeMillion(file);
    const start = performance.now();
    const report = await verifyTrail({ files: [file] });
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(`      ${Math.round(report.records / seconds)} records a second\n`);
    expect(report).to.deep.include({ ok: true, records: 1_000_000 });
    expect(report.last?.seq).to.equal(1_000_000);
    // One bit, somewhere in the middle.
    const handle = await open(file, 'r+');
    const at = Math.floor((await handle.stat()).size / 2);
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
    await handle.close();
    const changed = await verifyTrail({ files: [file] });
    expect(changed.findings.length).to.be.within(1, 2);
    expect(changed.findings[0]?.line).to.be.within(400_000, 600_000);
  });
});

function post(agent: http.Agent, port: number, id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sent = http.request({ agent, port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers }, (res) => {
      let body = '';
      res.on('data', (chunk) => (body += String(chunk)));
      res.on('end', () => {
        resolve(body);
      });
      res.on('error', reject);
      res.on('aborted', () => {
        reject(new Error('aborted'));
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { id } } }));
  });
}

/** Cuts the last line, as a machine that loses its power may. Gives how many bytes of it are left. */
async function tearEnd(file: string): Promise<number> {
  // The kill may have come between two files.
  const { size } = await stat(file).catch(() => ({ size: 0 }));
  if (size < 10) return 0;
  const handle = await open(file, 'r');
  const end = Buffer.alloc(Math.min(size, 4096));
  await handle.read(end, 0, end.length, size - end.length);
  await handle.close();
  const lastStart = end.lastIndexOf('\n', end.length - 2) + 1;
  const left = 1 + Math.floor(Math.random() * (end.length - lastStart - 3));
  await truncate(file, size - end.length + lastStart + left);
  return left;
}

async function writeMillion(file: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  const chain = crypto.randomUUID();
  let prev = GENESIS;
  for (let seq = 1; seq <= 1_000_000;) {
    const lines: string[] = [];
    for (let count = 0; count < 10_000; count += 1, seq += 1) {
      const event = { v: 1, time: '2026-11-22T12:00:00.000Z', type: 'server_started', name: `server ${seq}` } as const;
      const record = recordText(chain, encodeEvent(event), prev, seq);
      prev = hash('sha256', record, 'hex');
      lines.push(lineText(prev, record), '\n');
    }
    await handle.write(lines.join(''));
  }
  await handle.close();
}
