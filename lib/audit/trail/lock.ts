import { randomUUID } from 'node:crypto';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failedWith, nodeDisk } from '../../files/disk.js';
import { withLock } from '../../files/lock.js';
import { isGone, readHolder, thisHost, type LockHolder } from '../../files/lockHolder.js';
import { AuditTrailError } from './error.js';

/** How often a holder shows that it is alive, and after how long without that it counts as gone, in milliseconds. */
const BEAT_MS = 10_000;
const GONE_MS = 60_000;

/** Locks of this process, by token: what it holds no longer was left behind, be it by another process of that id. */
const held = new Set<string>();

/** The right to be the only writer of a file. */
export interface TrailLock {
  readonly release: () => Promise<void>;
}

/**
 * Claims a file for this process, until it is released or the process ends, however that happens.
 * @param onLost is told when another process has taken over, because this one was stopped for a minute or longer
 * @throws {AuditTrailError} `trail_locked`, `trail_folder_missing`
 */
export async function lockTrail(file: string, onLost: () => void): Promise<TrailLock> {
  await assertFolder(dirname(file));
  const path = `${file}.lock`;
  const mine: LockHolder = { host: await thisHost(), pid: process.pid, token: randomUUID() };
  const text = JSON.stringify(mine);
  // Of two that see the same holder gone, one must not remove the new lock of the other.
  await withLock(nodeDisk, `${path}.guard`, async () => {
    await assertFree(path, mine.host);
    await writeFile(path, text, { mode: 0o600 });
    held.add(mine.token);
  });
  const beat = setInterval(() => {
    void isStill(path, text).then(async (still) => {
      if (still) await utimes(path, new Date(), new Date()).catch(() => undefined);
      else if (held.delete(mine.token)) onLost();
    });
  }, BEAT_MS).unref();
  return {
    async release() {
      clearInterval(beat);
      if (held.delete(mine.token) && (await isStill(path, text))) await rm(path, { force: true });
    },
  };
}

/** It is not made: a file in a folder that was misspelt would be looked for elsewhere. */
async function assertFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: unknown) => {
    if (failedWith(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    throw cause;
  });
  if (found?.isDirectory() === true) return;
  throw new AuditTrailError(
    'trail_folder_missing',
    `there is no folder '${folder}' for the audit trail; make it first: mkdir -p '${folder}'`,
  );
}

async function assertFree(path: string, here: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (failedWith(cause, 'ENOENT')) return undefined;
    throw cause;
  });
  const holder = text === undefined ? undefined : readHolder(text);
  if (text === undefined || (holder !== undefined && isLeftBehind(holder, here))) return;
  // Of a holder elsewhere nothing is known but that it shows up. Its clock and ours are both that of the file system.
  const { mtimeMs } = await stat(path);
  const isElsewhere = holder?.host !== here;
  if (isElsewhere && Date.now() - mtimeMs > GONE_MS) return;
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  throw new AuditTrailError('trail_locked', `'${path}' is held by ${who}; give each process a file of its own`);
}

function isLeftBehind({ host, pid, token }: LockHolder, here: string): boolean {
  if (host !== here) return false;
  return pid === process.pid ? !held.has(token) : isGone(pid);
}

async function isStill(path: string, text: string): Promise<boolean> {
  const found = await readFile(path, 'utf8').catch(() => undefined);
  return found === text;
}
