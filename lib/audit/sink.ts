import { isPromise } from '../promise.js';
import { reportError } from '../report.js';
import { tell } from '../tell.js';
import type { AuditEvent } from './events.js';
import { formatEvent, type AuditFormat, type Seal } from './formats/index.js';

/** Anything with `info(message, meta)`, such as a winston `Logger`. */
export interface AuditLogger {
  info(message: string, meta: object): unknown;
}

/**
 * Where events go: a logger, or a function. The function gets the event, or what `format` makes of it. A promise that it
 * returns is not waited for, but counted.
 */
export type AuditSink = AuditLogger | ((event: AuditEvent) => unknown);

/** Sees an event that could not be written. There is none when a logger reports an error of its own. */
export type AuditErrorHandler = (error: unknown, event?: AuditEvent) => unknown;

/** What stands in the place of the id of a request where there is none. */
const NO_REQUEST = 'none';

/** What winston loggers and other emitters are asked. */
interface Emitter {
  readonly writableLength?: number;
  listenerCount(event: 'error'): number;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

export interface SinkOptions {
  readonly onError?: AuditErrorHandler | undefined;
  /** Default: `native`. */
  readonly format?: AuditFormat | undefined;
  /** How many events may wait in the sink. What comes then is left out. Default: 10,000. */
  readonly limit?: number | undefined;
  /** Told of each event that was left out or failed. */
  readonly onLost?: ((reason: 'sink_full' | 'sink_failed', event: AuditEvent) => void) | undefined;
}

/** A sink that is written to. */
export interface OpenSink {
  /** Hands an event to it, with its place where it has one. It never throws and never waits. */
  readonly put: (event: AuditEvent, seal?: Seal) => void;
  /** Whether it takes another event now. */
  readonly hasRoom: () => boolean;
}

/** Says what is wrong with a sink, or nothing. */
export function checkSink(value: unknown): string | undefined {
  const { info } = ((typeof value === 'object' ? value : undefined) ?? {}) as Partial<AuditLogger>;
  return typeof value === 'function' || typeof info === 'function'
    ? undefined
    : 'must be a function, or an object with info(message, meta) such as a winston logger';
}

/** Opens a sink: nothing that it does is a matter of whoever writes to it. */
export function openSink(sink: AuditSink, options: SinkOptions = {}): OpenSink {
  const { onError = reportLost, format = 'native', limit = 10_000, onLost } = options;
  const isFunction = typeof sink === 'function';
  const stream = sink as Partial<Emitter>;
  let waiting = 0;
  watch(sink, onError);
  const hasRoom = (): boolean => waiting < limit && (stream.writableLength ?? 0) < limit;
  const failed = (error: unknown, event: AuditEvent): void => {
    onLost?.('sink_failed', event);
    tell(event.id ?? NO_REQUEST, onError, error, event);
  };
  const put = (event: AuditEvent, seal?: Seal): void => {
    if (!hasRoom()) {
      onLost?.('sink_full', event);
      return;
    }
    try {
      const shape = format === 'native' && seal === undefined ? event : formatEvent(format, event, seal);
      const result: unknown = isFunction ? sink(shape as AuditEvent) : tellLogger(sink, event, shape);
      if (!isPromise(result)) return;
      waiting += 1;
      result.then(
        () => {
          waiting -= 1;
        },
        (error: unknown) => {
          waiting -= 1;
          failed(error, event);
        },
      );
    } catch (error) {
      failed(error, event);
    }
  };
  return { put, hasRoom };
}

/** A message of the format takes the place of ours: winston would write both, one after the other. */
function tellLogger(sink: AuditLogger, event: AuditEvent, shape: object): unknown {
  if (!('message' in shape)) return sink.info(messageOf(event), shape);
  const { message, ...rest } = shape;
  return sink.info(String(message), rest);
}

/** A logger that emits an error to nobody ends the process, so somebody has to listen. */
function watch(sink: AuditSink, onError: AuditErrorHandler): void {
  const emitter = sink as Partial<Emitter>;
  if (typeof emitter.on !== 'function' || emitter.listenerCount?.('error') !== 0) return;
  emitter.on('error', (error) => {
    tell(NO_REQUEST, onError, error);
  });
}

function messageOf(event: AuditEvent): string {
  return event.type === 'request' ? `mcp request ${event.outcome}` : `mcp ${event.type}`;
}

/** What becomes of an event that could not be written where nobody says otherwise: one line on standard error. */
export function reportLost(error: unknown, event?: AuditEvent): void {
  reportError(error, event?.id ?? NO_REQUEST);
}
