import { constants } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fullName } from '../trailFiles.js';

const POSIX = process.platform !== 'win32';
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (POSIX ? constants.O_NOFOLLOW : 0);
const BATCH_RECORDS = 2048;

/** When written bytes are forced onto the disk: with every batch, once a second, or when the system sees fit. */
export type Fsync = 'batch' | 'second' | 'never';

export interface FileWriterOptions {
  readonly file: string;
  readonly fsync: Fsync;
  /** How many milliseconds records are gathered before they are written together. */
  readonly gatherMs: number;
  readonly retryMs: number;
  /** Told of every failure; records stay queued, and are tried again. */
  readonly onError: (error: unknown) => void;
  /** Told after each batch that was written. */
  readonly onWritten: () => void;
}

interface Waiter {
  readonly upTo: number;
  readonly done: (error?: unknown) => void;
}

/** A line, or where a file ends: the number of its last record. */
type Entry = string | number;

/**
 * Appends lines to a file that nobody else can read, many at a time, in the order they come.
 *
 * What a full disk cut in half is finished before anything else is written. Whoever waits for a record shares one
 * `fdatasync` with all others who wait.
 */
export class FileWriter {
  failing = false;
  syncs = 0;
  /** How many lines wait to be written. */
  queued = 0;
  readonly #options: FileWriterOptions;
  #handle: FileHandle | undefined;
  #entries: Entry[] = [];
  /** Bytes that a failed write has not written. */
  #rest: Buffer | undefined;
  #restCount = 0;
  #waiters: Waiter[] = [];
  #written = 0;
  #synced = 0;
  #timer: NodeJS.Timeout | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #urgent = false;
  #draining: Promise<void> | undefined;
  #lastSync = 0;
  #closed = false;

  constructor(options: FileWriterOptions) {
    this.#options = options;
  }

  /** @param lastSeq the number of the last record there is */
  async open(lastSeq: number): Promise<void> {
    this.#written = this.#synced = lastSeq;
    await this.#openFile();
  }

  async #openFile(): Promise<void> {
    const { file } = this.#options;
    this.#handle = await open(file, APPEND, 0o600);
    await syncDirectory(dirname(file));
  }

  /** Ends half a line that a crash left behind. */
  async endLine(): Promise<void> {
    await this.#handle?.write('\n');
  }

  /** Takes the line of the next record. */
  add(line: string): void {
    this.#entries.push(line);
    this.queued += 1;
    if (this.queued >= BATCH_RECORDS) this.#drainSoon();
    else this.#drainLater();
  }

  /** The next line belongs to another file. The name of this one tells its last record. */
  rotate(lastSeq: number): void {
    this.#entries.push(lastSeq);
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
    return (this.#draining ??= this.#work().finally(() => {
      this.#draining = undefined;
      this.#planNext();
    }));
  }

  /** Writes what is queued and forces it onto the disk. */
  async close(): Promise<void> {
    do await this.drain();
    while (this.#entries.length > 0 && !this.failing);
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
    const isLeft = this.#entries.length > 0 || this.#rest !== undefined || this.#waiters.length > 0;
    if (isLeft && (this.failing || !this.#isPressing)) this.#drainLater();
    else if (isLeft) this.#drainSoon();
    else if (this.#options.fsync === 'second' && this.#synced < this.#written) {
      this.#syncTimer = setTimeout(() => void this.drain(), 1000).unref();
    }
  }

  /** Whether what is left cannot wait until more has been gathered. */
  get #isPressing(): boolean {
    return this.#waiters.length > 0 || this.#rest !== undefined || this.queued >= BATCH_RECORDS;
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
    // What comes while these are written is gathered: a write costs far more than a line.
    let due = this.#entries.length;
    try {
      do {
        due -= await this.#writeBatch();
        await this.#syncIfDue();
        this.failing = false;
        this.#options.onWritten();
      } while (due > 0 || this.#isPressing);
    } catch (error) {
      this.failing = true;
      for (const { done } of this.#waiters.splice(0)) done(error);
      this.#options.onError(error);
    }
  }

  /** How many entries that took. */
  async #writeBatch(): Promise<number> {
    await this.#writeRest();
    const [first] = this.#entries;
    if (first === undefined) return 0;
    if (typeof first === 'number') {
      await this.#nextFile(first);
      this.#entries.shift();
      return 1;
    }
    const end = this.#entries.findIndex((entry, index) => typeof entry === 'number' || index === BATCH_RECORDS);
    const batch = this.#entries.splice(0, end < 0 ? this.#entries.length : end);
    this.#rest = Buffer.from(batch.join(''));
    this.#restCount = batch.length;
    await this.#writeRest();
    return batch.length;
  }

  async #writeRest(): Promise<void> {
    while (this.#rest !== undefined) {
      if (this.#handle === undefined) throw new Error('the file of the audit trail is closed');
      const { bytesWritten } = await this.#handle.write(this.#rest);
      if (bytesWritten < this.#rest.length) {
        this.#rest = this.#rest.subarray(bytesWritten);
        continue;
      }
      this.#rest = undefined;
      this.#written += this.#restCount;
      this.queued -= this.#restCount;
    }
  }

  async #syncIfDue(): Promise<void> {
    const { fsync } = this.#options;
    const time = performance.now();
    const isNew = this.#synced < this.#written;
    const isDue = isNew && (fsync === 'batch' || (fsync === 'second' && time - this.#lastSync >= 1000));
    if (!isDue && this.#waiters.length === 0) return;
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

async function syncDirectory(path: string): Promise<void> {
  // Windows has no way to flush a directory.
  if (!POSIX) return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
