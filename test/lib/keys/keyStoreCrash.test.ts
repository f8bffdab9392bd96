import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { expect } from 'chai';
import { nodeDisk } from '../../../lib/files/disk.js';
import type { KeyRecord } from '../../../lib/keys/keyRecord.js';
import { Vault } from '../../../lib/keys/vault.js';
import { Crash, crashingDisk } from './support/crashingDisk.js';
import { killWhileRotating, startRotators, stopRotators } from './support/rotators.js';
import { failureOf, sandboxed, SECRET } from './support/store.js';

const sandbox = sandboxed();

const record = (keyId: string): KeyRecord => ({
  keyId,
  purpose: 'request',
  algorithm: 'ES256',
  publicJwk: { kty: 'EC' },
  createdAt: 1,
  activeAt: 1,
});

const options = () => ({ directory: sandbox().directory, secret: SECRET, create: true });
const idsIn = (vault: Vault): string[] => vault.latest.keys.map(({ keyId }) => keyId);
const leftBehind = async (): Promise<string[]> =>
  (await readdir(sandbox().directory)).filter((name) => !['keys.json', 'serial.json'].includes(name));

describe('a key store whose process dies', () => {
  it('flushes a new version before it counts, and the directory after', async () => {
    await Vault.open(options());
    const { disk, done } = crashingDisk(Infinity);
    const vault = await Vault.open({ ...options(), disk });
    expect(done).to.deep.equal([]);
    await vault.update((keys) => Promise.resolve([...keys, record('new')]));
    const replaced = (name: string): string[] => [
      ...[`create ${name} draft`, `write ${name} draft`, `sync ${name} draft`],
      ...[`rename to ${name}`, 'sync keys'],
    ];
    const lock = ['create lock draft', 'write lock draft', 'sync lock draft', 'link lock', 'unlink lock draft'];
    expect(done).to.deep.equal([...lock, ...replaced('keys.json'), ...replaced('serial.json'), 'unlink lock']);
  });

  it('has the old or the new version after a crash at any step of a change', async () => {
    await (await Vault.open(options())).update(() => Promise.resolve([record('old')]));
    let expected = ['old'];
    const seen = { before: 0, after: 0 };
    for (let step = 1; ; step += 1) {
      const { disk, hasCrashed } = crashingDisk(step);
      const vault = await Vault.open({ ...options(), disk });
      const added = [...expected, `new${step}`];
      const work = vault.update((keys) => Promise.resolve([...keys, record(`new${step}`)]));
      const error = await work.catch((cause: unknown) => cause);
      if (!hasCrashed()) break;

      const after = idsIn(await Vault.open(options()));
      expect([expected, added], `after step ${step}`).to.deep.include(after);
      seen[after.length === expected.length ? 'before' : 'after'] += 1;
      // Only the very last step, letting go of the lock, may fail unnoticed: the change is complete by then.
      if (!(error instanceof Crash)) expect(after).to.deep.equal(added);
      expect((await leftBehind()).filter((name) => name !== 'lock')).to.deep.equal([]);
      expected = after;
      await (await Vault.open(options())).update((keys) => Promise.resolve([...keys]));
      expect(await leftBehind()).to.deep.equal([]);
    }
    expect(seen.before).to.be.greaterThan(5);
    expect(seen.after).to.be.greaterThan(5);
  });

  it('opens after a crash at any step of its creation', async () => {
    for (let step = 1; ; step += 1) {
      const { disk, hasCrashed } = crashingDisk(step);
      const directory = `${sandbox().directory}-${step}`;
      const error = await Vault.open({ ...options(), directory, disk }).catch((cause: unknown) => cause);
      if (!hasCrashed()) {
        expect(error).to.be.instanceOf(Vault);
        expect(step).to.be.greaterThan(20);
        break;
      }
      const vault = await Vault.open({ ...options(), directory });
      expect(vault.latest, `after step ${step}`).to.deep.equal({ serial: 1, keys: [] });
      expect((await vault.update(() => Promise.resolve([record('new')]))).serial).to.equal(2);
    }
  });

  it('changes nothing when another process took over while it slept', async () => {
    const lock = { staleAfterMs: 30, timeoutMs: 5_000 };
    const [sleepy, awake] = [await Vault.open({ ...options(), lock }), await Vault.open({ ...options(), lock })];
    let wake = (): void => undefined;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    let failed: Promise<Error & { code?: string }> | undefined;
    await new Promise<void>((inside) => {
      const late = sleepy.update(async (keys) => {
        inside();
        await asleep;
        return [...keys, record('late')];
      });
      failed = failureOf(() => late);
    });
    await awake.update((keys) => Promise.resolve([...keys, record('in time')]));
    wake();
    expect(await failed).to.include({ code: 'store_locked' });
    expect(idsIn(await Vault.open(options()))).to.deep.equal(['in time']);
  });
});

describe('a key store that is read while it is changed', () => {
  it('has the newest version, however long the reading takes', async () => {
    const gate = { isArmed: false, reach: (): void => undefined, open: (): void => undefined };
    const reached = new Promise<void>((resolve) => (gate.reach = resolve));
    const opened = new Promise<void>((resolve) => (gate.open = resolve));
    const open: typeof nodeDisk.open = async (path, ...rest) => {
      const file = await nodeDisk.open(path, ...rest);
      if (!gate.isArmed || basename(path as string) !== 'keys.json') return file;
      gate.isArmed = false;
      const close = async (): Promise<void> => {
        gate.reach();
        await opened;
        await nodeClose();
      };
      const nodeClose = file.close.bind(file);
      return Object.assign(file, { close });
    };
    const vault = await Vault.open({ ...options(), disk: { ...nodeDisk, open } });
    await (await Vault.open(options())).update(() => Promise.resolve([record('one')]));
    gate.isArmed = true;
    const reading = vault.refresh();
    await reached;
    await vault.update((keys) => Promise.resolve([...keys, record('two')]));
    gate.open();
    expect((await reading).serial).to.equal(3);
    expect(idsIn(vault)).to.deep.equal(['one', 'two']);
  });
});

describe('a key store whose process is killed', () => {
  afterEach(stopRotators);

  it('opens with every key that was reported, and one active key, though two processes rotated at once', async () => {
    await (await sandbox().open({ now: () => new Date() })).generate('request');
    const rotators = await startRotators(10, sandbox().directory);
    const reported = new Set<string>();
    while (rotators.length > 0) {
      const pair = rotators.splice(0, 2).map((rotator) => killWhileRotating(rotator, Math.random() * 100));
      for (const keyId of (await Promise.all(pair)).flat()) reported.add(keyId);
      const store = await sandbox().open({ now: () => new Date() });
      const keys = await store.list();
      expect(keys.map(({ keyId }) => keyId)).to.include.members([...reported]);
      expect(keys.filter(({ state }) => state === 'active')).to.have.length(1);
      const { keyId, sign } = await store.signer('request').current();
      expect(await sign(Buffer.from(keyId))).to.have.length(64);
      await store.rotate('request', { immediately: true });
      await store.close();
    }
    expect(reported.size).to.be.greaterThan(10);
  });
});
