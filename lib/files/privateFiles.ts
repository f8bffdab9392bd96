import { constants, type BigIntStats, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeyStoreError } from '../keys/keyStoreError.js';
import { failedWith, type Disk } from './disk.js';
import { replaceText, syncDirectory } from './drafts.js';

const MOST_BYTES = 16 * 1024 * 1024;
const POSIX = process.platform !== 'win32';
const READ_THIS_FILE = constants.O_RDONLY | (POSIX ? constants.O_NOFOLLOW | constants.O_NONBLOCK : 0);

/** What a file looked like. Every replacement of a file changes it. */
export type Fingerprint = string;

/**
 * Makes sure that nobody else can reach into a directory. Whether it is there: it is created only where that is wanted.
 * @throws {KeyStoreError} `store_unsafe`
 */
export async function preparePrivateDirectory(disk: Disk, path: string, create: boolean): Promise<boolean> {
  const found = (await lookAt(disk, path)) ?? (create ? await createDirectory(disk, path) : undefined);
  if (found === undefined) return false;
  if (found.isSymbolicLink()) throw unsafe(path, 'is a symbolic link; name the directory itself');
  if (!found.isDirectory()) throw unsafe(path, 'is not a directory; name one that holds nothing else');
  assertPrivate(path, found, '700');
  return true;
}

async function createDirectory(disk: Disk, path: string): Promise<Stats> {
  await disk.mkdir(path, { recursive: true, mode: 0o700 });
  await syncDirectory(disk, dirname(path));
  return disk.lstat(path);
}

async function lookAt(disk: Disk, path: string): Promise<Stats | undefined> {
  try {
    return await disk.lstat(path);
  } catch (cause) {
    if (failedWith(cause, 'ENOENT')) return undefined;
    throw cause;
  }
}

/**
 * The text of a file that nobody else can reach, or nothing when there is none.
 * @throws {KeyStoreError} `store_unsafe`
 */
export async function readPrivateFile(disk: Disk, path: string): Promise<string | undefined> {
  const file = await openPrivate(disk, path);
  if (file === undefined) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > MOST_BYTES)
      throw unsafe(path, 'is not a file, or larger than 16 MiB; remove it');
    assertPrivate(path, found, '600');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function openPrivate(disk: Disk, path: string): Promise<FileHandle | undefined> {
  try {
    return await disk.open(path, READ_THIS_FILE);
  } catch (cause) {
    if (failedWith(cause, 'ENOENT')) return undefined;
    if (failedWith(cause, 'ELOOP')) throw unsafe(path, 'is a symbolic link; put the file itself there', cause);
    throw cause;
  }
}

/** Tells whether a file was replaced since it was last looked at. Nothing when there is none. */
export async function fingerprintOf(disk: Disk, path: string): Promise<Fingerprint | undefined> {
  try {
    const { ino, size, mtimeNs, ctimeNs }: BigIntStats = await disk.lstat(path, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (cause) {
    if (failedWith(cause, 'ENOENT')) return undefined;
    throw cause;
  }
}

/** Puts a new text in the place of a file that nobody else can read, as `replaceText` does. */
export function replacePrivateFile(
  disk: Disk,
  path: string,
  text: string,
  mayReplace: () => Promise<void>,
): Promise<void> {
  return replaceText(disk, path, text, 0o600, mayReplace);
}

function assertPrivate(path: string, { uid, mode }: Stats, wanted: string): void {
  if (!POSIX) return;
  if (uid !== process.getuid?.()) {
    throw unsafe(path, 'belongs to another user; run as its owner, or change the owner');
  }
  if ((mode & 0o077) !== 0) throw unsafe(path, `is open to other users; run: chmod ${wanted} on it`);
}

function unsafe(path: string, problem: string, cause?: unknown): KeyStoreError {
  return new KeyStoreError('store_unsafe', `'${path}' ${problem}`, { cause });
}
