import type { Writable } from 'node:stream';
import { createLogger, format, transports, type Logger } from 'winston';

/** A winston logger that writes one JSON object a line. */
export function createAuditLogger(stream: Writable = process.stdout): Logger {
  const transport = new transports.Stream({ stream });
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares its transports as interfaces
  return createLogger({ format: format.json(), transports: transport });
}
