import { access, unlink } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { nodeDisk } from './disk.js';
import { leftoverDrafts, replaceText } from './drafts.js';
import { withLock } from './lock.js';

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

async function replace(file: string, text: string, assertHeld: () => Promise<void>): Promise<void> {
  await removeDrafts(file);
  await replaceText(nodeDisk, file, text, 0o644, assertHeld);
}
