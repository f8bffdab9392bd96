import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { verifyTrail, type SealedRecord, type TrailReport, type VerifyTrailOptions } from '../../../lib/index.js';
import { readLink, type Checkpoint } from '../../../lib/audit/line.js';
import { signCheckpoint } from '../../../lib/audit/trail/checkpoint.js';
import { canonicalize } from '../../../lib/json/canonical.js';
import { forge, rewrite } from '../../support/forgery.js';
import { makeAuditKey, TrailSandbox } from '../../support/trails.js';

let sandbox: TrailSandbox;

/** What is said about the first bad record. */
const first = ({ findings: [finding] }: TrailReport): unknown => finding && [finding.fault, finding.seq, finding.line];

const renamed = ({ record }: SealedRecord): object => ({ ...record, event: { ...record.event, name: 'another' } });

/** A checkpoint about the record of a line, as if it had been made when that was the last. */
function checkpointAt(line: string): Promise<Checkpoint> {
  const { chain, seq, hash } = readLink(Buffer.from(line))!;
  return signCheckpoint(sandbox.signer, { chain, seq, hash, time: '2026-11-22T12:00:00.123Z' });
}

describe('verifyTrail', () => {
  beforeEach(async () => {
    sandbox = await TrailSandbox.create();
  });
  afterEach(() => sandbox.remove());

  it('finds nothing in a trail that was left alone, across restarts and files', async () => {
    for (let run = 0; run < 3; run += 1)
      await sandbox.fill(40, { rotate: { bytes: 4096 }, checkpoints: { records: 10 } });
    const report = await sandbox.verify({ checkpoints: sandbox.checkpoints });
    expect(report).to.deep.include({ ok: true, findings: [], recovered: 0, first: { seq: 1 } });
    expect(report.files).to.be.greaterThan(6);
    expect(report.last?.seq).to.equal(report.records);
    expect(report.checkpoints.verified).to.equal(report.checkpoints.found);
    expect(report.checkpoints.signedUntil).to.equal(report.records - 1);
  });

  describe('tells apart what was done to a trail', () => {
    /** Records: 1 is the start, 2 to 11 are events, 12 is the stop, 13 the checkpoint. */
    const table: readonly [what: string, change: (lines: string[]) => string[], expected: unknown][] = [
      ['a record whose text was changed', (l) => l.with(4, l[4]!.replace('server 3', 'server 4')), ['edited', 5, 5]],
      ['a record that was changed with a new hash', (l) => l.with(4, forge(l[4]!, renamed)), ['edited', 5, 5]],
      ['the first record, with a new hash', (l) => l.with(0, forge(l[0]!, renamed)), ['edited', 1, 1]],
      [
        'a hash alone',
        (l) =>
          l.with(
            4,
            l[4]!.replace(/"hash":"./, (head) => head.slice(0, -1) + (head.endsWith('0') ? '1' : '0')),
          ),
        ['edited', 5, 5],
      ],
      [
        'a number, with a new hash',
        (l) =>
          l.with(
            4,
            forge(l[4]!, ({ record }) => ({ ...record, seq: 500 })),
          ),
        ['removed', 5, 5],
      ],
      [
        'a link, with a new hash',
        (l) =>
          l.with(
            4,
            forge(l[4]!, ({ record }) => ({ ...record, prev: 'f'.repeat(64) })),
          ),
        ['edited', 5, 5],
      ],
      ['two neighbours that changed places', (l) => l.with(4, l[5]!).with(5, l[4]!), ['reordered', 5, 6]],
      ['two distant records that changed places', (l) => l.with(2, l[8]!).with(8, l[2]!), ['reordered', 4, 4]],
      ['a record that was removed', (l) => l.toSpliced(4, 1), ['removed', 5, 5]],
      ['several that were removed', (l) => l.toSpliced(4, 3), ['removed', 5, 5]],
      ['the first that was removed', (l) => l.slice(1), ['removed', 1, 1]],
      ['a record that is there twice', (l) => l.toSpliced(7, 0, l[4]!), ['inserted', 5, 8]],
      ['a record that is there twice in a row', (l) => l.toSpliced(5, 0, l[4]!), ['inserted', 5, 6]],
      ['a forged record in front of the true one', (l) => l.toSpliced(4, 0, forge(l[4]!, renamed)), ['inserted', 5, 5]],
      ['a forged record behind the true one', (l) => l.toSpliced(5, 0, forge(l[4]!, renamed)), ['inserted', 5, 6]],
      ['a line of something else', (l) => l.toSpliced(5, 0, '{"level":"info"}'), ['malformed', 6, 6]],
      ['a record that was overwritten', (l) => l.with(5, 'x'), ['malformed', 6, 6]],
      ['an empty line', (l) => l.toSpliced(5, 0, ''), ['malformed', 6, 6]],
      [
        'a record of another trail',
        (l) =>
          l.toSpliced(
            5,
            0,
            forge(l[5]!, ({ record }) => ({ ...record, chain: crypto.randomUUID() })),
          ),
        ['inserted', 6, 6],
      ],
      ['a checkpoint about other records', (l) => rewrite(l, 3), ['checkpoint_invalid', 13, 13]],
    ];
    for (const [what, change, expected] of table) {
      it(what, async () => {
        await sandbox.fill(10);
        await sandbox.write(change(await sandbox.lines()));
        const report = await sandbox.verify();
        expect(report.ok).to.equal(false);
        expect(first(report)).to.deep.equal(expected);
      });
    }
  });

  it('names one change once', async () => {
    await sandbox.fill(10);
    const lines = await sandbox.lines();
    for (const changed of [lines.with(4, forge(lines[4]!, renamed)), lines.with(5, 'x'), lines.toSpliced(4, 2)]) {
      await sandbox.write(changed);
      expect((await sandbox.verify()).findings).to.have.lengthOf(1);
    }
  });

  it('names the first bad record first, also where a later one was noticed before', async () => {
    await sandbox.fill(40, { rotate: { bytes: 4096 } });
    const files = await sandbox.files();
    const [one = '', two = ''] = files;
    const [before, behind] = [await sandbox.lines(one), await sandbox.lines(two)];
    await sandbox.write(before.toSpliced(2, 2), one);
    await sandbox.write([behind[0]!.replace('trail_segment', 'trail_segmenT'), 'x', ...behind.slice(2)], two);
    const { findings } = await sandbox.verify();
    expect(findings.map(({ fault, file, line }) => [fault, file, line])).to.deep.equal([
      ['removed', one, 3],
      ['edited', two, 1],
      ['malformed', two, 2],
    ]);
  });

  it('names of more than a hundred the first, and no more than a hundred', async () => {
    await sandbox.fill(300);
    const lines = await sandbox.lines();
    const edited = lines.map((line, at) => (at > 20 ? line.replace('server 1', 'server 7') : line));
    await sandbox.write(edited.toSpliced(4, 1));
    const { findings } = await sandbox.verify({ checkpoints: ['none'] });
    expect(findings).to.have.lengthOf(100);
    expect(findings.slice(0, 2).map(({ fault, line }) => [fault, line])).to.deep.equal([
      ['removed', 5],
      ['edited', 101],
    ]);
    const places = findings.map(({ line }) => line);
    expect(places).to.deep.equal(places.toSorted((a, b) => a - b));
  });

  it('finds any single change to any byte of any record', async () => {
    await sandbox.fill(6);
    const bytes = await readFile(sandbox.file);
    // The last byte is the line feed that ends the last record, and no part of it.
    const change = fc.tuple(fc.nat(bytes.length - 2), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(change, async ([at, by]) => {
        const changed = Buffer.from(bytes);
        changed[at] = ((changed[at] ?? 0) + by) % 256;
        await writeFile(sandbox.file, changed);
        const report = await sandbox.verify();
        expect(report.ok).to.equal(false);
      }),
      { numRuns: 300 },
    );
  });

  it('finds any single member of any event that was changed, with a hash that fits', async () => {
    await sandbox.fill(8);
    const lines = await sandbox.lines();
    const at = fc.nat(lines.length - 2);
    await fc.assert(
      fc.asyncProperty(at, fc.string(), fc.jsonValue(), async (index, name, value) => {
        const line = lines[index] ?? '';
        const { record } = JSON.parse(line) as SealedRecord;
        const event = { ...record.event, [name]: value };
        fc.pre(canonicalizes(event) && canonicalize(event) !== canonicalize(record.event));
        await sandbox.write(
          lines.with(
            index,
            forge(line, () => ({ ...record, event })),
          ),
        );
        expect(first(await sandbox.verify())).to.deep.equal(['edited', index + 1, index + 1]);
      }),
      { numRuns: 200 },
    );
  });

  it('finds that the end is gone, with a checkpoint that was kept elsewhere and not without', async () => {
    await sandbox.fill(10);
    const lines = await sandbox.lines();
    await sandbox.write(lines.slice(0, 8));
    expect((await sandbox.verify()).ok).to.equal(true);
    const report = await sandbox.verify({ checkpoints: sandbox.checkpoints });
    expect(first(report)).to.deep.equal(['truncated', 9, 8]);
    await sandbox.write([]);
    expect(first(await sandbox.verify({ checkpoints: sandbox.checkpoints }))).to.deep.equal(['truncated', 1, 0]);
  });

  describe('says up to where somebody vouches for it', () => {
    /** Records: 1 is the start, 2 to 11 are events, 12 is the stop, 13 the checkpoint about 12. */
    const vouching = async (options: Partial<VerifyTrailOptions>): Promise<unknown> => {
      const report = await verifyTrail({ files: await sandbox.files(), keys: sandbox.keys, ...options });
      return vouchingOf(report);
    };
    const withoutKeys = async (checkpoints: readonly Checkpoint[]): Promise<unknown> =>
      vouchingOf(await verifyTrail({ files: await sandbox.files(), checkpoints }));
    const vouchingOf = ({ ok, unvouched, closing, checkpoints }: TrailReport): unknown => [
      ...[ok, checkpoints.signedUntil, checkpoints.keptUntil, unvouched, closing],
    ];

    it('keeps apart what a known key has signed and what a checkpoint kept elsewhere names', async () => {
      await sandbox.fill(10);
      const early = await checkpointAt((await sandbox.lines())[4]!);
      expect(await vouching({})).to.deep.equal([true, 12, 0, 0, 1]);
      expect(await vouching({ checkpoints: [early] })).to.deep.equal([true, 12, 5, 0, 1]);
      expect(await vouching({ checkpoints: sandbox.checkpoints })).to.deep.equal([true, 12, 12, 0, 1]);
      expect(await withoutKeys([])).to.deep.equal([true, 0, 0, 13, 0]);
      expect(await withoutKeys([early])).to.deep.equal([true, 0, 5, 8, 0]);
      expect(await withoutKeys(sandbox.checkpoints)).to.deep.equal([true, 0, 12, 0, 1]);
    });

    it('counts records behind it that were written anew, and those behind which the end was cut off', async () => {
      await sandbox.fill(10);
      const lines = await sandbox.lines();
      const checkpoints = [await checkpointAt(lines[4]!)];
      await sandbox.write(rewrite(lines.slice(0, -1), 5));
      expect(await vouching({ checkpoints })).to.deep.equal([true, 0, 5, 7, 0]);
      await sandbox.write(lines.slice(0, 6));
      expect(await vouching({ checkpoints })).to.deep.equal([true, 0, 5, 1, 0]);
      await sandbox.write(lines.slice(0, 5));
      expect(await vouching({ checkpoints })).to.deep.equal([true, 0, 5, 0, 0]);
    });

    it('takes no record for a checkpoint of the trail because others before or behind it are', async () => {
      await sandbox.fill(10);
      await sandbox.fill(0);
      const lines = await sandbox.lines();
      const early = [await checkpointAt(lines[11]!)];
      await sandbox.write(lines.slice(0, 14));
      expect(await vouching({ checkpoints: early })).to.deep.equal([true, 12, 12, 2, 0]);
    });

    it('vouches for nothing that is there where only what was archived is vouched for', async () => {
      await sandbox.fill(10);
      const lines = await sandbox.lines();
      const checkpoints = [await checkpointAt(lines[4]!)];
      await sandbox.write(lines.slice(5, -1));
      expect(await vouching({ checkpoints, partial: true })).to.deep.equal([true, 0, 5, 7, 0]);
    });

    it('counts nothing in an empty log', async () => {
      await sandbox.write([]);
      expect(await vouching({})).to.deep.equal([true, 0, 0, 0, 0]);
    });
  });

  it('finds that all was written anew, with a checkpoint that was kept elsewhere and not without', async () => {
    await sandbox.fill(10);
    const { file, checkpoints } = sandbox;
    const elsewhere = checkpoints.map(({ jws }) => jws);
    await sandbox.write(rewrite((await sandbox.lines()).slice(0, -1), 0));
    expect((await sandbox.verify()).ok).to.equal(true);
    expect(first(await sandbox.verify({ checkpoints: elsewhere }))).to.deep.equal(['rewritten', 12, 12]);

    const other = await TrailSandbox.create();
    try {
      await other.fill(20);
      await writeFile(file, await readFile(other.file));
      const report = await sandbox.verify({ checkpoints: elsewhere, keys: other.keys });
      expect(report.findings.map(({ fault }) => fault)).to.deep.equal(['checkpoint_invalid']);
      const unsigned = await verifyTrail({ files: [file], checkpoints: elsewhere });
      expect(first(unsigned)).to.deep.equal(['rewritten', 12, 12]);
    } finally {
      await other.remove();
    }
  });

  it('denies a checkpoint of an unknown key, in the trail and from elsewhere', async () => {
    await sandbox.fill(3);
    const { keys } = await makeAuditKey();
    const report = await sandbox.verify({ keys, checkpoints: sandbox.checkpoints });
    expect(report.findings.map(({ fault }) => fault)).to.deep.equal(['checkpoint_invalid', 'checkpoint_invalid']);
    expect(report.checkpoints).to.deep.equal({
      ...{ found: 1, verified: 0, signedUntil: 0, keptUntil: 0, compared: 0 },
    });
    const broken = await sandbox.verify({ checkpoints: ['a.b.c', ''] });
    expect(broken.findings.map(({ fault }) => fault)).to.deep.equal(['checkpoint_invalid', 'checkpoint_invalid']);
  });

  it('takes a trail whose oldest files were archived only where it is told so', async () => {
    for (let run = 0; run < 3; run += 1) await sandbox.fill(20, { rotate: { bytes: 4096 } });
    const files = (await sandbox.files()).slice(2);
    const { keys } = sandbox;
    expect((await verifyTrail({ files, keys })).findings[0]).to.deep.include({ fault: 'removed', seq: 1 });
    expect(await verifyTrail({ files, keys, partial: true })).to.deep.include({ ok: true });
  });

  it('compares what it can of checkpoints about records that were archived, and counts them', async () => {
    await sandbox.fill(10);
    const lines = await sandbox.lines();
    const checkpoints = await Promise.all([2, 5, 8].map((seq) => checkpointAt(lines[seq - 1]!)));
    const compared = async (from: number): Promise<unknown> => {
      await sandbox.write(lines.slice(from));
      const report = await sandbox.verify({ checkpoints, partial: true });
      return [report.findings, report.checkpoints.compared];
    };
    expect(await compared(0)).to.deep.equal([[], 3]);
    expect(await compared(4)).to.deep.equal([[], 2]);
    // The first record names the one before it.
    expect(await compared(5)).to.deep.equal([[], 2]);
    expect(await compared(6)).to.deep.equal([[], 1]);
    expect(await compared(9)).to.deep.equal([[], 0]);
    expect((await sandbox.verify({ partial: true })).checkpoints.compared).to.equal(0);
  });

  it('finds that what follows archived records was written anew, with a checkpoint about the last of those', async () => {
    await sandbox.fill(10);
    const lines = await sandbox.lines();
    const checkpoints = [await checkpointAt(lines[4]!)];
    await sandbox.write(rewrite(lines.slice(5, -1), 0));
    expect((await sandbox.verify({ partial: true })).ok).to.equal(true);
    const report = await sandbox.verify({ checkpoints, partial: true });
    expect(first(report)).to.deep.equal(['rewritten', 6, 1]);
    expect(report.checkpoints.compared).to.equal(1);
  });

  for (const [where, seq] of [
    ['before its first record', 2],
    ['before the one that its first record follows', 4],
    ['within it', 8],
    ['beyond its last record', 20],
  ] as const) {
    it(`finds that a trail is another one than a checkpoint is about, ${where}`, async () => {
      await sandbox.fill(30);
      const checkpoints = [await checkpointAt((await sandbox.lines())[seq - 1]!)];
      const other = await TrailSandbox.create();
      try {
        await other.fill(10);
        await sandbox.write((await other.lines()).slice(4));
        const report = await verifyTrail({ files: [sandbox.file], checkpoints, partial: true });
        expect(report.findings.map(({ fault }) => fault)).to.deep.equal(['rewritten']);
      } finally {
        await other.remove();
      }
    });
  }

  it('takes a checkpoint in a trail that is about a record that was archived, and none of another trail', async () => {
    let sign = (): void => undefined;
    const signed = new Promise<void>((resolve) => (sign = resolve));
    const slow = { current: () => signed.then(() => sandbox.signer.current()) };
    const trail = await sandbox.open({ signer: slow });
    for (let index = 0; index < 5; index += 1) trail.record({ type: 'server_started', name: 'before' });
    const made = trail.checkpoint();
    while (trail.status().syncs === 0) await new Promise(setImmediate);
    for (let index = 0; index < 5; index += 1) trail.record({ type: 'server_started', name: 'behind' });
    sign();
    const { seq } = await made;
    await trail.close();
    const lines = (await sandbox.lines()).slice(seq + 2);
    expect(lines[0]).to.include('behind');
    await sandbox.write(lines);
    expect(await sandbox.verify({ partial: true })).to.deep.include({ ok: true });
    const chain = crypto.randomUUID();
    await sandbox.write(lines.map((line) => forge(line, ({ record }) => ({ ...record, chain }))));
    expect((await sandbox.verify({ partial: true })).findings.map(({ fault }) => fault)).to.include(
      'checkpoint_invalid',
    );
  });

  it('finds both that the end is gone and that another trail was kept', async () => {
    await sandbox.fill(10);
    const lines = await sandbox.lines();
    const own = await checkpointAt(lines[8]!);
    const foreign = await checkpointAt(forge(lines[9]!, ({ record }) => ({ ...record, chain: crypto.randomUUID() })));
    await sandbox.write(lines.slice(0, 5));
    const { findings } = await sandbox.verify({ checkpoints: [own, foreign] });
    expect(findings.map(({ fault, seq, line }) => [fault, seq, line])).to.deep.equal([
      ['rewritten', 1, 1],
      ['truncated', 6, 5],
    ]);
  });

  it('accepts a torn end and says where it is', async () => {
    await sandbox.fill(5);
    const lines = await sandbox.lines();
    await appendFile(sandbox.file, (lines[3] ?? '').slice(0, 100));
    const report = await sandbox.verify({ checkpoints: sandbox.checkpoints });
    expect(report).to.deep.include({ ok: true, torn: { file: sandbox.file, line: lines.length + 1, bytes: 100 } });
  });

  it('is not called with wrong options', async () => {
    const table: readonly [object, RegExp][] = [
      [{}, /'files' must be an array/],
      [{ files: ['a'], checkpoints: [7] }, /'checkpoints' \[0\] must be a checkpoint/],
      [{ files: ['a'], key: {} }, /unknown option 'key'; did you mean 'keys'/],
    ];
    for (const [options, message] of table) {
      const error: unknown = await verifyTrail(options as never).catch((cause: unknown) => cause);
      expect(error).to.be.instanceOf(TypeError).with.property('message').that.matches(message);
    }
  });
});

function canonicalizes(value: unknown): boolean {
  try {
    return canonicalize(value) !== '';
  } catch {
    return false;
  }
}
