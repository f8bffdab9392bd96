import { signerFor, type Signer } from '../keys/signer.js';
import { callback, flag, integer, listOf, object, oneOf, optional, readOptions, text } from '../options.js';
import type { AuditEvent } from './events.js';
import { AUDIT_FORMATS, type AuditFormat } from './formats/index.js';
import type { Checkpoint } from './line.js';
import { checkSink, type AuditErrorHandler, type AuditSink } from './sink.js';
import { adaptersOf, type TrailAdapters } from './trail/adapters.js';
import type { Fsync } from './trail/fileWriter.js';
import { Trail } from './trail/trail.js';

/** Options of `openAuditTrail`. */
export interface OpenAuditTrailOptions {
  /** The file that records are appended to. Full ones are kept beside it, with a number in their name. */
  readonly file: string;
  /** Signs checkpoints: `keyStore.signer('audit')`. */
  readonly signer: Signer;
  /** Where every record goes as well, with its place in the chain: winston loggers, functions. Default: nowhere. */
  readonly sinks?: readonly AuditSink[];
  /** What the further sinks get. The file is always `native`. Default: `native`. */
  readonly format?: AuditFormat;
  /** When a checkpoint is signed, besides when the trail is closed. Default: 1000 records, 60 seconds. */
  readonly checkpoints?: { readonly records?: number; readonly seconds?: number };
  /** Gets each checkpoint once its records are on the disk. Keep them where whoever can change the file cannot. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => unknown;
  /** When a new file is begun. Default: 64 MiB, and every day (UTC). */
  readonly rotate?: { readonly bytes?: number; readonly daily?: boolean };
  /** When records are forced onto the disk: with each batch, once a second, or never. Default: `second`. */
  readonly fsync?: Fsync;
  /** How many records may wait for the file, or for a further sink. What comes then is lost, and counted. Default: 10,000. */
  readonly queue?: number;
  /** Told of what could not be written, signed or delivered. Default: one escaped line on standard error. */
  readonly onError?: AuditErrorHandler;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** What `record` takes: an event without what the trail adds. */
export type AuditEventInput = AuditEvent extends infer Event
  ? Event extends AuditEvent
    ? Omit<Event, 'v' | 'time'> & { readonly time?: string }
    : never
  : never;

export interface TrailStatus {
  /** Whether the last write failed, or records are lost for want of room. */
  readonly failing: boolean;
  /** The number of the last record. */
  readonly seq: number;
  /** Records that wait to be written. */
  readonly queued: number;
  /** Events that were lost since the trail was opened. Each loss is recorded by `trail_gap` once there is room. */
  readonly lost: number;
  /** How often the file was forced onto the disk. */
  readonly syncs: number;
}

/** A log in which later changes show, shared by everything of one process that reports to it. */
export interface AuditTrail extends TrailAdapters {
  /** Takes any event. Texts are escaped, secrets masked. Never throws, never waits; what is lost is counted. */
  readonly record: (event: AuditEventInput) => void;
  /**
   * Signs a checkpoint now.
   * @throws {Unavailable} when the key cannot be reached, or the records before it cannot be written
   */
  readonly checkpoint: () => Promise<Checkpoint>;
  readonly status: () => TrailStatus;
  /** Writes what waits, a last checkpoint included. Rejects when that fails; the file is closed all the same. */
  readonly close: () => Promise<void>;
}

/** The parts of a trail that other parts of this package use. */
const parts = new WeakMap<AuditTrail, Trail>();

/**
 * Opens a log whose records are hashed into a chain, and whose state is signed from time to time.
 *
 * It goes on where the file ends. Half a line that a crash left is recorded as such. One process writes to a file.
 * @throws {TypeError} when an option is not what it must be
 * @throws {AuditTrailError} for a file that another process writes to, that others can reach, whose end was changed, or
 * whose folder is not there
 */
export async function openAuditTrail(options: OpenAuditTrailOptions): Promise<AuditTrail> {
  const given = readOptions<OpenAuditTrailOptions>('openAuditTrail', options, {
    file: text,
    signer: signerFor('audit'),
    sinks: optional(listOf(checkSink)),
    format: optional(oneOf(...AUDIT_FORMATS)),
    checkpoints: optional(object),
    onCheckpoint: optional(callback),
    rotate: optional(object),
    fsync: optional(oneOf('batch', 'second', 'never')),
    // A checkpoint is found again as long as it is not further behind its record than this.
    queue: optional(integer(1, 16_384)),
    onError: optional(callback),
    now: optional(callback),
  });
  const checkpoints = readOptions<NonNullable<OpenAuditTrailOptions['checkpoints']>>(
    "openAuditTrail: 'checkpoints'",
    given.checkpoints ?? {},
    { records: optional(integer(1)), seconds: optional(integer(1, 86_400)) },
  );
  const rotate = readOptions<NonNullable<OpenAuditTrailOptions['rotate']>>(
    "openAuditTrail: 'rotate'",
    given.rotate ?? {},
    { bytes: optional(integer(4096)), daily: optional(flag) },
  );
  const trail = new Trail({ ...given, checkpoints, rotate });
  await trail.open();
  const adapters = adaptersOf((event) => {
    trail.record(event);
  });
  const opened: AuditTrail = Object.freeze({
    record: (event: AuditEventInput) => {
      trail.record(event);
    },
    checkpoint: () => trail.checkpoint(),
    status: () => trail.status(),
    close: () => trail.close(),
    ...adapters,
  });
  parts.set(opened, trail);
  return opened;
}

/** What is behind a trail, or nothing for what is none. */
export function trailOf(value: unknown): Trail | undefined {
  return parts.get(value as AuditTrail);
}
