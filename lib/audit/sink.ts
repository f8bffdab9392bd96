import { reportError } from '../report.js';
import type { AuditRecord } from './record.js';

/** Anything with `info(message, meta)`, such as a winston `Logger`. */
export interface AuditLogger {
  info(message: string, meta: AuditRecord): unknown;
}

/** Where records go: a logger, or a function. A promise that the function returns is not waited for. */
export type AuditSink = AuditLogger | ((record: AuditRecord) => unknown);

/** Sees a record that could not be written. There is no record when a logger reports an error of its own. */
export type AuditErrorHandler = (error: unknown, record?: AuditRecord) => unknown;

/** What winston loggers and other emitters are asked. */
interface Emitter {
  listenerCount(event: 'error'): number;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}

/** Says what is wrong with a sink, or nothing. */
export function checkSink(value: unknown): string | undefined {
  const { info } = ((typeof value === 'object' ? value : undefined) ?? {}) as Partial<AuditLogger>;
  return typeof value === 'function' || typeof info === 'function'
    ? undefined
    : 'must be a function, or an object with info(message, meta) such as a winston logger';
}

/** Makes the function that hands records to a sink. It never throws and never waits. */
export function openSink(sink: AuditSink, onError: AuditErrorHandler = reportLost): (record: AuditRecord) => void {
  const put = typeof sink === 'function' ? sink : (record: AuditRecord) => sink.info(messageOf(record), record);
  watch(sink, onError);
  return (record) => {
    void deliver(put, onError, record);
  };
}

async function deliver(
  put: (record: AuditRecord) => unknown,
  onError: AuditErrorHandler,
  record: AuditRecord,
): Promise<void> {
  try {
    await put(record);
  } catch (error) {
    await tell(onError, error, record);
  }
}

/** A logger that emits an error to nobody ends the process, so somebody has to listen. */
function watch(sink: AuditSink, onError: AuditErrorHandler): void {
  const emitter = sink as Partial<Emitter>;
  if (typeof emitter.on !== 'function' || emitter.listenerCount?.('error') !== 0) return;
  emitter.on('error', (error) => void tell(onError, error));
}

async function tell(onError: AuditErrorHandler, error: unknown, record?: AuditRecord): Promise<void> {
  try {
    await onError(error, record);
  } catch (failure) {
    reportLost(failure, record);
  }
}

function messageOf({ outcome }: AuditRecord): string {
  return `mcp request ${outcome}`;
}

function reportLost(error: unknown, record?: AuditRecord): void {
  reportError(error, record?.id ?? 'none');
}
