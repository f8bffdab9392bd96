import { join } from 'node:path';
import { failedWith, nodeDisk, type Disk } from '../files/disk.js';
import { leftoverDrafts } from '../files/drafts.js';
import { withLock, type LockOptions } from '../files/lock.js';
import { fingerprintOf, readPrivateFile, replacePrivateFile, type Fingerprint } from '../files/privateFiles.js';
import type { KeyRecord } from './keyRecord.js';
import { KeyStoreError } from './keyStoreError.js';
import type { StoreKeys } from './sealing.js';
import { decodeFile, encodeFile, type Header } from './storeFile.js';
import {
  KEYS_FORMAT,
  SERIAL_FORMAT,
  serialMissing,
  storePaths,
  unlock,
  type StorePaths,
  type Unlocked,
} from './unlock.js';

export interface VaultOptions {
  readonly directory: string;
  readonly secret: string | Uint8Array;
  /** Whether to create the store when there is none. */
  readonly create: boolean;
  /** The lowest serial that is not a rollback. Default: 0. */
  readonly leastSerial?: number;
  readonly disk?: Disk;
  readonly lock?: LockOptions;
}

/** One version of everything a store remembers. */
export interface Snapshot {
  /** Counts the changes of the store. */
  readonly serial: number;
  readonly keys: readonly KeyRecord[];
}

/** Gives the keys after a change, or nothing to leave them as they are. */
export type Change = (keys: readonly KeyRecord[]) => Promise<readonly KeyRecord[] | undefined>;

interface KeysFile extends Header {
  readonly keys: readonly KeyRecord[];
}

type AssertHeld = () => Promise<void>;

/** The names of what this store writes, and may clean up. */
const OURS = /^(?:keys\.json|serial\.json|lock(?:\.break)*)$/;

/**
 * The files of a key store: `keys.json` holds everything, `serial.json` how often it was changed, `lock` who changes it.
 *
 * `keys.json` is replaced first and `serial.json` second, so that a crash between the two leaves a serial that is
 * behind, which is harmless, and never one that is ahead, which is what a rollback looks like.
 */
export class Vault {
  /** Encrypt and authenticate what the store holds. */
  readonly keys: StoreKeys;
  readonly #paths: StorePaths;
  readonly #header: Pick<Header, 'salt' | 'secret' | 'version'>;
  readonly #disk: Disk;
  readonly #lock: LockOptions;
  #latest: Snapshot;
  #seen: Fingerprint | undefined;

  private constructor(paths: StorePaths, { keys, header }: Unlocked, options: VaultOptions) {
    const { version, secret, salt } = header;
    this.keys = keys;
    this.#paths = paths;
    this.#header = { version, secret, salt };
    this.#disk = options.disk ?? nodeDisk;
    this.#lock = options.lock ?? {};
    this.#latest = { serial: options.leastSerial ?? 0, keys: [] };
  }

  /** @throws {KeyStoreError} when the store is missing, open to others, changed by hand, or has another secret */
  static async open(options: VaultOptions): Promise<Vault> {
    const { directory, secret, create, leastSerial = 0, disk = nodeDisk, lock = {} } = options;
    const paths = storePaths(directory);
    const unlocked = await unlock(paths, { secret, create: create && leastSerial === 0, disk, lock });
    const vault = new Vault(paths, unlocked, options);
    await vault.#settle(unlocked.header.serial);
    return vault;
  }

  /** The newest version seen so far. */
  get latest(): Snapshot {
    return this.#latest;
  }

  /** Looks for a version that another process wrote. */
  async refresh(): Promise<Snapshot> {
    const seen = await fingerprintOf(this.#disk, this.#paths.keys);
    if (seen !== undefined && seen === this.#seen) return this.#latest;
    await this.#load();
    this.#seen = seen;
    return this.#latest;
  }

  /** Changes the newest version, while nobody else does. */
  async update(change: Change): Promise<Snapshot> {
    return this.#locked(async (assertHeld) => {
      const { serial, keys } = await this.#load();
      const next = await change(keys);
      if (next !== undefined) await this.#write({ serial: serial + 1, keys: next }, assertHeld);
      return this.#latest;
    });
  }

  /** Completes what a crash left half done. Takes no lock when there is nothing to do. */
  async #settle(serial: number): Promise<void> {
    const begun = (await readPrivateFile(this.#disk, this.#paths.keys)) !== undefined;
    if (begun) await this.refresh();
    if (begun && this.#latest.serial === serial && (await this.#drafts()).length === 0) return;
    await this.#locked(async (assertHeld) => {
      await this.#removeDrafts();
      await this.#complete(assertHeld);
    });
  }

  async #complete(assertHeld: AssertHeld): Promise<void> {
    const { serial } = await this.#loadSerial();
    if (serial === 0 && (await readPrivateFile(this.#disk, this.#paths.keys)) === undefined) {
      await this.#write({ serial: 1, keys: [] }, assertHeld);
    } else if ((await this.#load()).serial > serial) {
      await this.#writeSerial(this.#latest.serial, assertHeld);
    }
  }

  async #removeDrafts(): Promise<void> {
    for (const draft of await this.#drafts()) {
      await this.#disk.unlink(join(this.#paths.directory, draft)).catch((cause: unknown) => {
        // Whoever waits for the lock removes its own.
        if (!failedWith(cause, 'ENOENT')) throw cause;
      });
    }
  }

  #drafts(): Promise<readonly string[]> {
    return leftoverDrafts(this.#disk, this.#paths.directory, OURS);
  }

  #locked<Result>(work: (assertHeld: AssertHeld) => Promise<Result>): Promise<Result> {
    return withLock(this.#disk, this.#paths.lock, work, this.#lock);
  }

  async #load(): Promise<Snapshot> {
    const { keys: path } = this.#paths;
    const known = this.#latest.serial;
    // The serial goes first: between the two reads another process may replace both files.
    const { serial: least } = await this.#loadSerial();
    const text = await readPrivateFile(this.#disk, path);
    if (text === undefined) {
      throw new KeyStoreError('store_missing', `'${path}' is gone; restore the whole directory from a backup`);
    }
    const { serial, keys } = decodeFile<KeysFile>(path, KEYS_FORMAT, text).prove(this.keys);
    if (serial < Math.max(least, known)) {
      throw new KeyStoreError('store_rolled_back', `'${path}' is an old version; put the newest one back`);
    }
    // A change of this very store may have been faster than the reading.
    if (serial >= this.#latest.serial) this.#latest = { serial, keys };
    return this.#latest;
  }

  async #loadSerial(): Promise<Header> {
    const { serial: path } = this.#paths;
    const text = await readPrivateFile(this.#disk, path);
    if (text === undefined) throw serialMissing(path);
    return decodeFile(path, SERIAL_FORMAT, text).prove(this.keys);
  }

  async #write(next: Snapshot, assertHeld: AssertHeld): Promise<void> {
    const body: KeysFile = { format: KEYS_FORMAT, ...this.#header, ...next };
    await replacePrivateFile(this.#disk, this.#paths.keys, encodeFile(this.keys, body), assertHeld);
    this.#latest = next;
    await this.#writeSerial(next.serial, assertHeld);
  }

  async #writeSerial(serial: number, assertHeld: AssertHeld): Promise<void> {
    const body: Header = { format: SERIAL_FORMAT, ...this.#header, serial };
    await replacePrivateFile(this.#disk, this.#paths.serial, encodeFile(this.keys, body), assertHeld);
  }
}
