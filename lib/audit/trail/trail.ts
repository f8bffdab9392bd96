import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Unavailable } from '../../denial.js';
import { reportError } from '../../report.js';
import { safeCopy } from '../content.js';
import type { AuditEvent, TrailEvent } from '../events.js';
import { GENESIS, recordText, type Checkpoint } from '../line.js';
import { openSink, type OpenSink } from '../sink.js';
import { fullName } from '../trailFiles.js';
import type { AuditEventInput, OpenAuditTrailOptions, TrailStatus } from '../trail.js';
import { REMEMBERED } from './chainCheck.js';
import { signCheckpoint } from './checkpoint.js';
import { encodeEvent } from './encode.js';
import { FileWriter } from './fileWriter.js';
import { Losses } from './losses.js';
import { lockTrail, type TrailLock } from './lock.js';
import { resumeTrail, type Resumed } from './resume.js';

const GATHER_MS = 20;
const RETRY_MS = 1000;
/** The longest event, in UTF-16 units. Readers take no line of 16 MiB for a record. */
const MOST_UNITS = 2 ** 22;
/** How much may wait to be written, in bytes, however few records that are. */
const MOST_QUEUED = 64 * 1024 * 1024;
/** How many records may come while a checkpoint is signed, and how often that is tried. */
const MOST_BEHIND = REMEMBERED / 2;
const ATTEMPTS = 3;
/** When a file is full. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The one writer of a trail: seals events in the order they come, and hands them to the file and the sinks. */
export class Trail {
  readonly #options: OpenAuditTrailOptions;
  readonly #now: () => Date;
  readonly #limit: number;
  readonly #writer: FileWriter;
  readonly #sinks: readonly OpenSink[];
  readonly #losses: Losses;
  readonly #instance = randomUUID();
  #chain: string = randomUUID();
  #seq = 0;
  #hash = GENESIS;
  #bytes = 0;
  #day = '';
  /** The number of the last record that a checkpoint is about, and of its own. */
  #checked = 0;
  #signing: Promise<Checkpoint> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lock: TrailLock | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;
  #gone = false;
  #toldLate = false;

  constructor(options: OpenAuditTrailOptions) {
    this.#options = options;
    const { file, fsync = 'second', queue = 10_000, sinks = [], format, onError, now = () => new Date() } = options;
    this.#now = now;
    this.#limit = queue;
    this.#losses = new Losses(now);
    this.#writer = new FileWriter({
      file,
      fsync,
      gatherMs: GATHER_MS,
      retryMs: RETRY_MS,
      most: queue,
      onError: (error) => {
        this.#tell(error);
      },
      onWritten: () => {
        this.#recordLosses();
      },
    });
    this.#sinks = sinks.map((sink, index) => {
      const onLost = (reason: 'sink_full' | 'sink_failed', { type }: AuditEvent): void => {
        // That a sink did not hear of its own loss is no further one.
        if (type !== 'trail_gap') this.#losses.add(reason, index);
      };
      return openSink(sink, { onError, format, limit: queue, onLost });
    });
  }

  /** @throws {AuditTrailError} */
  async open(): Promise<void> {
    const { file, checkpoints = {} } = this.#options;
    this.#lock = await lockTrail(file, () => {
      this.#gone = true;
      this.#tell(new Error(`another process has taken over the audit trail '${file}'`));
      void this.#writer.abandon();
    });
    try {
      const resumed = await resumeTrail(file);
      await this.#writer.open(resumed.last?.seq ?? 0);
      if (resumed.unended) await this.#writer.endLine();
      this.#begin(resumed);
    } catch (cause) {
      await this.#writer.abandon();
      await this.#lock.release();
      throw cause;
    }
    this.#timer = setInterval(
      () => {
        if (this.#seq > this.#checked) this.#checkpointSoon();
      },
      (checkpoints.seconds ?? 60) * 1000,
    ).unref();
  }

  /** Takes an event of somebody else: nothing in it is safe. */
  record(event: AuditEventInput): void {
    const { time, ...members } = event;
    const safe = safeCopy(members) as unknown as AuditEventInput;
    this.put(Object.freeze({ ...safe, v: 1, time: isTime(time) ? time : this.#now().toISOString() } as AuditEvent));
  }

  /** Takes an event whose texts are safe. Whether there was room for it. */
  put(event: AuditEvent): boolean {
    if (this.#gone || this.#closed || this.#isFull) {
      if (this.#closed) this.#tellLate();
      this.#losses.add(this.#writer.failing ? 'write_failed' : 'queue_full');
      return false;
    }
    const text = encodeEvent(event);
    if (text.length > MOST_UNITS) {
      this.#losses.add('too_long');
      return false;
    }
    this.#recordLosses();
    this.#seal(event, text);
    return true;
  }

  /**
   * Takes an event, and waits until it is on the disk, together with all that wait at that time.
   * @throws {Unavailable} when it cannot be written
   */
  async commit(event: AuditEvent): Promise<void> {
    if (!this.put(event)) throw new Unavailable('The audit log is unavailable');
    await this.#onDisk();
  }

  /**
   * Waits until all that was taken so far is on the disk.
   * @throws {Unavailable} when it cannot be written, or something was not taken
   */
  async flush(): Promise<void> {
    if (this.failing) throw new Unavailable('The audit log is unavailable');
    await this.#onDisk();
  }

  async #onDisk(): Promise<void> {
    try {
      await this.#writer.onDisk(this.#seq);
    } catch (cause) {
      throw new Unavailable('The audit log is unavailable', { cause });
    }
  }

  /** Whether what is recorded now may never reach the disk. */
  get failing(): boolean {
    return this.#gone || this.#closed || this.#writer.failing || this.#isFull;
  }

  get #isFull(): boolean {
    return this.#writer.queued >= this.#limit || this.#writer.queuedBytes >= MOST_QUEUED;
  }

  status(): TrailStatus {
    const { queued, syncs } = this.#writer;
    return { failing: this.failing, seq: this.#seq, queued, lost: this.#losses.total, syncs };
  }

  /** One at a time: whoever asks while one is made gets that one. */
  checkpoint(): Promise<Checkpoint> {
    return (this.#signing ??= this.#makeCheckpoint().finally(() => {
      this.#signing = undefined;
    }));
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #begin({ last, clean, torn, before, bytes }: Resumed): void {
    if (last !== undefined) {
      this.#chain = last.chain;
      this.#seq = last.seq;
      this.#hash = last.hash;
    }
    this.#day = this.#time().slice(0, 10);
    this.#bytes = bytes;
    // It explains the line right before it.
    if (torn !== undefined) this.#own({ type: 'trail_recovered', ...torn });
    if (before !== undefined && torn === undefined) this.#own({ type: 'trail_segment', after: basename(before) });
    this.#own({
      type: 'trail_started',
      instance: this.#instance,
      host: hostname(),
      pid: process.pid,
      ...(last === undefined ? {} : { clean }),
    });
  }

  async #close(): Promise<void> {
    await lastResponses();
    // Where there is no key yet one is made now, which is an event too. What is wrong with it the checkpoint tells.
    await this.#options.signer.current().catch(() => undefined);
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#signing?.catch(() => undefined);
    for (const loss of this.#losses.takeAll()) this.#own({ type: 'trail_gap', ...loss });
    this.#own({ type: 'trail_stopped', instance: this.#instance });
    try {
      await this.#makeCheckpoint();
    } finally {
      await this.#writer.close();
      await this.#lock?.release();
    }
  }

  #seal(event: AuditEvent, text: string): void {
    const { bytes = MOST_BYTES, daily = true } = this.#options.rotate ?? {};
    const day = event.time.slice(0, 10);
    if (this.#bytes >= bytes || (daily && day > this.#day)) this.#rotate(day);
    this.#write(event, text);
    if (this.#seq - this.#checked >= (this.#options.checkpoints?.records ?? 1000)) this.#checkpointSoon();
  }

  #rotate(day: string): void {
    const { file } = this.#options;
    this.#day = day > this.#day ? day : this.#day;
    this.#bytes = 0;
    this.#writer.rotate();
    this.#write({ v: 1, time: this.#time(), type: 'trail_segment', after: basename(fullName(file, this.#seq)) });
  }

  #write(event: AuditEvent, text = encodeEvent(event)): void {
    const seq = this.#seq + 1;
    const prev = this.#hash;
    const record = recordText(this.#chain, text, prev, seq);
    const { hash, length } = this.#writer.add(seq, record);
    this.#seq = seq;
    this.#hash = hash;
    this.#bytes += length;
    for (const { put } of this.#sinks) put(event, { hash, chain: this.#chain, prev, seq });
  }

  #own(event: OwnEvent): void {
    this.#write(Object.freeze({ ...event, v: 1, time: this.#time() }));
  }

  #recordLosses(): void {
    const isOver = this.#gone || this.#closed;
    if (this.#losses.isEmpty || isOver || this.#isFull) return;
    for (const loss of this.#losses.take()) this.#own({ type: 'trail_gap', ...loss });
  }

  #checkpointSoon(): void {
    if (this.#signing !== undefined || this.#closed || this.#writer.failing) return;
    this.checkpoint().catch((error: unknown) => {
      this.#tell(error);
    });
  }

  /** On the disk first: a checkpoint about records that a crash takes back would show them as cut off. */
  async #makeCheckpoint(): Promise<Checkpoint> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const checkpoint = await this.#signCheckpoint();
      // Whoever verifies remembers as many records, and no more.
      if (this.#seq - checkpoint.seq > MOST_BEHIND) continue;
      this.#own({ type: 'trail_checkpoint', jws: checkpoint.jws });
      // What is only about a checkpoint needs no other one.
      if (this.#seq === checkpoint.seq + 1) this.#checked = this.#seq;
      await this.#deliver(checkpoint);
      return checkpoint;
    }
    throw new Error('the key of the audit trail answers too late for a checkpoint');
  }

  async #signCheckpoint(): Promise<Checkpoint> {
    const facts = { chain: this.#chain, seq: this.#seq, hash: this.#hash, time: this.#time() };
    this.#checked = facts.seq;
    try {
      await this.#writer.onDisk(facts.seq);
    } catch (cause) {
      throw new Unavailable('The audit log is unavailable', { cause });
    }
    return signCheckpoint(this.#options.signer, facts);
  }

  async #deliver(checkpoint: Checkpoint): Promise<void> {
    try {
      await this.#options.onCheckpoint?.(checkpoint);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** No later record can tell. */
  #tellLate(): void {
    if (this.#toldLate) return;
    this.#toldLate = true;
    const { file } = this.#options;
    this.#tell(
      new Error(
        `the audit trail '${file}' is closed, and events that still come are lost; close what reports to it first`,
      ),
    );
  }

  #time(): string {
    return this.#now().toISOString();
  }

  #tell(error: unknown): void {
    const { onError = report } = this.#options;
    void (async () => {
      await onError(error);
    })().catch(report);
  }
}

type OwnEvent = TrailEvent extends infer Event ? (Event extends TrailEvent ? Omit<Event, 'v' | 'time'> : never) : never;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function isTime(value: unknown): value is string {
  return typeof value === 'string' && TIME.test(value);
}

function report(error: unknown): void {
  reportError(error, 'audit trail');
}

/** A server whose connections were cut says that it is closed one turn of the event loop before its last responses do. */
async function lastResponses(): Promise<void> {
  await setImmediate();
  await setImmediate();
}
