import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { nodeDisk } from '../../../lib/files/disk.js';
import { withLock, type LockOptions } from '../../../lib/files/lock.js';
import { failureOf, sandboxed } from '../keys/support/store.js';

interface Holder {
  host: string;
  pid: number;
  instance: string;
  token: string;
}

const sandbox = sandboxed();
const path = (): string => join(sandbox().folder, 'lock');
const patient: LockOptions = { staleAfterMs: 60_000, timeoutMs: 10_000 };
const locked = <Result>(work: () => Promise<Result>, options: LockOptions = patient): Promise<Result> =>
  withLock(nodeDisk, path(), work, options);
const done = (): Promise<string> => Promise.resolve('done');

/** A lock as this process would write it, with changes. */
async function holder(changes: Partial<Holder> = {}): Promise<string> {
  const own = await locked(() => readFile(path(), 'utf8'));
  return JSON.stringify({ ...(JSON.parse(own) as Holder), ...changes });
}

const hold = (text: string, name = 'lock'): Promise<void> =>
  writeFile(join(sandbox().folder, name), text, { mode: 0o600 });

/** The id of a process that is no more. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid!;
}

/** Runs pieces of work at the same time and returns how many were at work at once. */
async function crowd(count: number, options: LockOptions = patient): Promise<number> {
  let [inside, most] = [0, 0];
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await pause(1);
    inside -= 1;
  };
  await Promise.all(Array.from({ length: count }, () => locked(work, options)));
  return most;
}

describe('withLock', () => {
  it('lets one at a time work, and leaves nothing behind', async () => {
    expect(await crowd(20)).to.equal(1);
    expect(await readdir(sandbox().folder)).to.deep.equal([]);
  });

  it('is an error when the directory is missing, before and while it is waited for', async () => {
    const nowhere = join(sandbox().folder, 'missing', 'lock');
    const lost = failureOf(() => withLock(nodeDisk, nowhere, done, patient));
    expect(await lost).to.include({ code: 'store_missing' });
    const folder = join(sandbox().folder, 'short-lived');
    await mkdir(folder);
    await writeFile(join(folder, 'lock'), await holder({ pid: process.ppid, instance: 'other' }), { mode: 0o600 });
    const waiting = failureOf(() => withLock(nodeDisk, join(folder, 'lock'), done, patient));
    await pause(30);
    await rm(folder, { recursive: true });
    expect(await waiting).to.include({ code: 'store_missing' });
  });

  it('waits for whoever works, however long that takes', async () => {
    const order: string[] = [];
    const second = await locked(async () => {
      order.push('first in');
      const waiting = locked(() => Promise.resolve(order.push('second in')));
      await pause(100);
      order.push('first out');
      return { waiting };
    });
    await second.waiting;
    expect(order).to.deep.equal(['first in', 'first out', 'second in']);
  });

  it('lets go when the work fails', async () => {
    const error = await failureOf(() => locked(() => Promise.reject(new Error('the work failed'))));
    expect(error.message).to.equal('the work failed');
    expect(await locked(done)).to.equal('done');
  });

  it('takes over at once from a process that is dead, one at a time', async () => {
    await hold(await holder({ pid: await deadPid(), instance: 'another', token: 'old' }));
    expect(await crowd(20)).to.equal(1);
  });

  it('takes over when whoever took over died as well', async () => {
    const dead = await holder({ pid: await deadPid(), instance: 'another' });
    await hold(dead);
    await hold(dead, 'lock.break');
    await hold(dead, 'lock.break.break');
    expect(await crowd(5)).to.equal(1);
    expect(await readdir(sandbox().folder)).to.deep.equal([]);
  });

  it('takes over what this very copy of the module left behind', async () => {
    await hold(await holder({ token: 'no longer held' }));
    expect(await locked(done)).to.equal('done');
  });

  const alive: [string, () => Promise<string>][] = [
    ['a process that is alive', () => holder({ pid: process.ppid, instance: 'another' })],
    ['another thread of this process', () => holder({ instance: 'another' })],
    ['a process of another host', async () => holder({ host: 'elsewhere', pid: await deadPid(), instance: 'another' })],
    ['nobody knows whom', () => Promise.resolve('')],
    ['something that is not a process', () => holder({ pid: -1, instance: 'another' })],
  ];
  for (const [name, text] of alive) {
    it(`waits for ${name}, and no longer than it is told to`, async () => {
      const written = await text();
      await hold(written);
      const error = await failureOf(() => locked(done, { staleAfterMs: 60_000, timeoutMs: 60 }));
      expect(error).to.include({ name: 'KeyStoreError', code: 'store_locked' });
      expect(await readFile(path(), 'utf8')).to.equal(written);
    });

    it(`takes over from ${name} once the lock has not changed for long`, async () => {
      await hold(await text());
      expect(await locked(done, { staleAfterMs: 60, timeoutMs: 10_000 })).to.equal('done');
    });
  }

  it('waits on while the lock goes from hand to hand', async () => {
    let hands = 0;
    const open: typeof nodeDisk.open = async (name, ...rest) => {
      if (name === path()) await hold(`hand ${(hands += 1)}`);
      return nodeDisk.open(name, ...rest);
    };
    const options = { staleAfterMs: 30, timeoutMs: 150 };
    const error = await failureOf(() => withLock({ ...nodeDisk, open }, path(), done, options));
    expect(error).to.include({ code: 'store_locked' });
    expect(hands).to.be.greaterThan(3);
  });

  it('names the process it waits for', async () => {
    await hold(await holder({ host: 'elsewhere', pid: 4711, instance: 'another' }));
    const { message } = await failureOf(() => locked(done, { timeoutMs: 1 }));
    expect(message).to.include('process 4711 on elsewhere');
  });

  it('tells the work when another process took over', async () => {
    const late = withLock(
      nodeDisk,
      path(),
      async (assertHeld) => {
        await assertHeld();
        await locked(done, { staleAfterMs: 20 });
        await assertHeld();
      },
      patient,
    );
    expect(await failureOf(() => late)).to.include({ code: 'store_locked' });
  });

  it('does not follow a symbolic link', async () => {
    await symlink(join(sandbox().folder, 'elsewhere'), path());
    expect(await failureOf(() => locked(done))).to.include({ code: 'store_unsafe' });
  });
});
