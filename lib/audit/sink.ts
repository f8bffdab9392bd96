import { escapeText } from '../text.js';
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

const MAX_ERROR_TEXT = 1024;

/** Says what is wrong with a sink, or nothing. */
export function checkSink(value: unknown): string | undefined {
  const { info } = ((typeof value === 'object' ? value : undefined) ?? {}) as Partial<AuditLogger>;
  return typeof value === 'function' || typeof info === 'function'
    ? undefined
    : 'must be a function, or an object with info(message, meta) such as a winston logger';
}

/** Makes the function that hands records to a sink. It never throws and never waits. */
export function openSink(sink: AuditSink, onError: AuditErrorHandler = reportError): (record: AuditRecord) => void {
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
    reportError(failure, record);
  }
}

function messageOf({ outcome }: AuditRecord): string {
  return `mcp request ${outcome}`;
}

/** One line on standard error. */
function reportError(error: unknown, record?: AuditRecord): void {
  const text = escapeText(textOf(error), MAX_ERROR_TEXT);
  process.stderr.write(`${JSON.stringify({ source: 'mcp-etdi', audit: record?.id, error: text })}\n`);
}

function textOf(error: unknown): string {
  if (error instanceof Error) return error.stack ?? error.message;
  return typeof error === 'string' ? error : 'the sink threw what is not an Error';
}
