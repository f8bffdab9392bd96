import { appendFile, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import { main } from '../../cli/main.js';
import { readLink, type Checkpoint } from '../../lib/audit/line.js';
import { signCheckpoint } from '../../lib/audit/trail/checkpoint.js';
import { fullName } from '../../lib/audit/trailFiles.js';
import type { TrailReport } from '../../lib/audit/verifyTrail.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing/fakeSigner.js';
import { everyEvent, everyOutcome } from '../support/auditEvents.js';
import { trailLines, writeTrail } from '../support/auditTrails.js';

interface Result {
  code: number;
  out: string;
  err: string;
}

const EVENTS = [...Object.values(everyEvent()).filter(({ type }) => type !== 'trail_checkpoint'), ...everyOutcome()];
let signer: FakeSigner;
let folder: string;
let file: string;

async function audit(...args: string[]): Promise<Result> {
  const result: Result = { code: -1, out: '', err: '' };
  result.code = await main(['audit', ...args], {
    stdout: (line) => (result.out += line),
    stderr: (line) => (result.err += line),
    env: {},
  });
  return result;
}

/** Writes the events, and behind them a signed checkpoint, which it also returns. */
async function writeSigned(events: readonly object[] = EVENTS): Promise<Checkpoint> {
  const link = readLink(Buffer.from(trailLines(events).at(-1)!))!;
  const { chain, seq, hash } = link;
  const checkpoint = await signCheckpoint(signer, { chain, seq, hash, time: '2026-11-22T12:00:00.123Z' });
  await writeTrail(file, [...events, { ...everyEvent().trail_checkpoint, jws: checkpoint.jws }]);
  return checkpoint;
}

async function edit(change: (lines: string[]) => string[]): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  await writeFile(
    file,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

describe('mcp-etdi audit', () => {
  before(async () => {
    signer = await fakeSigner();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-audit-'));
    file = join(folder, 'audit.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const misused: [string, string[]][] = [
    ['no further command', []],
    ['an unknown further command', ['check']],
    ['no file to verify', ['verify']],
    ['no file to report', ['report']],
    ['no file to show', ['tail']],
    ['two files to show', ['tail', 'a', 'b']],
    ['an unknown option', ['verify', 'a', '--key', 'b']],
    ['no number of lines', ['tail', 'a', '--lines', 'x']],
  ];
  for (const [name, args] of misused) {
    it(`ends with 2 for ${name}`, async () => {
      const { code, out, err } = await audit(...args);
      expect([code, out]).to.deep.equal([2, '']);
      expect(err).to.include('--help');
    });
  }

  for (const word of ['verify', 'tail', 'report']) {
    it(`ends ${word} with 1 for a file that is not there, and for what is no file`, async () => {
      for (const path of [file, folder]) {
        const { code, out, err } = await audit(word, path);
        expect([code, out]).to.deep.equal([1, '']);
        expect(err).to.include('there is no file');
      }
    });
  }

  for (const word of ['verify', 'report']) {
    it(`ends ${word} with 1 where something beside the file has the name of a full one and is none`, async () => {
      await writeTrail(file, EVENTS);
      await symlink('/dev/zero', fullName(file, 1));
      const { code, err } = await audit(word, file);
      expect(code).to.equal(1);
      expect(err).to.include('there is no file');
    });
  }

  describe('verify', () => {
    it('accepts what was written, and says what it could not see', async () => {
      await writeSigned();
      const { code, out, err } = await audit('verify', file);
      expect([code, err]).to.deep.equal([0, '']);
      expect(out)
        .to.match(
          new RegExp(
            `^${EVENTS.length + 1} records in 1 file: no change was found, and nobody vouches for any of it\n`,
          ),
        )
        .and.include('no signature was verified, as no keys were named: name them with --keys\n')
        .and.include('no checkpoint kept elsewhere was named with --checkpoint\n')
        .and.include('all of it may have been written anew, and the end may have been cut off\n');
    });

    describe('of four records of which a checkpoint kept elsewhere names the second', () => {
      const args = (): string[] => [file, '--checkpoint', join(folder, 'checkpoint.json')];

      beforeEach(async () => {
        await writeTrail(file, EVENTS.slice(0, 4));
        const { chain, seq, hash } = readLink(Buffer.from(trailLines(EVENTS)[1]!))!;
        const kept = await signCheckpoint(signer, { chain, seq, hash, time: '2026-11-22T12:00:00.123Z' });
        await writeFile(join(folder, 'checkpoint.json'), JSON.stringify(kept));
      });

      it('says up to where that is proven, and what may have been done behind it', async () => {
        const { code, out } = await audit('verify', ...args());
        expect(code).to.equal(0);
        expect(out.split('\n').slice(0, 2)).to.deep.equal([
          '4 records in 1 file: not changed up to record 2 of 4',
          'records 3 and 4 are vouched for by nobody',
        ]);
        expect(out)
          .to.include('1 checkpoint kept elsewhere compared with it, at record 2; 2 records came after it\n')
          .and.include('what came after record 2 may have been changed or cut off\n')
          .and.not.include('no change');
      });

      it('ends with 1 where more are vouched for by nobody than allowed, also in JSON', async () => {
        for (const [most, expected] of [
          ['0', 1],
          ['1', 1],
          ['2', 0],
          ['9', 0],
        ] as const) {
          for (const json of [[], ['--json']]) {
            const { code, out, err } = await audit('verify', ...args(), '--max-unvouched', most, ...json);
            expect(code, most).to.equal(expected);
            if (expected === 1) expect(err).to.include('2 records at the end are vouched for by nobody, more than');
            if (json.length > 0) expect(JSON.parse(out)).to.deep.include({ ok: true, unvouched: 2 });
          }
        }
        for (const most of ['-1', 'x', '1.5', '']) {
          expect((await audit('verify', ...args(), `--max-unvouched=${most}`)).code, most).to.equal(2);
        }
      });

      it('claims no more on the page, where records behind it were changed with new hashes, or cut off', async () => {
        const changed = EVENTS.slice(0, 4).map((event, at) =>
          at < 2 ? event : { ...event, time: '2026-11-30T00:00:00.000Z' },
        );
        for (const [events, title] of [
          [changed, 'Not changed up to record 2 of 4. Records 3 and 4 are vouched for by nobody.'],
          [changed.slice(0, 3), 'Not changed up to record 2 of 3. Record 3 is vouched for by nobody.'],
          [changed.slice(0, 2), 'Not changed up to record 2 of 2'],
        ] as const) {
          await writeTrail(file, events);
          const { code, out } = await audit('report', ...args());
          expect(code).to.equal(0);
          expect(out)
            .to.include(`<h2>${title}</h2>`)
            .and.include('class="status hint"')
            .and.not.include('class="status good"');
          expect(out).to.match(/What came after record 2 may have been (changed or )?cut off\./);
        }
      });
    });

    it('asks for nobody who vouches for the last checkpoint itself', async () => {
      await writeSigned();
      const keys = ['--keys', JSON.stringify(signer.jwks)];
      const { code, out } = await audit('verify', file, ...keys, '--max-unvouched', '0');
      expect(code).to.equal(0);
      expect(out).to.include(`record ${EVENTS.length + 1} is a checkpoint of the log itself\n`);
      expect((await audit('verify', file, '--max-unvouched', '0')).code).to.equal(1);
    });

    it('says of a log without a checkpoint that nothing is signed', async () => {
      await writeTrail(file, EVENTS);
      const { code, out } = await audit('verify', file, '--keys', JSON.stringify(signer.jwks));
      expect(code).to.equal(1);
      expect(out).to.include('no checkpoint is signed by a known key\n').and.not.include('record 0');
    });

    it('verifies signatures with the keys of a file, of an argument, and of a URL', async () => {
      await writeSigned();
      const jwks = JSON.stringify(signer.jwks);
      const path = join(folder, 'keys.jwks.json');
      await writeFile(path, jwks);
      const server = createServer((_req, res) => res.end(jwks)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
      for (const keys of [path, jwks, url]) {
        const { code, out } = await audit('verify', file, '--keys', keys);
        expect([code, keys]).to.deep.equal([0, keys]);
        expect(out).to.include(`1 checkpoint signed by a known key, the last at record ${EVENTS.length}\n`);
      }
      server.close();
    });

    it('denies checkpoints that another key has signed', async () => {
      await writeSigned();
      const other = await fakeSigner();
      const { code, out } = await audit('verify', file, '--keys', JSON.stringify(other.jwks));
      expect(code).to.equal(1);
      expect(out).to.include(`${file}:${EVENTS.length + 1}: record ${EVENTS.length + 1}: checkpoint_invalid: `);
    });

    it('denies a log without any checkpoint where keys are named', async () => {
      await writeTrail(file, EVENTS);
      const { code, err } = await audit('verify', file, '--keys', JSON.stringify(signer.jwks));
      expect(code).to.equal(1);
      expect(err).to.include('no record of the log is signed by these keys');
    });

    const changes: [fault: string, line: number, change: (lines: string[]) => string[]][] = [
      ['edited', 3, (lines) => lines.map((line, index) => (index === 2 ? line.replace('"ann"', '"eve"') : line))],
      ['removed', 3, (lines) => lines.filter((_, index) => index !== 2)],
      ['malformed', 3, (lines) => lines.map((line, index) => (index === 2 ? '{}' : line))],
    ];
    for (const [fault, line, change] of changes) {
      it(`names the first record that was ${fault}, and ends with 1`, async () => {
        await writeSigned();
        await edit(change);
        const { code, out, err } = await audit('verify', file);
        expect(code).to.equal(1);
        expect(out.split('\n')[0]).to.match(new RegExp(`^${file}:${line}: record \\d+: ${fault}: `));
        expect(err).to.include('the log is not what was written; the first bad record is ').and.include(fault);
        const json = await audit('verify', file, '--json');
        const report = JSON.parse(json.out) as TrailReport;
        expect([json.code, report.ok]).to.deep.equal([1, false]);
        expect(report.findings[0]).to.include({ fault, file, line });
        expect(report.findings[0]!.seq).to.be.a('number');
      });
    }

    it('sees a cut end with a checkpoint that was kept elsewhere, in each of its forms, and only then', async () => {
      const checkpoint = await writeSigned();
      await edit((lines) => lines.slice(0, 4));
      expect((await audit('verify', file)).code).to.equal(0);
      const forms = [
        JSON.stringify(checkpoint),
        JSON.stringify([checkpoint], null, 2),
        checkpoint.jws,
        `${checkpoint.jws}\n${JSON.stringify(checkpoint)}\n`,
      ];
      for (const form of forms) {
        const path = join(folder, 'checkpoint.json');
        await writeFile(path, form);
        const { code, out } = await audit('verify', file, '--checkpoint', path, '--keys', JSON.stringify(signer.jwks));
        expect(code, form).to.equal(1);
        expect(out).to.match(/: truncated: /);
      }
    });

    it('says how many checkpoints that were kept elsewhere it could compare', async () => {
      const checkpoint = await writeSigned();
      const path = join(folder, 'checkpoint.json');
      const { chain, hash } = readLink(Buffer.from(trailLines(EVENTS)[0]!))!;
      const early = await signCheckpoint(signer, { chain, seq: 1, hash, time: '2026-11-22T12:00:00.123Z' });
      await writeFile(path, JSON.stringify([early, checkpoint]));
      expect((await audit('verify', file, '--checkpoint', path)).out).to.include(
        `2 checkpoints kept elsewhere compared with it, the last at record ${EVENTS.length}; 1 record came after it\n`,
      );
      await edit((lines) => lines.slice(4));
      const partial = await audit('verify', file, '--checkpoint', path, '--partial');
      expect(partial.code).to.equal(0);
      expect(partial.out).to.include(
        `1 checkpoint kept elsewhere compared with it, 1 about records before it, at record ${EVENTS.length}; 1 record`,
      );
      expect(partial.out).to.include(
        `: not changed from record 5 up to record ${EVENTS.length} of ${EVENTS.length + 1}\n`,
      );
      await writeFile(path, early.jws);
      const none = await audit('verify', file, '--checkpoint', path, '--partial');
      expect(none.out)
        .to.include('0 checkpoints kept elsewhere compared with it, 1 about records before it\n')
        .and.include('the end may have been cut off\n');
    });

    it('denies a checkpoint that is none, and keys that are none', async () => {
      await writeSigned();
      const path = join(folder, 'nothing.json');
      for (const text of ['', '[]', '{}', '[1]']) {
        await writeFile(path, text);
        expect((await audit('verify', file, '--checkpoint', path)).code, text).to.equal(2);
      }
      for (const keys of ['[]', '{"keys":1}', join(folder, 'missing'), 'http://192.0.2.1/jwks']) {
        expect((await audit('verify', file, '--keys', keys)).code, keys).to.equal(2);
      }
    });

    it('ends with 1 for a log that was emptied', async () => {
      await writeFile(file, '');
      const { code, err } = await audit('verify', file);
      expect([code, err]).to.deep.equal([1, 'mcp-etdi audit verify: the log is empty\n']);
    });

    it('takes the full files beside the one that is named', async () => {
      await writeSigned();
      const lines = (await readFile(file, 'utf8')).split(/(?<=\n)/);
      await writeFile(join(folder, 'audit.0000000000000010.jsonl'), lines.slice(0, 10).join(''));
      await writeFile(file, lines.slice(10).join(''));
      const { code, out } = await audit('verify', file, '--json');
      expect(code).to.equal(0);
      expect(JSON.parse(out)).to.include({ files: 2, records: EVENTS.length + 1 });
      expect((await audit('verify', join(folder, 'audit.0000000000000010.jsonl'), file)).code).to.equal(0);
      await rm(join(folder, 'audit.0000000000000010.jsonl'));
      expect((await audit('verify', file)).code).to.equal(1);
      expect((await audit('verify', file, '--partial')).code).to.equal(0);
    });
  });

  describe('tail', () => {
    it('goes on behind what is nested too deeply to be written', async () => {
      const record = (event: string): string => `{"hash":"a","record":{"event":${event},"seq":1}}\n`;
      const plain = record('{"type":"request"}');
      const deep = record(`{"type":"request","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`);
      await writeFile(file, plain + deep + plain);
      for (const [args, lines] of [
        [[], 3],
        [['--json'], 2],
      ] as const) {
        const { code, out } = await audit('tail', file, ...args);
        expect([code, out.split('\n').length - 1]).to.deep.equal([0, lines]);
      }
    });

    it('prints the last records, one line for each', async () => {
      await writeTrail(file, EVENTS);
      const { code, out } = await audit('tail', file);
      const lines = out.split('\n').slice(0, -1);
      expect([code, lines.length]).to.deep.equal([0, 10]);
      expect(lines.at(-4)).to.equal(
        '2026-11-22T12:00:00.123Z  request denied            by ann  tool report  from 192.0.2.7  denied: role_insufficient  status 403',
      );
      expect((await audit('tail', file, '--lines', '999')).out.split('\n').length - 1).to.equal(EVENTS.length);
    });

    it('says why a check denied, and what was down, without what a terminal would act on', async () => {
      const { authentication_failed: failed } = everyEvent();
      await writeTrail(file, [
        { ...failed, code: 'token_invalid', detail: { reason: 'expired' } },
        { ...failed, code: 'unavailable', detail: { reason: 'The replay store is unavailable\u001b[2J' } },
      ]);
      const { out } = await audit('tail', file);
      expect(out)
        .to.include('  denied: token_invalid (expired)  ')
        .and.include('  denied: unavailable (The replay store is unavailable\\u001b[2J)  ');
    });

    it('prints only denials, or only what is about a tool', async () => {
      const other = { ...everyEvent().call_started, tool: 'other' };
      await writeTrail(file, [...EVENTS, other]);
      const denied = (await audit('tail', file, '--denied', '--lines', '999')).out.trim().split('\n');
      expect(denied.length).to.equal(15);
      for (const line of denied) expect(line).to.include('denied: ');
      const about = (await audit('tail', file, '--tool', 'other')).out.trim().split('\n');
      expect(about.length).to.equal(1);
      expect(about[0]).to.include('call_started').and.include('tool other');
    });

    it('prints the records as JSON', async () => {
      await writeTrail(file, EVENTS);
      const { out } = await audit('tail', file, '--json', '--lines', '2');
      const [, last] = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
      expect(last).to.deep.equal(JSON.parse(trailLines(EVENTS).at(-1)!));
    });

    it('prints no character that a terminal would act on, whatever is in the file', async () => {
      const text = '\u001b[2J\u202eevil\u2028\u0007\u009b';
      await writeFile(
        file,
        `${JSON.stringify({ hash: '', record: { event: { type: text, tool: text, id: text } } })}\n${text}\n`,
      );
      for (const args of [[], ['--json']]) {
        const { out } = await audit('tail', file, ...args);
        expect(out)
          .to.include('\\u001b[2J\\u202eevil')
          .and.not.match(/[^\n\x20-\x7e]/);
      }
    });

    it('shows what is no record, and leaves half a line for later', async () => {
      await writeFile(file, 'not a record\n{"half');
      expect((await audit('tail', file)).out).to.equal(`${'-'.padEnd(24)}  no record: not a record\n`);
    });

    it('follows what is written, also into the file that comes after a full one', async () => {
      const lines = trailLines(EVENTS).map((line) => `${line}\n`);
      await writeFile(file, lines[0]!);
      const stop = new AbortController();
      let out = '';
      const until = async (count: number): Promise<void> => {
        while (out.split('\n').length - 1 < count) await wait(20);
      };
      const done = main(['audit', 'tail', file, '--follow'], {
        stdout: (text) => (out += text),
        stderr: () => undefined,
        env: {},
        signal: stop.signal,
      });
      await until(1);
      // A line that comes in two parts is one line.
      await appendFile(file, lines[1]!.slice(0, 100));
      await appendFile(file, lines[1]!.slice(100));
      await until(2);
      await appendFile(file, lines[2]!);
      await rename(file, join(folder, 'audit.0000000000000003.jsonl'));
      await writeFile(file, lines.slice(3, 5).join(''));
      await until(5);
      stop.abort();
      expect(await done).to.equal(0);
      const types = out
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/)[1]);
      expect(types).to.deep.equal(EVENTS.slice(0, 5).map(({ type }) => type));
    });
  });

  describe('report', () => {
    it('prints a page, or writes it where only its owner can read it', async () => {
      await writeTrail(file, EVENTS);
      const { code, out } = await audit('report', file);
      expect(code).to.equal(0);
      expect(out)
        .to.match(/^<!doctype html>/)
        .and.match(/<\/html>\s*$/);
      const output = join(folder, 'report.html');
      const written = await audit('report', file, '--output', output);
      expect([written.code, written.out]).to.deep.equal([0, `${EVENTS.length} records reported in '${output}'\n`]);
      expect(await readFile(output, 'utf8')).to.include('<h1>Audit report</h1>');
      expect((await stat(output)).mode & 0o777).to.equal(0o600);
    });

    it('says which folder is not there', async () => {
      await writeTrail(file, EVENTS);
      const { code, err } = await audit('report', file, '--output', join(folder, 'none', 'report.html'));
      expect([code, err]).to.deep.equal([
        1,
        `mcp-etdi audit report: there is no folder '${join(folder, 'none')}' for --output; make it first\n`,
      ]);
    });

    it('says from which host there were no keys, and nothing else of its address', async () => {
      await writeTrail(file, EVENTS);
      const server = createServer((_req, res) => res.writeHead(404).end()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/jwks?token=hunter2`;
      const missing = await audit('report', file, '--keys', url);
      server.close();
      await once(server, 'close');
      const silent = await audit('verify', file, '--keys', url);
      expect([missing.code, missing.err]).to.deep.equal([
        1,
        `mcp-etdi audit report: no keys from 127.0.0.1:${port}: answered with status 404\n`,
      ]);
      expect([silent.code, silent.err]).to.deep.equal([
        1,
        `mcp-etdi audit verify: no keys from 127.0.0.1:${port}: no answer\n`,
      ]);
    });

    it('says how it was made, and how to verify the log with the same evidence', async () => {
      const checkpoint = await writeSigned();
      const [path, keys] = [join(folder, 'checkpoint.json'), join(folder, 'keys.json')];
      await writeFile(path, JSON.stringify(checkpoint));
      await writeFile(keys, JSON.stringify(signer.jwks));
      const { out } = await audit('report', file, '--keys', keys, '--checkpoint', path);
      expect(out)
        .to.include(`<code>mcp-etdi audit verify ${file} --keys ${keys} --checkpoint ${path}</code>`)
        .and.match(/mcp-etdi \d+\.\d+\.\d+/);
      const inline = await audit('report', file, '--keys', JSON.stringify(signer.jwks));
      expect(inline.out)
        .to.include(`<code>mcp-etdi audit verify ${file}</code>`)
        .and.include('with the public keys (--keys)');
    });

    it('calls a log unchanged when keys and a checkpoint kept elsewhere say so', async () => {
      const checkpoint = await writeSigned();
      const path = join(folder, 'checkpoint.json');
      await writeFile(path, JSON.stringify(checkpoint));
      const args = ['--keys', JSON.stringify(signer.jwks), '--checkpoint', path];
      const { code, out } = await audit('report', file, ...args);
      expect(code).to.equal(0);
      expect(out)
        .to.include(`<h2>Not changed up to record ${EVENTS.length} of ${EVENTS.length + 1}</h2>`)
        .and.include('class="status good"');
      for (const some of [args.slice(0, 2), args.slice(2)]) {
        expect((await audit('report', file, ...some)).out).to.include('class="status hint"');
      }
    });

    it('writes a page about a log that was changed, and ends with 1', async () => {
      await writeTrail(file, EVENTS);
      await edit((lines) => lines.filter((_, index) => index !== 5));
      const { code, out, err } = await audit('report', file);
      expect(code).to.equal(1);
      expect(out).to.include('This log was changed, or is damaged');
      expect(err).to.include('the first bad record is 6 (removed)');
    });
  });
});
