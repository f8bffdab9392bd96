import { constants } from 'node:fs';
import { lstat, open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failedWith, nodeDisk } from '../../files/disk.js';
import { syncDirectory } from '../../files/drafts.js';
import { fullName } from '../trailFiles.js';
import { Page } from './page.js';

const POSIX = process.platform !== 'win32';
/** How often is looked whether the file is still where it was opened. */
const LOOK_MS = 1000;
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (POSIX ? constants.O_NOFOLLOW : 0);

/** When written bytes are forced onto the disk: with every batch, once a second, or when the system sees fit. */
export type Fsync = 'batch' | 'second' | 'never';

export interface FileWriterOptions {
  readonly file: string;
  readonly fsync: Fsync;
  /** How many milliseconds records are gathered before they are written together. */
  readonly gatherMs: number;
  readonly retryMs: number;
  /** How many records there is room for. When half of it is taken they are gathered no longer. */
  readonly most: number;
  /** Told of every failure; records stay queued, and are tried again. */
  readonly onError: (error: unknown) => void;
  /** Told after each batch that was written. */
  readonly onWritten: () => void;
}

interface Waiter {
  readonly upTo: number;
  readonly done: (error?: unknown) => void;
}

/**
 * Appends lines to a file that nobody else can read, many at a time, in the order they come.
 *
 * What a full disk cut in half is finished before anything else is written. Whoever waits for a record shares one
 * `fdatasync` with all others who wait.
 */
export class FileWriter {
  failing = false;
  syncs = 0;
  readonly #options: FileWriterOptions;
  #handle: FileHandle | undefined;
  /** Those that nothing is added to any more, oldest first. */
  readonly #full: Page[] = [];
  #page = new Page();
  #waiters: Waiter[] = [];
  /** Numbers of the last records that were added, have been gathered for long enough, are written, and on the disk. */
  #added = 0;
  #due = 0;
  #written = 0;
  #synced = 0;
  #addedBytes = 0;
  #writtenBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #urgent = false;
  #draining: Promise<void> | undefined;
  #lastSync = 0;
  #lastLook = 0;
  #closed = false;

  constructor(options: FileWriterOptions) {
    this.#options = options;
  }

  /** @param lastSeq the number of the last record there is */
  async open(lastSeq: number): Promise<void> {
    this.#added = this.#due = this.#written = this.#synced = lastSeq;
    await this.#openFile();
  }

  async #openFile(flags = 0): Promise<void> {
    const { file } = this.#options;
    this.#handle = await open(file, APPEND | flags, 0o600);
    this.#lastLook = performance.now();
    await syncDirectory(nodeDisk, dirname(file));
  }

  /** Ends half a line that a crash left behind. */
  async endLine(): Promise<void> {
    await this.#handle?.write('\n');
  }

  /** How many records wait to be written. */
  get queued(): number {
    return this.#added - this.#written;
  }

  get queuedBytes(): number {
    return this.#addedBytes - this.#writtenBytes;
  }

  /** Takes the next record. Gives its hash, and how long its line is. */
  add(seq: number, record: string): ReturnType<Page['add']> {
    if (!this.#page.hasRoomFor(record)) this.#turnPage(record);
    const line = this.#page.add(seq, record);
    this.#added = seq;
    this.#addedBytes += line.length;
    if (this.#isPressing && !this.failing) this.#drainSoon();
    else this.#drainLater();
    return line;
  }

  /** The next record belongs to another file. The name of this one tells its last record. */
  rotate(): void {
    this.#page.last = this.#added;
    this.#page.endsFile = true;
    this.#turnPage();
  }

  #turnPage(record?: string): void {
    this.#full.push(this.#page);
    this.#page = new Page(record);
  }

  /** Waits until a record, and so all before it, is on the disk. */
  onDisk(seq: number): Promise<void> {
    if (this.#synced >= seq) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => {
        if (error === undefined) resolve();
        else reject(new Error('the audit trail could not be written', { cause: error }));
      };
      this.#waiters.push({ upTo: seq, done });
      this.#drainSoon();
    });
  }

  /** Writes what is queued now. Never rejects. */
  drain(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#syncTimer);
    this.#timer = undefined;
    this.#due = this.#added;
    return (this.#draining ??= this.#work().finally(() => {
      this.#draining = undefined;
      this.#planNext();
    }));
  }

  /** Writes what is queued and forces it onto the disk. */
  async close(): Promise<void> {
    do await this.drain();
    while (this.queued > 0 && !this.failing);
    if (!this.failing && this.#synced < this.#written && this.#options.fsync !== 'never') {
      await this.#sync().catch(this.#options.onError);
    }
    await this.abandon();
  }

  /** Writes nothing more, as when another process has taken over. */
  async abandon(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#syncTimer);
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #planNext(): void {
    if (this.#closed) return;
    if (this.#isPressing && !this.failing) this.#drainSoon();
    else if (this.#isPressing || this.queued > 0) this.#drainLater();
    else if (this.#options.fsync === 'second' && this.#synced < this.#written) {
      this.#syncTimer = setTimeout(() => void this.drain(), 1000).unref();
    }
  }

  /** Whether what is queued cannot wait until more has been gathered. */
  get #isPressing(): boolean {
    const isDue = this.#due > this.#written || this.queued >= this.#options.most / 2;
    return isDue || this.#full.length > 0 || this.#waiters.length > 0;
  }

  #drainLater(): void {
    const { retryMs, gatherMs } = this.#options;
    this.#timer ??= setTimeout(() => void this.drain(), this.failing ? retryMs : gatherMs);
  }

  /** Records of one turn of the event loop go together. */
  #drainSoon(): void {
    if (this.#urgent || this.#draining !== undefined) return;
    this.#urgent = true;
    setImmediate(() => {
      this.#urgent = false;
      void this.drain();
    });
  }

  async #work(): Promise<void> {
    try {
      do {
        await this.#assertThere();
        await this.#writeNext();
        await this.#syncIfDue();
        this.failing = false;
        this.#options.onWritten();
      } while (this.#isPressing);
    } catch (error) {
      this.failing = true;
      for (const { done } of this.#waiters.splice(0)) done(error);
      this.#options.onError(error);
    }
  }

  /**
   * Somebody may have moved or deleted the file, and what is written to it then is where nobody looks for it. Goes on in a
   * new one, and tells of it; not in a file that somebody else has put there.
   */
  async #assertThere(): Promise<void> {
    const time = performance.now();
    if (this.#handle === undefined || time - this.#lastLook < LOOK_MS) return;
    const { file, onError } = this.#options;
    const [held, there] = await Promise.all([this.#handle.stat({ bigint: true }), statOf(file)]);
    if (there === undefined) {
      const gone = this.#handle;
      // First: where none can be made, the next attempt has to find out again.
      await this.#openFile(constants.O_EXCL);
      await gone.close();
      onError(
        new Error(`the audit trail '${file}' was moved or deleted while it was written to; a new file was begun`),
      );
    } else if (there.ino !== held.ino || there.dev !== held.dev) {
      throw new Error(`another file is where the audit trail '${file}' was; move it away, and the trail goes on`);
    }
    this.#lastLook = time;
  }

  /** One page only: whoever waits for what is in it does not wait for those that come meanwhile. */
  async #writeNext(): Promise<void> {
    const [full] = this.#full;
    await this.#write(full ?? this.#page);
    if (full === undefined) return;
    if (full.endsFile) await this.#nextFile(full.last);
    this.#full.shift();
  }

  /** What is added to the page meanwhile waits for the next time. */
  async #write(page: Page): Promise<void> {
    const { last } = page;
    for (let { rest } = page; rest.length > 0;) {
      if (this.#handle === undefined) throw new Error('the file of the audit trail is closed');
      const { bytesWritten } = await this.#handle.write(rest);
      page.wrote(bytesWritten);
      this.#writtenBytes += bytesWritten;
      rest = rest.subarray(bytesWritten);
    }
    this.#written = Math.max(this.#written, last);
  }

  async #syncIfDue(): Promise<void> {
    const { fsync } = this.#options;
    const time = performance.now();
    const isNew = this.#synced < this.#written;
    const isDue = isNew && (fsync === 'batch' || (fsync === 'second' && time - this.#lastSync >= 1000));
    if (!isDue && !this.#waiters.some(({ upTo }) => upTo <= this.#written)) return;
    await this.#sync();
    this.#lastSync = time;
    const ready = this.#waiters.filter(({ upTo }) => upTo <= this.#synced);
    this.#waiters = this.#waiters.filter(({ upTo }) => upTo > this.#synced);
    for (const { done } of ready) done();
  }

  async #sync(): Promise<void> {
    const upTo = this.#written;
    await this.#handle?.datasync();
    this.syncs += 1;
    this.#synced = upTo;
  }

  /** A crash at any step leaves a full file under either name, and perhaps none that is written to. */
  async #nextFile(lastSeq: number): Promise<void> {
    const { file } = this.#options;
    if (this.#closed) throw new Error('the file of the audit trail is closed');
    if (this.#handle !== undefined) await this.#sync();
    if (this.#handle !== undefined) await rename(file, fullName(file, lastSeq));
    await this.#handle?.close();
    this.#handle = undefined;
    await this.#openFile();
  }
}

async function statOf(path: string): Promise<{ readonly ino: bigint; readonly dev: bigint } | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  }
}
