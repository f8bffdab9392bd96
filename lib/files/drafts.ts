import { dirname } from 'node:path';
import type { Disk } from './disk.js';

/** For the owner alone, or for everybody to read. */
export type FileMode = 0o600 | 0o644;

const DRAFT = /\.[0-9a-f-]{36}\.tmp$/;

/**
 * Puts a new text in the place of a file: whoever reads, even after a crash at any step, finds the old or the new one.
 * @param mayReplace runs last before the new text becomes the file, and throws to leave the old one
 */
export async function replaceText(
  disk: Disk,
  path: string,
  text: string,
  mode: FileMode,
  mayReplace: () => Promise<void>,
): Promise<void> {
  const draft = draftOf(path);
  try {
    await writeDraft(disk, draft, text, mode);
    await mayReplace();
    await disk.rename(draft, path);
  } catch (cause) {
    await disk.unlink(draft).catch(() => undefined);
    throw cause;
  }
  await syncDirectory(disk, dirname(path));
}

/** Writes a new file, and waits until it is on the disk. */
export async function writeDraft(disk: Disk, draft: string, text: string, mode: FileMode): Promise<void> {
  const file = await disk.open(draft, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits until the names in a directory are on the disk. */
export async function syncDirectory(disk: Pick<Disk, 'open'>, path: string): Promise<void> {
  // Windows has no way to flush a directory.
  if (process.platform === 'win32') return;
  const directory = await disk.open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A name beside a file for what will replace it. */
export function draftOf(path: string): string {
  return `${path}.${crypto.randomUUID()}.tmp`;
}

/** The drafts that a crash left behind, of files whose names match. */
export async function leftoverDrafts(disk: Disk, directory: string, names: RegExp): Promise<readonly string[]> {
  const entries = await disk.readdir(directory);
  return entries.filter((entry) => DRAFT.test(entry) && names.test(entry.replace(DRAFT, '')));
}
