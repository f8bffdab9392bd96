import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWK } from 'jose';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import type { Approval } from '../../client/tools/approval.js';
import { ApprovalsError, signedApprovals, type Approvals } from '../../client/tools/approvals.js';
import { fileApprovals } from '../../client/tools/fileApprovals.js';
import { Unavailable } from '../../lib/denial.js';
import { importSignKey } from '../../lib/keys/algorithms.js';
import { KeyStoreError } from '../../lib/keys/keyStoreError.js';
import { memoryApprovals } from '../../lib/stores/approvals.js';
import { redisStores } from '../../lib/stores/redis.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing/fakeSigner.js';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.js';
import { bench, NOW, owned, SERVER } from './signedTools.js';

const writer = fileURLToPath(new URL('../support/approver.ts', import.meta.url));

function approvalOf(tool: string, more: Partial<Approval> = {}): Approval {
  return {
    server: SERVER,
    tool,
    publisher: SERVER,
    signer: 'key',
    version: '1.0.0',
    permissions: ['file:read'],
    forms: {},
    approver: 'ada',
    approvedAt: NOW,
    expiresAt: new Date(NOW.getTime() + 60_000),
    ...more,
  };
}

async function caught(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('approvals', () => {
  let approver: FakeSigner;
  const now = (): Date => NOW;

  before(async () => {
    approver = await fakeSigner();
  });

  describe('in any store', () => {
    const open = (store = memoryApprovals(), options: object = {}): Approvals =>
      signedApprovals({ store, signer: approver, keys: approver.jwks, now, ...options });

    it('hold who approved what, for which server, and until when', async () => {
      const approvals = open();
      await approvals.save(approvalOf('read'));
      expect(await approvals.find(SERVER, 'read')).to.deep.equal(approvalOf('read'));
      expect(await approvals.find(`${SERVER}/`, 'read'), 'the same server').to.deep.equal(approvalOf('read'));
      expect(await approvals.find('https://other.example/mcp', 'read')).to.equal(undefined);
      expect(await approvals.find(SERVER, 'write')).to.equal(undefined);
      expect(await approvals.list()).to.have.lengthOf(1);
    });

    it('hold a tool of any name', async () => {
      const approvals = open();
      for (const name of ['__proto__', 'constructor', '', 'a"b', 'a b']) await approvals.save(approvalOf(name));
      expect((await approvals.list()).map(({ tool }) => tool)).to.have.lengthOf(5);
      expect(await approvals.find(SERVER, '__proto__')).to.include({ tool: '__proto__' });
    });

    it('grant no permission when none was approved', async () => {
      const approvals = open();
      await approvals.save(approvalOf('read', { permissions: [] }));
      expect((await approvals.find(SERVER, 'read'))?.permissions).to.deep.equal([]);
    });

    it('still tell of one that has expired, without waiting for anything', async () => {
      const store = memoryApprovals();
      await open(store).save(approvalOf('read'));
      const later = open(store, { now: () => new Date(NOW.getTime() + 3_600_000) });
      expect((await later.find(SERVER, 'read'))?.expiresAt).to.deep.equal(approvalOf('read').expiresAt);
    });

    it('can be read and revoked without a signer, and not given', async () => {
      const store = memoryApprovals();
      await open(store).save(approvalOf('read'));
      const reader = signedApprovals({ store, keys: approver.jwks, now });
      expect(await caught(reader.save(approvalOf('write')))).to.be.instanceOf(TypeError);
      expect(await reader.revoke(SERVER, 'read')).to.equal(true);
      expect(await reader.revoke(SERVER, 'read')).to.equal(false);
      expect([await reader.find(SERVER, 'read'), await reader.list()]).to.deep.equal([undefined, []]);
      expect(await reader.isRevoked(SERVER, 'read')).to.equal(true);
    });

    it('are told who takes one back, which a verifier passes on', async () => {
      const { approvals, verifier } = await bench();
      const seen: unknown[] = [];
      const told: Approvals = {
        ...approvals,
        revoke: (...args) => {
          seen.push(args);
          return approvals.revoke(...args);
        },
      };
      const { revoke } = verifier({ approvals: told });
      await revoke('read');
      await revoke('read', { approver: 'ada' });
      expect(seen).to.deep.equal([
        [SERVER, 'read', { approver: 'user' }],
        [SERVER, 'read', { approver: 'ada' }],
      ]);
    });

    it('count when they were signed with a key that is known, and only then', async () => {
      const store = memoryApprovals();
      const stranger = await fakeSigner();
      await signedApprovals({ store, signer: stranger, keys: stranger.jwks, now }).save(approvalOf('read'));
      const error = await caught(open(store).find(SERVER, 'read'));
      expect(error).to.be.instanceOf(ApprovalsError).with.property('code', 'approvals_changed');
      expect(await caught(open(store).list())).to.be.instanceOf(ApprovalsError);
    });

    it('are not saved when nobody could read them', async () => {
      const store = memoryApprovals();
      const stranger = await fakeSigner();
      const approvals = signedApprovals({ store, signer: stranger, keys: approver.jwks, now });
      expect(await caught(approvals.save(approvalOf('read')))).to.be.instanceOf(ApprovalsError);
      expect((await store.entries()).size).to.equal(0);
    });

    const forgeries: readonly (readonly [string, (record: string) => string])[] = [
      ['another payload', (record) => edited(record, { permissions: ['file:read', 'admin'] })],
      ['another server', (record) => edited(record, { server: 'https://other.example/mcp' })],
      ['a later expiry', (record) => edited(record, { expiresAt: 9_999_999_999 })],
      ['another approver', (record) => edited(record, { approver: 'eve' })],
      ['no signature', (record) => record.replace(/\.[^.]*$/, '.')],
      ['a signature of another kind', (record) => withHeader(record, { typ: 'etdi-tool+jws' })],
      ['no algorithm', (record) => withHeader(record, { alg: 'none' })],
      ['no JWS', () => 'approved'],
      ['an empty text', () => ''],
    ];
    for (const [name, forge] of forgeries) {
      it(`are denied with ${name}`, async () => {
        const store = memoryApprovals();
        await open(store).save(approvalOf('read'));
        const [[key, record]] = [...(await store.entries())] as [[string, string]];
        await store.set(key, forge(record));
        expect(await caught(open(store).find(SERVER, 'read'))).to.be.instanceOf(ApprovalsError);
      });
    }

    it('are denied in the place of another one', async () => {
      const store = memoryApprovals();
      await open(store).save(approvalOf('read'));
      await open(store).save(approvalOf('write'));
      const [[first], [, second]] = [...(await store.entries())] as [[string, string], [string, string]];
      await store.set(first, second);
      expect(await caught(open(store).find(SERVER, 'read'))).to.be.instanceOf(ApprovalsError);
    });

    it('let one publisher never take the place of another', async () => {
      const { verifier, sign, approvals } = await bench();
      await verifier().approve(await sign());
      const before = await approvals.find(SERVER, 'read_file');
      const other = await fakeSigner();
      const publishers = [owned('https://other.example', other.jwks)];
      expect(await caught(verifier({ publishers }).approve(await sign()))).to.include({ code: 'signer_changed' });
      expect(await approvals.find(SERVER, 'read_file')).to.deep.equal(before);
    });
  });

  describe('in a file', () => {
    let folder: string;
    const path = (): string => join(folder, 'approvals.json');
    const open = (): Approvals => fileApprovals({ file: path(), signer: approver, keys: approver.jwks, now });

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'etdi-approvals-'));
    });

    afterEach(() => rm(folder, { recursive: true, force: true }));

    it('are there for the next process, and for nobody else', async () => {
      await open().save(approvalOf('read'));
      expect(await open().find(SERVER, 'read')).to.deep.equal(approvalOf('read'));
      expect((await stat(path())).mode & 0o777).to.equal(0o600);
      expect(await readdir(folder)).to.deep.equal(['approvals.json']);
    });

    it('are not read from a file that others can reach, or through a link', async () => {
      await open().save(approvalOf('read'));
      await chmod(path(), 0o644);
      expect(await caught(open().find(SERVER, 'read')))
        .to.be.instanceOf(KeyStoreError)
        .with.property('code', 'store_unsafe');
      await chmod(path(), 0o600);
      await symlink(path(), join(folder, 'link.json'));
      const linked = fileApprovals({ file: join(folder, 'link.json'), keys: approver.jwks });
      expect(await caught(linked.find(SERVER, 'read'))).to.be.instanceOf(KeyStoreError);
    });

    const edits: readonly (readonly [string, (text: string) => string, RegExp])[] = [
      [
        'a letter of a record',
        (text) =>
          text.replace(/(": "[^"]{80})(.)/, (_all, head: string, one: string) => `${head}${one === 'A' ? 'B' : 'A'}`),
        /was changed, or was signed by none of 'keys'/,
      ],
      [
        'its version',
        (text) => text.replace('"approvalsVersion": 1', '"approvalsVersion": 2'),
        /is not a file of approvals/,
      ],
      ['half of it', (text) => text.slice(0, text.length / 2), /is not a file of approvals/],
      [
        'a record that appears twice',
        (text) => text.replace(/("[^"]+": "[^"]+")\n/, '$1,\n$1\n'),
        /is not a file of approvals/,
      ],
      ['a record of another kind', (text) => text.replace(/: "ey[^"]+"/, ': true'), /is not a file of approvals/],
    ];
    for (const [name, edit, message] of edits) {
      it(`are denied with a clear message after somebody edited ${name}`, async () => {
        await open().save(approvalOf('read'));
        const text = await readFile(path(), 'utf8');
        expect(edit(text)).to.not.equal(text);
        await writeFile(path(), edit(text));
        const error = await caught(open().find(SERVER, 'read'));
        expect(error).to.be.instanceOf(ApprovalsError);
        expect((error as Error).message).to.match(message);
      });
    }

    it('are the old or the new ones when a process is killed while it writes', async () => {
      const pair = await keyPair();
      const key = await importSignKey(pair.private);
      const shared = fileApprovals({ file: path(), signer: { current: () => Promise.resolve(key) }, keys: pair.jwks });
      for (const [round, milliseconds] of [0, 2, 5, 9].entries()) {
        const args = [path(), JSON.stringify(pair), String(round * 100)];
        const child = fork(writer, args, { execArgv: ['--import', 'tsx'] });
        const saved: number[] = [];
        child.on('message', (at) => saved.push(at as number));
        await once(child, 'message');
        await pause(milliseconds);
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
        const names = (await shared.list()).map(({ tool }) => tool);
        expect(names).to.include.members(saved.map((at) => `tool-${round * 100 + at}`));
        await shared.save(approvalOf(`after-${round}`));
        const left = await readdir(folder);
        expect(left).to.deep.equal(['approvals.json']);
      }
    }).timeout(60_000);

    it('are kept when several processes approve at the same time, and whole when one is killed', async () => {
      const pair = await keyPair();
      const args = (from: number): string[] => [path(), JSON.stringify(pair), String(from)];
      const start = (from: number): ChildProcess => fork(writer, args(from), { execArgv: ['--import', 'tsx'] });
      const [first, second, killed] = [start(0), start(100), start(200)];
      // Asked for at once: they may be done before the third has begun.
      const done = Promise.all([once(first, 'exit'), once(second, 'exit')]);
      await once(killed, 'message');
      killed.kill('SIGKILL');
      await done;
      const key = await importSignKey(pair.private);
      const shared = fileApprovals({ file: path(), signer: { current: () => Promise.resolve(key) }, keys: pair.jwks });
      const names = (await shared.list()).map(({ tool }) => tool);
      const wanted = [0, 100].flatMap((from) => Array.from({ length: 8 }, (_, at) => `tool-${from + at}`));
      expect(names).to.include.members(wanted);
      expect(names.filter((name) => name.startsWith('tool-2'))).to.not.be.empty;
      // Whoever writes next removes what the killed process left.
      await shared.save(approvalOf('last'));
      const left = await readdir(folder);
      expect(left.filter((name) => name.startsWith('approvals.json.') && !name.includes('.lock'))).to.deep.equal([]);
    });
  });

  describe('in Redis', () => {
    let redis: TestRedis;

    before(async function () {
      if (!hasRedis()) this.skip();
      redis = await startRedis();
    });

    after(async () => {
      await (redis as TestRedis | undefined)?.close();
    });

    for (const kind of ['ioredis', 'redis', 'redis with RESP3'] as const) {
      it(`are shared through ${kind}`, async () => {
        const url = `redis://127.0.0.1:${redis.port}`;
        const client =
          kind === 'ioredis' ? new Redis(redis.port) : createClient({ url, RESP: kind === 'redis' ? 2 : 3 });
        if (!(client instanceof Redis)) await client.connect();
        const open = (prefix: string): Approvals =>
          signedApprovals({
            store: redisStores(client, { prefix }).approvals,
            signer: approver,
            keys: approver.jwks,
            now,
          });
        await open(`${kind}:`).save(approvalOf('read'));
        await open(`${kind}:`).save(approvalOf('write'));
        expect(await open(`${kind}:`).find(SERVER, 'read')).to.deep.equal(approvalOf('read'));
        expect((await open(`${kind}:`).list()).map(({ tool }) => tool)).to.have.members(['read', 'write']);
        expect(await open('another:').list()).to.deep.equal([]);
        expect(await open(`${kind}:`).revoke(SERVER, 'read')).to.equal(true);
        expect(await open(`${kind}:`).find(SERVER, 'read')).to.equal(undefined);
        await (client instanceof Redis ? client.quit() : client.close());
      });
    }

    it('are unavailable, and nothing is approved, while it is down', async () => {
      const client = new Redis(redis.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
      client.on('error', () => undefined);
      const store = redisStores(client, { timeoutMs: 200 }).approvals;
      const approvals = signedApprovals({ store, signer: approver, keys: approver.jwks, now });
      await redis.stop();
      const { verifier, sign } = await bench();
      const error = await caught(verifier({ approvals }).check(await sign()));
      expect(error).to.be.instanceOf(Unavailable);
      client.disconnect();
      await redis.start();
    });
  });
});

function edited(record: string, members: object): string {
  const [header, payload = '', signature] = record.split('.');
  const stated = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  return [header, Buffer.from(JSON.stringify({ ...stated, ...members })).toString('base64url'), signature].join('.');
}

function withHeader(record: string, members: object): string {
  const [header = '', payload, signature] = record.split('.');
  const stated = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
  return [Buffer.from(JSON.stringify({ ...stated, ...members })).toString('base64url'), payload, signature].join('.');
}

/** A key pair that processes of a test share. */
async function keyPair(): Promise<{ private: JWK; jwks: JSONWebKeySet }> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] };
  return { private: { ...(await exportJWK(privateKey)), alg: 'ES256' }, jwks };
}
