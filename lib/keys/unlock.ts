import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Disk } from '../files/disk.js';
import { withLock, type LockOptions } from '../files/lock.js';
import { preparePrivateDirectory, readPrivateFile, replacePrivateFile } from '../files/privateFiles.js';
import { KeyStoreError } from './keyStoreError.js';
import { deriveKeys, readSecret, type StoreKeys, type StoreSecret } from './sealing.js';
import { changed, decodeFile, encodeFile, type Header } from './storeFile.js';

export const KEYS_FORMAT = 'mcp-etdi-keys';
export const SERIAL_FORMAT = 'mcp-etdi-serial';

/** Where the files of a store are. */
export interface StorePaths {
  readonly directory: string;
  readonly keys: string;
  readonly serial: string;
  readonly lock: string;
}

export interface UnlockOptions {
  readonly secret: string | Uint8Array;
  /** Whether to begin a store when there is none. */
  readonly create: boolean;
  readonly disk: Disk;
  readonly lock: LockOptions;
}

/** What the right secret gives access to. */
export interface Unlocked {
  readonly keys: StoreKeys;
  readonly header: Header;
}

export function storePaths(path: string): StorePaths {
  const directory = resolve(path);
  const [keys, serial, lock] = ['keys.json', 'serial.json', 'lock'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  return { directory, keys, serial, lock };
}

/**
 * Proves that the secret is that of the store. Begins a new store where there is none.
 * @throws {KeyStoreError} `secret_wrong`, `store_missing`, `store_unsafe`, `store_changed`, `store_version`
 */
export async function unlock(paths: StorePaths, options: UnlockOptions): Promise<Unlocked> {
  const { disk, create } = options;
  if (!(await preparePrivateDirectory(disk, paths.directory, create))) throw storeMissing(paths);
  const secret = readSecret(options.secret);
  const text = await readPrivateFile(disk, paths.serial);
  return text === undefined ? begin(paths, secret, options) : prove(paths, secret, text, disk);
}

async function prove(paths: StorePaths, secret: StoreSecret, text: string, disk: Disk): Promise<Unlocked> {
  const file = decodeFile(paths.serial, SERIAL_FORMAT, text);
  const { header } = file;
  if (header.secret !== secret.kind) throw wrongSecret(paths, header.secret);
  const keys = await deriveKeys(secret, Buffer.from(header.salt, 'base64url'));
  if (file.isProvenBy(keys)) return { keys, header };
  const others = await readPrivateFile(disk, paths.keys);
  const isRight = others !== undefined && decodeFile(paths.keys, KEYS_FORMAT, others).isProvenBy(keys);
  throw isRight ? changed(paths.serial) : wrongSecret(paths, header.secret);
}

/** Writes the first serial, 0: nothing was ever kept here. */
async function begin(paths: StorePaths, secret: StoreSecret, options: UnlockOptions): Promise<Unlocked> {
  const { disk, create, lock } = options;
  if (!create && (await readPrivateFile(disk, paths.keys)) === undefined) throw storeMissing(paths);
  const work = async (assertHeld: () => Promise<void>): Promise<Unlocked> => {
    const begun = await readPrivateFile(disk, paths.serial);
    if (begun !== undefined) return prove(paths, secret, begun, disk);
    if ((await readPrivateFile(disk, paths.keys)) !== undefined) throw serialMissing(paths.serial);
    const salt = randomBytes(16);
    const keys = await deriveKeys(secret, salt);
    const common = { format: SERIAL_FORMAT, version: 1, secret: secret.kind } as const;
    const header: Header = { ...common, salt: salt.toString('base64url'), serial: 0 };
    await replacePrivateFile(disk, paths.serial, encodeFile(keys, header), assertHeld);
    return { keys, header };
  };
  return withLock(disk, paths.lock, work, lock);
}

function storeMissing({ directory }: StorePaths): KeyStoreError {
  return new KeyStoreError('store_missing', `there is no key store in '${directory}'; generate a key first`);
}

/** Whoever puts an old `keys.json` back would remove the other file first: without it there is no telling. */
export function serialMissing(path: string): KeyStoreError {
  return new KeyStoreError(
    'store_rolled_back',
    `'${path}' is gone, so that an old version could not be told; restore the whole directory from a backup`,
  );
}

function wrongSecret({ directory }: StorePaths, kind: StoreSecret['kind']): KeyStoreError {
  const kindName = kind === 'key' ? '32-byte secret' : 'passphrase';
  return new KeyStoreError(
    'secret_wrong',
    `the secret does not open '${directory}'; pass the ${kindName} it was created with`,
  );
}
