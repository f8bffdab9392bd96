// What the command line changes, as it is recorded with --audit.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { main } from '../../cli/main.js';
import { withTrail } from '../../cli/recording.js';
import {
  openAuditTrail,
  openKeyStore,
  verifyTrail,
  type AuditEvent,
  type KeyInfo,
  type SealedRecord,
  type TrailReport,
} from '../../lib/index.js';
import { fakeSigner } from '../../lib/testing/fakeSigner.js';
import { rawServer, start, type Running } from './toolServers.js';

const SECRET = Buffer.alloc(32, 7).toString('base64');
const DAY = 86_400_000;

let folder: string;
const file = (name = 'audit.jsonl'): string => join(folder, name);

async function run(...args: string[]) {
  const result = { code: -1, out: '', err: '' };
  result.code = await main(args, {
    stdout: (text) => (result.out += text),
    stderr: (text) => (result.err += text),
    env: { MCP_ETDI_KEY_SECRET: SECRET, USER: 'ada' },
  });
  return result;
}

async function done(...args: string[]): Promise<string> {
  const { code, out, err } = await run(...args);
  expect([code, err]).to.deep.equal([0, '']);
  return out;
}

const store = (): readonly string[] => ['--directory', file('keys')];
const recorded = (): readonly string[] => [...store(), '--audit', file()];

async function listed(): Promise<readonly KeyInfo[]> {
  return (JSON.parse(await done('keys', 'list', ...store(), '--json')) as { keys: KeyInfo[] }).keys;
}

async function events(): Promise<readonly AuditEvent[]> {
  const lines = (await readFile(file(), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as SealedRecord).record.event);
}

/** What happened to keys and tools, as `type subject`. */
async function deeds(): Promise<readonly string[]> {
  return (await events()).flatMap((event) => {
    if ('keyId' in event) return [`${event.type} ${event.purpose} ${event.algorithm}`];
    return 'approver' in event ? [`${event.type} ${event.tool} ${event.approver}`] : [];
  });
}

/** With every key of the store that was not revoked. */
async function verified(): Promise<TrailReport> {
  const states = ['active', 'retiring', 'retired'].flatMap((state) => ['--state', state]);
  const jwks = await done('keys', 'export', ...store(), '--purpose', 'audit', ...states);
  return verifyTrail({ files: [file()], keys: JSON.parse(jwks) as { keys: [] } });
}

describe('mcp-etdi with --audit', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'etdi-recording-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  describe('on keys', () => {
    it('records what is generated, rotated and revoked, and signs that with the key store', async () => {
      await done('keys', 'generate', '--purpose', 'request', ...recorded());
      await done('keys', 'rotate', '--purpose', 'request', '--now', ...recorded());
      const active = (await listed()).find(({ purpose, state }) => purpose === 'request' && state === 'active');
      await done('keys', 'revoke', active!.keyId, ...recorded());
      expect(await deeds()).to.deep.equal([
        'key_generated audit ES256',
        'key_activated audit ES256',
        'key_generated request ES256',
        'key_activated request ES256',
        'key_retiring request ES256',
        'key_generated request ES256',
        'key_activated request ES256',
        'key_revoked request ES256',
        'key_generated request ES256',
        'key_activated request ES256',
      ]);
      const { ok, checkpoints } = await verified();
      expect({ ok, unsigned: checkpoints.found - checkpoints.verified }).to.deep.equal({ ok: true, unsigned: 0 });
      expect((await events()).at(-1)?.type).to.equal('trail_checkpoint');
    });

    it('signs with the successor once the key that signed is revoked', async () => {
      await done('keys', 'generate', '--purpose', 'audit', ...store());
      const [key] = await listed();
      await done('keys', 'revoke', key!.keyId, ...recorded());
      expect(await deeds()).to.include('key_revoked audit ES256');
      const { checkpoints, records } = await verified();
      expect(checkpoints.signedUntil).to.equal(records - 1);
    });

    it('makes no further key where the audit key is of another algorithm, old, or just generated', async () => {
      await done('keys', 'generate', '--purpose', 'audit', '--algorithm', 'Ed25519', ...recorded());
      expect(await deeds()).to.deep.equal(['key_generated audit Ed25519', 'key_activated audit Ed25519']);
      await done('keys', 'generate', '--purpose', 'request', ...recorded());
      expect((await listed()).map(({ purpose, algorithm }) => `${purpose} ${algorithm}`)).to.deep.equal([
        'audit Ed25519',
        'request ES256',
      ]);
      await rm(file('keys'), { recursive: true });
      const past = new Date(Date.now() - 100 * DAY);
      const old = await openKeyStore({ directory: file('keys'), secret: SECRET, now: () => past });
      await old.generate('audit');
      await old.close();
      await done('keys', 'generate', '--purpose', 'request', ...recorded());
      expect((await listed()).map(({ purpose }) => purpose)).to.deep.equal(['audit', 'request']);
    });

    it('changes nothing where another process writes to the file, and says what to do', async () => {
      const trail = await openAuditTrail({ file: file(), signer: await fakeSigner() });
      try {
        const { code, out, err } = await run('keys', 'generate', ...recorded(), '--json');
        expect([code, out]).to.deep.equal([1, '']);
        expect(err).to.include('"code":"trail_locked"').and.include('give each process a file of its own');
        expect(existsSync(file('keys'))).to.equal(false);
      } finally {
        await trail.close();
      }
    });

    it('changes nothing where the file cannot be made', async () => {
      const { code, err } = await run('keys', 'generate', ...store(), '--audit', file('none/audit.jsonl'));
      expect(code).to.equal(1);
      expect(err).to.include(file('none'));
      expect(existsSync(file('keys'))).to.equal(false);
    });

    it('closes the trail when the command fails, be it that the store does not open', async () => {
      await done('keys', 'generate', '--purpose', 'request', ...store());
      for (const args of [
        ['revoke', 'unknown'],
        ['rotate', '--secret-file', file('secret')],
      ]) {
        await writeFile(file('secret'), Buffer.alloc(32, 8).toString('base64'), { mode: 0o600 });
        const io = { stdout: () => undefined, stderr: () => undefined };
        const env = args.includes('--secret-file') ? {} : { MCP_ETDI_KEY_SECRET: SECRET };
        expect(await main(['keys', ...args, ...recorded()], { ...io, env })).to.equal(1);
        const types = (await events()).map(({ type }) => type);
        expect(types.slice(-2)).to.include('trail_stopped');
        expect(existsSync(`${file()}.lock`)).to.equal(false);
      }
      await done('keys', 'rotate', ...recorded());
      expect((await events()).filter((event) => 'clean' in event && !event.clean)).to.deep.equal([]);
    });

    it('is a matter of what changes keys, and takes the name of a file', async () => {
      expect(await run('keys', 'list', ...recorded())).to.include({ code: 2 });
      expect(await run('keys', 'export', ...recorded())).to.include({ code: 2 });
      expect(await run('keys', 'generate', ...store(), '--audit', '')).to.include({ code: 2 });
      for (const name of ['generate', 'rotate', 'revoke']) {
        expect(await done('keys', name, '--help')).to.include('--audit <file>');
      }
    });
  });

  describe('on tools', () => {
    let server: Running;
    const approvals = (): readonly string[] => ['--approvals', file('approvals.json'), ...recorded()];

    beforeEach(async () => {
      server = await start(rawServer([{ name: 'read', description: 'Reads', inputSchema: { type: 'object' } }]));
      await done('keys', 'generate', '--purpose', 'approval', ...store());
    });
    afterEach(() => server.close());

    it('records who approved what, and who took it back', async () => {
      await done('tools', 'approve', server.url, 'read', '--unsigned', ...approvals());
      await done('tools', 'revoke', server.url, 'read', ...approvals());
      await done('tools', 'approve', server.url, 'read', '--unsigned', '--approver', 'bob', ...approvals());
      await done('tools', 'revoke', server.url, 'read', '--approver', 'eve', ...approvals());
      expect((await deeds()).filter((deed) => deed.startsWith('approval_'))).to.deep.equal([
        'approval_granted read ada',
        'approval_revoked read ada',
        'approval_granted read bob',
        'approval_revoked read eve',
      ]);
      expect((await verified()).ok).to.equal(true);
    });

    it('records nothing of what is not done', async () => {
      expect(await run('tools', 'approve', server.url, '--unsigned', ...approvals())).to.include({ code: 1 });
      expect(await run('tools', 'revoke', server.url, 'read', ...approvals())).to.include({ code: 1 });
      expect((await deeds()).filter((deed) => deed.startsWith('approval_'))).to.deep.equal([]);
      expect((await events()).filter(({ type }) => type === 'trail_stopped')).to.have.lengthOf(2);
    });

    it('approves and revokes nothing where another process writes to the file', async () => {
      const approve = ['tools', 'approve', server.url, 'read', '--unsigned'];
      await done(...approve, '--approvals', file('approvals.json'), ...store());
      const before = await readFile(file('approvals.json'), 'utf8');
      const trail = await openAuditTrail({ file: file(), signer: await fakeSigner() });
      try {
        for (const args of [approve, ['tools', 'revoke', server.url, 'read']]) {
          const { code, err } = await run(...args, ...approvals());
          expect([code, err]).to.satisfy(
            ([status, text]: [number, string]) => status === 1 && text.includes('of its own'),
          );
        }
        expect(await readFile(file('approvals.json'), 'utf8')).to.equal(before);
      } finally {
        await trail.close();
      }
    });
  });

  it('fails where what was done could not be recorded, and says what did go wrong first', async () => {
    const attempt = (work: () => Promise<string>): Promise<unknown> =>
      withTrail(file(), work).catch((cause: unknown) => (cause as Error).message);
    expect(await attempt(() => Promise.resolve('done'))).to.equal(
      `it is done, but '${file()}' does not record it to its end: no key store signs its checkpoints`,
    );
    expect(await attempt(() => Promise.reject(new Error('not done')))).to.equal('not done');
  });
});
