import { randomBytes } from 'node:crypto';
import {
  appendFile,
  chmod,
  mkdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { setImmediate, setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import {
  AuditTrailError,
  openAuditTrail,
  openKeyStore,
  Unavailable,
  type AuditEvent,
  type AuditTrail,
  type OpenAuditTrailOptions,
  type SealedRecord,
  type TrailFinding,
  type Signer,
} from '../../../lib/index.js';
import { lineText } from '../../../lib/audit/line.js';
import { trailOf } from '../../../lib/audit/trail.js';
import { Page } from '../../../lib/audit/trail/page.js';
import { TrailSandbox } from '../../support/trails.js';

let sandbox: TrailSandbox;

async function events(file = sandbox.file): Promise<readonly AuditEvent[]> {
  return (await sandbox.lines(file)).map((line) => (JSON.parse(line) as SealedRecord).record.event);
}

async function types(file = sandbox.file): Promise<readonly string[]> {
  return (await events(file)).map(({ type }) => type);
}

async function findings(): Promise<readonly TrailFinding[]> {
  return (await sandbox.verify({ checkpoints: sandbox.checkpoints })).findings;
}

describe('Page', () => {
  it('has room for each record that it says it has room for', () => {
    const most = 256 * 1024;
    for (const [character, bytes] of [
      ['a', 1],
      ['\u00e9', 2],
      ['\u4e2d', 3],
    ] as const) {
      for (let length = Math.floor((most - 200) / bytes); length * bytes <= most + 8; length += 1) {
        const record = character.repeat(length);
        const page = new Page(record);
        expect(page.hasRoomFor(record)).to.equal(true);
        const { hash, length: taken } = page.add(1, record);
        expect(page.rest.equals(Buffer.from(`${lineText(hash, record)}\n`))).to.equal(true);
        expect(taken).to.equal(page.rest.length);
        expect(page.hasRoomFor(record)).to.equal(false);
      }
    }
  });

  it('goes on behind what was not written, and from its beginning when all was', () => {
    const page = new Page();
    const { length } = page.add(1, '{"a":1}');
    page.wrote(length - 5);
    page.add(2, '{"b":2}');
    expect(page.rest.toString()).to.match(/^:1\}\}\n\{"hash":"[0-9a-f]{64}","record":\{"b":2\}\}\n$/);
    page.wrote(page.rest.length);
    expect(page.rest).to.have.lengthOf(0);
    page.add(3, '{"c":3}');
    expect(page.rest.toString()).to.match(/^\{"hash":"[0-9a-f]{64}","record":\{"c":3\}\}\n$/);
  });
});

describe('openAuditTrail', () => {
  beforeEach(async () => {
    sandbox = await TrailSandbox.create();
  });
  afterEach(() => sandbox.remove());

  it('writes a file that only its owner can read, and says when it starts and stops', async () => {
    await sandbox.fill(2);
    expect((await stat(sandbox.file)).mode & 0o777).to.equal(0o600);
    expect(await types()).to.deep.equal([
      'trail_started',
      'server_started',
      'server_started',
      'trail_stopped',
      'trail_checkpoint',
    ]);
    const [started] = await events();
    expect(started).to.deep.include({ pid: process.pid }).and.not.to.have.property('clean');
  });

  it('goes on where it ended, and tells a run that was not closed', async () => {
    await sandbox.fill(2);
    await sandbox.fill(2);
    const lines = await sandbox.lines();
    await sandbox.write(lines.slice(0, -2));
    await sandbox.fill(1);
    const started = (await events()).flatMap((event) => (event.type === 'trail_started' ? [event.clean] : []));
    expect(started).to.deep.equal([undefined, true, false]);
    expect((await sandbox.verify()).findings).to.deep.equal([]);
  });

  it('keeps half a line that a crash left, and records what it is', async () => {
    await sandbox.fill(2);
    const [line = ''] = await sandbox.lines();
    for (const torn of [line.slice(0, 200), '{', '\u0000\u0000', line.slice(0, -1)]) {
      await appendFile(sandbox.file, torn);
      await sandbox.fill(1);
      const all = await readFile(sandbox.file, 'utf8');
      expect(all).to.include(`${torn}\n`);
      const recovered = (await sandbox.verify()).recovered;
      expect(recovered).to.be.greaterThan(0);
      expect(await findings()).to.deep.equal([]);
    }
    expect((await sandbox.verify()).recovered).to.equal(4);
  });

  it('does not take half a line that nobody recorded for one that was', async () => {
    await sandbox.fill(2);
    await appendFile(sandbox.file, '{"hash":"12');
    await sandbox.fill(1);
    const lines = await sandbox.lines();
    const at = lines.indexOf('{"hash":"12');
    await sandbox.write(lines.with(at, '{"hash":"13'));
    expect((await findings())[0]).to.deep.include({ fault: 'malformed', line: at + 1 });
  });

  it('goes on where a crash came before half a line of an earlier one was recorded', async () => {
    await sandbox.fill(2);
    const [line = ''] = await sandbox.lines();
    const halves = [
      `${line.slice(0, 200)}\n`,
      `{\n${line.slice(0, 200)}`,
      '{"ha\n\u0000\n',
      `{\n${line.slice(0, -1)}\n{`,
    ];
    for (const [index, torn] of halves.entries()) {
      await appendFile(sandbox.file, torn);
      await sandbox.fill(1);
      expect(await readFile(sandbox.file, 'utf8')).to.include(torn);
      const checkpoints = sandbox.checkpoints;
      expect(await sandbox.verify({ checkpoints })).to.deep.include({ findings: [], recovered: index + 1 });
    }
  });

  it('goes on behind a whole record whose line feed alone is missing', async () => {
    await sandbox.fill(2);
    await truncate(sandbox.file, (await stat(sandbox.file)).size - 1);
    await sandbox.fill(1);
    const report = await sandbox.verify({ checkpoints: sandbox.checkpoints });
    expect(report).to.deep.include({ ok: true, recovered: 0 });
  });

  it('begins a trail in a file that holds half a line and nothing else', async () => {
    await writeFile(sandbox.file, '{"hash":', { mode: 0o600 });
    await sandbox.fill(1);
    expect(await sandbox.verify()).to.deep.include({ ok: true, recovered: 1, first: { seq: 1 } });
  });

  it('links files to each other, by size and by day', async () => {
    const days = ['2026-11-21T23:59:59.000Z', '2026-11-22T00:00:00.000Z', '2026-11-22T00:00:01.000Z'];
    let day = 0;
    const trail = await sandbox.open({ now: () => new Date(days[day] ?? '') });
    for (day = 0; day < days.length; day += 1) trail.record({ type: 'server_started', name: 'daily' });
    day = 2;
    await trail.close();
    const [first = '', second = ''] = await sandbox.files();
    expect(basename(first)).to.equal('audit.0000000000000002.jsonl');
    expect(await types(second)).to.deep.equal([
      'trail_segment',
      'server_started',
      'server_started',
      'trail_stopped',
      'trail_checkpoint',
    ]);
    expect((await events(second))[0]).to.deep.include({ after: basename(first) });
    expect(await findings()).to.deep.equal([]);
  });

  it('does not begin a new file where it is told not to', async () => {
    let time = new Date('2026-11-21T12:00:00Z');
    const trail = await sandbox.open({ now: () => time, rotate: { daily: false } });
    time = new Date('2026-11-23T12:00:00Z');
    trail.record({ type: 'server_started', name: 'a' });
    await trail.close();
    expect(await sandbox.files()).to.have.lengthOf(1);
  });

  it('goes on in a new file where a crash left none', async () => {
    await sandbox.fill(30, { rotate: { bytes: 4096 } });
    const [first = ''] = await sandbox.files();
    for (const file of (await sandbox.files()).slice(1)) await unlink(file);
    await sandbox.fill(1);
    expect((await types())[0]).to.equal('trail_segment');
    expect((await events())[0]).to.deep.include({ after: basename(first) });
    expect((await sandbox.verify()).ok).to.equal(true);
  });

  it('goes on in a new file when the one that is written to is deleted or moved, and tells of it', async () => {
    for (const take of [unlink, (file: string) => rename(file, `${file}.1`)]) {
      const errors: unknown[] = [];
      const trail = await sandbox.open({ onError: (error) => errors.push(error) });
      trail.record({ type: 'server_started', name: 'a' });
      await trail.checkpoint();
      await take(sandbox.file);
      await pause(1100);
      trail.record({ type: 'server_stopped', name: 'a' });
      await trail.close();
      expect(await types()).to.deep.equal(['server_stopped', 'trail_stopped', 'trail_checkpoint']);
      expect(errors).to.have.lengthOf(1);
      expect(errors[0]).to.have.property('message').that.includes('was moved or deleted');
      const found = (await findings()).map(({ fault }) => fault);
      expect(found).to.include('removed');
      await unlink(sandbox.file);
    }
  });

  it('goes on once a new file can be made, when none could at first', async () => {
    const errors: unknown[] = [];
    const trail = await sandbox.open({ onError: (error) => errors.push(error) });
    await trail.checkpoint();
    const aside = `${sandbox.directory}-aside`;
    await rename(sandbox.directory, aside);
    await pause(1100);
    trail.record({ type: 'server_stopped', name: 'a' });
    await trail.checkpoint().catch(() => undefined);
    expect(trail.status()).to.include({ failing: true });
    await rename(aside, sandbox.directory);
    await unlink(sandbox.file);
    await pause(1100);
    await trail.checkpoint();
    expect(trail.status()).to.include({ failing: false });
    expect(await types()).to.include('server_stopped');
    await trail.close();
  });

  it('writes nothing to a file that somebody put where its own was', async () => {
    const errors: unknown[] = [];
    const trail = await sandbox.open({ onError: (error) => errors.push(error) });
    await trail.checkpoint();
    await unlink(sandbox.file);
    await writeFile(sandbox.file, '');
    await pause(1100);
    trail.record({ type: 'server_stopped', name: 'a' });
    await trail.checkpoint().catch(() => undefined);
    expect(trail.status()).to.include({ failing: true });
    expect(await readFile(sandbox.file, 'utf8')).to.equal('');
    expect(errors[0]).to.have.property('message').that.includes('another file is where');
    await unlink(sandbox.file);
    await pause(1100);
    await trail.checkpoint();
    expect(trail.status()).to.include({ failing: false });
    expect(await types()).to.include('server_stopped');
    await trail.close();
  });

  it('signs a checkpoint after so many records, after a while, on demand and at the end', async () => {
    const trail = await sandbox.open({ checkpoints: { records: 5, seconds: 1 } });
    const seqs = (): readonly number[] => sandbox.checkpoints.map(({ seq }) => seq);
    for (let index = 0; index < 4; index += 1) trail.record({ type: 'server_started', name: 'a' });
    while (seqs().length === 0) await pause(5);
    trail.record({ type: 'server_started', name: 'b' });
    while (seqs().length === 1) await pause(20);
    const demanded = await trail.checkpoint();
    await trail.close();
    expect(seqs()).to.have.lengthOf(4);
    expect(demanded.seq).to.equal(seqs()[2]);
    expect([...seqs()]).to.deep.equal([...seqs()].sort((a, b) => a - b));
    const report = await sandbox.verify({ checkpoints: sandbox.checkpoints });
    expect(report).to.deep.include({ ok: true });
    expect(report.checkpoints.verified).to.equal(4);
  });

  it('sends a checkpoint away only once its records are on the disk', async () => {
    let written = 0;
    const trail = await sandbox.open({
      onCheckpoint: async ({ seq }) => {
        written = (await sandbox.lines()).length - seq;
      },
    });
    for (let index = 0; index < 50; index += 1) trail.record({ type: 'server_started', name: 'a' });
    await trail.checkpoint();
    expect(written).to.be.at.least(0);
  });

  it('makes a checkpoint while records come faster than they are written', async () => {
    const trail = await sandbox.open({ queue: 16_384, checkpoints: { records: 1_000_000 } });
    const settings = { value: { text: 'a '.repeat(2000) } };
    for (let turn = 0; turn < 100 && sandbox.checkpoints.length === 0; turn += 1) {
      for (let index = 0; index < 100; index += 1) {
        trail.record({ type: 'configuration_loaded', component: 'c', settings });
      }
      if (turn === 2) void trail.checkpoint();
      await setImmediate();
    }
    expect(sandbox.checkpoints).to.have.lengthOf(1);
    await trail.close();
    expect(await findings()).to.deep.equal([]);
  });

  it('survives a signer that is down and a receiver that fails, and tells of both', async () => {
    const told: unknown[] = [];
    let down = true;
    const trail = await sandbox.open({
      signer: {
        current: () => (down ? Promise.reject(new Unavailable('The keys are out of reach')) : sandbox.signer.current()),
      },
      onCheckpoint: () => Promise.reject(new Error('nobody there')),
      checkpoints: { records: 3 },
      onError: (error) => told.push(error),
    });
    for (let index = 0; index < 5; index += 1) trail.record({ type: 'server_started', name: 'a' });
    while (told.length === 0) await pause(5);
    down = false;
    await trail.close();
    expect(told.map((error) => (error as Error).message)).to.include.members([
      'The keys are out of reach',
      'nobody there',
    ]);
    expect((await sandbox.verify()).ok).to.equal(true);
  });

  it('lets one process write, and the next one after it', async () => {
    const trail = await sandbox.open();
    const error: unknown = await sandbox.open().catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(AuditTrailError).with.property('code', 'trail_locked');
    await trail.close();
    await sandbox.fill(1);
    expect((await sandbox.verify()).ok).to.equal(true);
  });

  it('takes over from a process that is gone, and not from one elsewhere that shows up', async () => {
    await writeFile(`${sandbox.file}.lock`, JSON.stringify({ host: 'elsewhere', pid: 1, token: 'x' }));
    const error: unknown = await sandbox.open().catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(AuditTrailError).with.property('code', 'trail_locked');
    await unlink(`${sandbox.file}.lock`);

    const trail = await sandbox.open();
    const lock = JSON.parse(await readFile(`${sandbox.file}.lock`, 'utf8')) as object;
    await trail.close();
    await writeFile(`${sandbox.file}.lock`, JSON.stringify({ ...lock, pid: 2 ** 22 + 1, token: 'gone' }));
    await sandbox.fill(1);
    expect((await sandbox.verify()).ok).to.equal(true);
  });

  it('is opened in a folder that is there, and says how to make one', async () => {
    const failure = async (file: string): Promise<unknown> => sandbox.open({ file }).catch((cause: unknown) => cause);
    await writeFile(join(sandbox.directory, 'note'), '');
    for (const folder of [join(sandbox.directory, 'a', 'logs'), join(sandbox.directory, 'note')]) {
      const error = await failure(join(folder, 'audit.jsonl'));
      expect(error).to.be.instanceOf(AuditTrailError).with.property('code', 'trail_folder_missing');
      expect(error)
        .to.have.property('message')
        .that.equals(`there is no folder '${folder}' for the audit trail; make it first: mkdir -p '${folder}'`);
    }
    const within = relative(process.cwd(), join(sandbox.directory, 'logs'));
    expect(await failure(join(within, 'audit.jsonl')))
      .to.have.property('message')
      .that.includes(`mkdir -p '${within}'`);
    await mkdir(join(sandbox.directory, 'logs'));
    await (await sandbox.open({ file: join(within, 'audit.jsonl') })).close();
  });

  it('does not write to a file that others can reach, a link, or one whose end was changed', async () => {
    const codeOf = async (): Promise<unknown> => {
      const error: unknown = await sandbox.open().catch((cause: unknown) => cause);
      return (error as { code?: unknown }).code;
    };
    await sandbox.fill(3);
    await chmod(sandbox.file, 0o640);
    expect(await codeOf()).to.equal('trail_unsafe');
    await chmod(sandbox.file, 0o600);
    const lines = await sandbox.lines();
    await sandbox.write([...lines.slice(0, -1), lines.at(-1)!.replace(/"seq":\d+/, '"seq":999')]);
    expect(await codeOf()).to.equal('trail_changed');
    await sandbox.write([...lines.slice(0, -1), lines.at(-1)!.replace('"prev"', '"prov"')]);
    expect(await codeOf()).to.equal('trail_changed');
    await sandbox.write([...lines, '']);
    expect(await codeOf()).to.equal('trail_changed');
    await sandbox.write(lines);
    await unlink(sandbox.file);
    await writeFile(`${sandbox.file}.other`, '', { mode: 0o600 });
    await symlink(`${sandbox.file}.other`, sandbox.file);
    expect(await codeOf()).to.equal('ELOOP');
  });

  it('escapes and masks what it is given, and takes no time that is none', async () => {
    const trail = await sandbox.open();
    const hostile = 'a\nb\u2028c\u202ed\u001b[2J Bearer abcdefghijklmnop';
    trail.record({ type: 'server_started', name: hostile, time: 'yesterday' });
    trail.record({ type: 'server_started', name: 'b', time: '2026-11-22T12:00:00.000Z' });
    trail.record({ type: 'configuration_loaded', component: 'x', settings: { value: { password: 'hunter2', a: 1 } } });
    await trail.close();
    const written = await readFile(sandbox.file, 'utf8');
    expect(written).to.not.match(/abcdefghijklmnop|hunter2|yesterday/);
    // eslint-disable-next-line no-control-regex -- those are what must not be there
    expect(written).to.not.match(/[^\x0a\x20-\x7e]/);
    const [, first, second, third] = await events();
    expect(first).to.have.property('name', 'a\\u000ab\\u2028c\\u202ed\\u001b[2J Bearer [masked]');
    expect(second).to.have.property('time', '2026-11-22T12:00:00.000Z');
    expect(third).to.have.deep.property('settings', { value: { a: 1, password: '[masked]' } });
    expect(await findings()).to.deep.equal([]);
  });

  it('gives further sinks every record with its place, and goes on when one fails', async () => {
    const seen: SealedRecord[] = [];
    const told: unknown[] = [];
    const bad = (): never => {
      throw new Error('no');
    };
    const trail = await sandbox.open({
      sinks: [
        (sealed) => seen.push(sealed as unknown as SealedRecord),
        bad,
        { info: (_text, meta) => seen.push(meta as SealedRecord) },
      ],
      onError: (error) => told.push(error),
    });
    trail.record({ type: 'server_started', name: 'a' });
    await trail.close();
    const stored = (await sandbox.lines()).map((line) => JSON.parse(line) as SealedRecord);
    expect(seen.filter((_, index) => index % 2 === 0)).to.deep.equal(stored);
    expect(seen.filter((_, index) => index % 2 === 1)).to.deep.equal(stored);
    expect(told).to.have.length.greaterThan(2);
    const gaps = stored.flatMap(({ record: { event } }) => (event.type === 'trail_gap' ? [event] : []));
    expect(gaps[0]).to.deep.include({ reason: 'sink_failed', sink: 1 });
    expect(gaps.length).to.be.lessThan(4);
  });

  it('leaves out what a slow sink has no room for, and records how much', async () => {
    const trail = await sandbox.open({
      queue: 10,
      sinks: [() => new Promise(() => undefined)],
      onError: () => undefined,
    });
    for (let index = 0; index < 30; index += 1) {
      trail.record({ type: 'server_started', name: 'a' });
      if (index % 5 === 0) await pause(40);
    }
    await trail.close();
    const lost = (await events()).flatMap((event) =>
      event.type === 'trail_gap' && event.sink === 0 ? [event.lost] : [],
    );
    const total = (await sandbox.lines()).length;
    expect(lost.reduce((a, b) => a + b, 0)).to.be.within(15, total - 10);
    expect(await findings()).to.deep.equal([]);
  });

  it('keeps records of any length and of any characters whole, in their order', async () => {
    const trail = await sandbox.open({ queue: 1000 });
    const texts = ['a', '\u4e2d', '\u00e9'].flatMap((character) =>
      [10, 256, 3000, 16_000].map((length) => character.repeat(length)),
    );
    const sent = texts.flatMap((text) =>
      [1, 2, 4, 7].map((count) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`m${at}`, text]))),
    );
    for (const value of sent) trail.record({ type: 'configuration_loaded', component: 'c', settings: { value } });
    await trail.close();
    const settings = (await events()).flatMap((event) => ('settings' in event ? [event.settings.value] : []));
    expect(settings).to.deep.equal(sent);
    expect(await findings()).to.deep.equal([]);
  });

  it('writes before the queue is full, however much longer it could gather', async () => {
    const times: number[] = [];
    const trail = await sandbox.open({ queue: 20 });
    for (let round = 0; round < 10; round += 1) {
      while (trail.status().queued > 0) await pause(5);
      const start = performance.now();
      for (let index = 0; index < 10; index += 1) trail.record({ type: 'server_started', name: 'a' });
      while (trail.status().queued > 0) await setImmediate();
      times.push(performance.now() - start);
    }
    expect(Math.min(...times)).to.be.lessThan(15);
    expect(trail.status()).to.include({ lost: 0, failing: false });
  });

  it('takes no record that readers would not take for one, and records that', async () => {
    const trail = await sandbox.open();
    const inner = trailOf(trail)!;
    const event = (text: string) =>
      ({ v: 1, time: '2026-11-22T12:00:00.123Z', type: 'server_started', name: text }) as const;
    expect(inner.put(event('x'.repeat(5_000_000)))).to.equal(false);
    expect(inner.put(event('x'.repeat(4_000_000)))).to.equal(true);
    await trail.close();
    expect((await sandbox.verify()).ok).to.equal(true);
    expect((await sandbox.lines()).some((line) => line.includes('"lost":1,"reason":"too_long"'))).to.equal(true);
  });

  it('holds 64 MiB of records at the most, however few they are', async () => {
    const trail = await sandbox.open();
    const inner = trailOf(trail)!;
    const event = {
      v: 1,
      time: '2026-11-22T12:00:00.123Z',
      type: 'server_started',
      name: 'x'.repeat(4_000_000),
    } as const;
    const taken = Array.from({ length: 20 }, () => inner.put(event)).filter((one) => one).length;
    expect(taken).to.equal(17);
    while (trail.status().queued > 0) await pause(5);
    expect(inner.put(event)).to.equal(true);
    await trail.close();
    expect((await sandbox.verify()).ok).to.equal(true);
  });

  it('signs a checkpoint anew when more records came meanwhile than readers remember', async () => {
    const { signer } = sandbox;
    let late = 1;
    let count = 0;
    const slow: Signer = {
      current: async () => {
        for (; late > 0; late -= 1) {
          for (count = 0; count < 33_000; count += 1) {
            while (trail.status().queued > 5000) await setImmediate();
            trail.record({ type: 'server_started', name: 'a' });
          }
        }
        return signer.current();
      },
    };
    const trail = await sandbox.open({ signer: slow, checkpoints: { records: 1_000_000 } });
    const { seq } = await trail.checkpoint();
    expect(seq).to.be.greaterThan(33_000);
    await trail.close();
    expect(await sandbox.verify({ keys: sandbox.keys })).to.deep.include({ ok: true });
  }).timeout(20_000);

  it('loses what comes when the queue is full, and records how much', async () => {
    const trail = await sandbox.open({ queue: 10 });
    for (let index = 0; index < 50; index += 1) trail.record({ type: 'server_started', name: `n${index}` });
    expect(trail.status()).to.deep.include({ lost: 41, failing: true });
    while (trail.status().queued > 0) await pause(5);
    trail.record({ type: 'server_started', name: 'later' });
    await trail.close();
    const [gap] = (await events()).filter(({ type }) => type === 'trail_gap');
    expect(gap).to.deep.include({ lost: 41, reason: 'queue_full' });
    expect(await findings()).to.deep.equal([]);
  });

  it('reports keys, tools, verdicts and approvals, one line each', async () => {
    const trail = await sandbox.open();
    const at = new Date('2026-11-22T12:00:00Z');
    trail.onKeyEvent({ type: 'key_revoked', keyId: 'k', purpose: 'audit', algorithm: 'Ed25519', at });
    trail.onKeyEvent({ type: 'upkeep_failed', at, cause: Object.assign(new Error('secret'), { code: 'EIO' }) });
    trail.onToolEvent({ type: 'definition_changed', name: 't', version: '1.0.0', form: 'modern', digest: 'sha256:1' });
    trail.onToolEvent({ type: 'tool_undefined', name: 't' });
    const verdict = { tool: 't', server: 'https://a.example/mcp', form: 'modern', permissions: [], diff: [] } as const;
    trail.onVerdict({ ...verdict, outcome: 'deny', reason: 'definition_changed' });
    trail.onVerdict({ ...verdict, outcome: 'allow', reason: 'approved', version: '1.0.0' });
    const saved: unknown[] = [];
    const approvals = trail.approvals({
      save: (approval: unknown) => Promise.resolve(void saved.push(approval)),
      revoke: (_server: string, tool: string, _by?: object) => Promise.resolve(tool === 't'),
    });
    const approval = { server: 'https://a.example/mcp', tool: 't', permissions: ['p'], approver: 'ann', expiresAt: at };
    await approvals.save(approval);
    await approvals.revoke('https://a.example/mcp', 't', { approver: 'bob' });
    await approvals.revoke('https://a.example/mcp', 'unknown');
    await trail.close();
    expect(saved).to.deep.equal([approval]);
    expect((await types()).slice(1, -2)).to.deep.equal([
      'key_revoked',
      'key_upkeep_failed',
      'definition_changed',
      'tool_undefined',
      'definition_refused',
      'definition_verified',
      'approval_granted',
      'approval_revoked',
    ]);
    const approvers = (await events()).flatMap((event) => ('approver' in event ? [event.approver] : []));
    expect(approvers).to.deep.equal(['ann', 'bob']);
    expect((await events())[2]).to.have.deep.property('error', { name: 'Error', code: 'EIO' });
    expect(await readFile(sandbox.file, 'utf8')).to.not.include('secret');
  });

  it('records the key that is made for its last checkpoint, where it is closed before the key store', async () => {
    const wired: { trail?: AuditTrail } = {};
    const keyStore = await openKeyStore({
      directory: join(sandbox.directory, 'keys'),
      secret: randomBytes(32),
      onEvent: (event) => wired.trail?.onKeyEvent(event),
    });
    const trail = await openAuditTrail({ file: sandbox.file, signer: keyStore.signer('audit') });
    wired.trail = trail;
    await trail.close();
    await keyStore.close();
    expect(trail.status().lost).to.equal(0);
    expect(await types()).to.deep.equal([
      'trail_started',
      'key_generated',
      'key_activated',
      'trail_stopped',
      'trail_checkpoint',
    ]);
  });

  it('takes nothing more once it is closed, and closes once', async () => {
    const trail = await sandbox.open();
    await Promise.all([trail.close(), trail.close()]);
    trail.record({ type: 'server_started', name: 'late' });
    expect(trail.status()).to.deep.include({ failing: true, lost: 1 });
    expect((await types()).filter((type) => type === 'trail_stopped')).to.have.lengthOf(1);
  });

  it('tells once of events that come when it is closed, and writes nothing behind its end', async () => {
    const told: unknown[] = [];
    const trail = await sandbox.open({ onError: (error) => told.push(error) });
    const closed = trail.close();
    await setImmediate();
    await setImmediate();
    trail.record({ type: 'server_started', name: 'while it closes' });
    await closed;
    for (let index = 0; index < 3; index += 1) trail.record({ type: 'server_started', name: 'late' });
    expect(told.map((error) => (error as Error).message)).to.deep.equal([
      `the audit trail '${sandbox.file}' is closed, and events that still come are lost; close what reports to it first`,
    ]);
    expect(await types()).to.deep.equal(['trail_started', 'trail_stopped', 'trail_checkpoint']);
  });

  it('is not opened with wrong options', async () => {
    const { file, signer } = sandbox;
    const table: readonly [object, RegExp][] = [
      [{ signer }, /'file' must be a non-empty string/],
      [{ file }, /'signer' must be a signer, such as keyStore.signer\('audit'\)/],
      [{ file, signer, sink: [] }, /unknown option 'sink'; did you mean 'sinks'/],
      [{ file, signer, sinks: [7] }, /'sinks' \[0\] must be a function/],
      [{ file, signer, rotate: { size: 1 } }, /'rotate': unknown option 'size'/],
      [{ file, signer, checkpoints: { records: 0 } }, /'checkpoints': 'records' must be a whole number/],
      [{ file, signer, fsync: 'always' }, /'fsync' must be one of 'batch', 'second', 'never'/],
      [{ file, signer, queue: 0 }, /'queue' must be a whole number from 1 to 16384/],
    ];
    for (const [options, message] of table) {
      const error: unknown = await openAuditTrail(options as OpenAuditTrailOptions).catch((cause: unknown) => cause);
      expect(error).to.be.instanceOf(TypeError).with.property('message').that.matches(message);
    }
  });
});
