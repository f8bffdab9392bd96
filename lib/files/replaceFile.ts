import { access, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { nodeDisk } from './disk.js';
import { withLock } from './lock.js';
import { draftOf, leftoverDrafts } from './privateFiles.js';

/**
 * Works on a file that anybody may read, while no other process writes it. The file is replaced as a whole: a process
 * that is killed leaves the old one or the new one.
 * @param work gets a function that puts a text in the place of the file
 */
export async function whileLocked<Value>(
  file: string,
  work: (replace: (text: string) => Promise<void>) => Promise<Value>,
): Promise<Value> {
  // A lock waits for whoever holds it, and in a directory that is not there nobody ever will.
  await access(dirname(file));
  return withLock(nodeDisk, `${file}.lock`, (assertHeld) => work((text) => replace(file, text, assertHeld)));
}

/** Removes what a crash left behind: of the file, or of its lock, which makes its drafts again. For who holds the lock. */
export async function removeDrafts(file: string): Promise<void> {
  const own = new RegExp(`^${basename(file).replace(/[^A-Za-z0-9]/g, '\\$&')}(?:\\.lock(?:\\.break)?)?$`);
  for (const left of await leftoverDrafts(nodeDisk, dirname(file), own)) {
    await unlink(resolve(dirname(file), left)).catch(() => undefined);
  }
}

/** Whoever reads, even after a crash at any step, finds the old or the new text. */
async function replace(file: string, text: string, assertHeld: () => Promise<void>): Promise<void> {
  await removeDrafts(file);
  const draft = draftOf(file);
  try {
    await write(draft, text);
    await assertHeld();
    await rename(draft, file);
  } catch (cause) {
    await unlink(draft).catch(() => undefined);
    throw cause;
  }
  await flush(dirname(file));
}

async function write(draft: string, text: string): Promise<void> {
  const handle = await open(draft, 'wx', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function flush(directory: string): Promise<void> {
  // Windows has no way to flush a directory.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
