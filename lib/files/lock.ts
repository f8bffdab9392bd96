import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { KeyStoreError } from '../keys/keyStoreError.js';
import { failedWith, type Disk } from './disk.js';
import { draftOf, writeDraft } from './drafts.js';
import { isGone, readHolder, thisHost, type LockHolder } from './lockHolder.js';
import { readPrivateFile } from './privateFiles.js';

export interface LockOptions {
  /** After how many milliseconds a lock that cannot be told to be alive counts as left behind. Default: 30,000. */
  readonly staleAfterMs?: number;
  /** How many milliseconds to wait for the lock. Default: 60,000. */
  readonly timeoutMs?: number;
}

/** Tells this copy of the module, in this thread, from every other one that may share the process id. */
const INSTANCE = randomUUID();
const held = new Set<string>();
const PAUSE_MS = 10;

/**
 * Runs some work while no other process, thread or caller does so under the same lock file.
 *
 * A lock of a process that was killed is taken over at once when that can be told (same host, no such process), else
 * after it was seen unchanged for `staleAfterMs`. `work` calls `assertHeld` before it makes anything final: it throws
 * when this process slept for so long that another one took over.
 * @throws {KeyStoreError} `store_locked`, or `store_missing` when there is no directory to put the lock in
 */
export async function withLock<Result>(
  disk: Disk,
  path: string,
  work: (assertHeld: () => Promise<void>) => Promise<Result>,
  options: LockOptions = {},
): Promise<Result> {
  const token = randomUUID();
  const mine = JSON.stringify({
    host: await thisHost(),
    pid: process.pid,
    instance: INSTANCE,
    token,
  } satisfies LockHolder);
  held.add(token);
  try {
    await acquire(disk, path, mine, options);
    return await work(async () => {
      if ((await readPrivateFile(disk, path)) !== mine) {
        throw new KeyStoreError('store_locked', `another process took over '${path}'; nothing was changed, try again`);
      }
    });
  } finally {
    // Whatever goes wrong here, the lock is known to be left behind once its token is no longer held.
    await release(disk, path, mine).catch(() => undefined);
    held.delete(token);
  }
}

async function acquire(disk: Disk, path: string, mine: string, options: LockOptions): Promise<void> {
  const { staleAfterMs = 30_000, timeoutMs = 60_000 } = options;
  const start = performance.now();
  let watched: { readonly text: string; readonly since: number } | undefined;
  for (;;) {
    const text = await readPrivateFile(disk, path);
    if (text === undefined) {
      if (await claim(disk, path, mine)) return;
      continue;
    }
    const time = performance.now();
    if (watched?.text !== text) watched = { text, since: time };
    if ((await isLeftBehind(text)) || time - watched.since >= staleAfterMs) {
      await takeAway(disk, path, text, options);
    } else if (time - start >= timeoutMs) {
      throw new KeyStoreError('store_locked', `'${path}' is held by ${nameOf(text)}; end that process, then try again`);
    } else {
      await pause(PAUSE_MS);
    }
  }
}

/** A hard link appears with its content or not at all, so that no crash leaves a lock without a holder. */
async function claim(disk: Disk, path: string, mine: string): Promise<boolean> {
  const draft = draftOf(path);
  try {
    await writeDraft(disk, draft, mine, 0o600);
  } catch (cause) {
    if (failedWith(cause, 'ENOENT')) throw directoryMissing(path, cause);
    throw cause;
  }
  try {
    await disk.link(draft, path);
    return true;
  } catch (cause) {
    // ENOENT: whoever held the lock cleaned the draft up.
    if (failedWith(cause, 'EEXIST', 'ENOENT')) return false;
    throw cause;
  } finally {
    await disk.unlink(draft).catch(() => undefined);
  }
}

function directoryMissing(path: string, cause: unknown): KeyStoreError {
  const directory = dirname(path);
  return new KeyStoreError(
    'store_missing',
    `the directory '${directory}' is gone; put it back, with all that it held`,
    {
      cause,
    },
  );
}

/** Only under a second lock: of two processes that see the same dead holder, the slower one must not remove a new lock. */
async function takeAway(disk: Disk, path: string, text: string, options: LockOptions): Promise<void> {
  await withLock(disk, `${path}.break`, () => release(disk, path, text), options);
}

async function release(disk: Disk, path: string, text: string): Promise<void> {
  if ((await readPrivateFile(disk, path)) === text) await disk.unlink(path);
}

async function isLeftBehind(text: string): Promise<boolean> {
  const holder = readHolder(text);
  if (holder === undefined) return false;
  if (holder.instance === INSTANCE) return !held.has(holder.token);
  if (holder.host !== (await thisHost())) return false;
  return isGone(holder.pid);
}

function nameOf(text: string): string {
  const holder = readHolder(text);
  return holder === undefined ? 'an unknown process' : `process ${holder.pid} on ${holder.host}`;
}
