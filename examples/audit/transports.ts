// Where audit events can go: winston loggers, one for each place. Any of them can be a sink of auditLog or openAuditTrail.
import { createLogger, format, transports, type Logger } from 'winston';
import { syslogLine, syslogStream } from './syslog.js';

// #region console
/** One JSON object on each line of standard output, for whatever collects it. */
export function consoleLogger(): Logger {
  return loggerTo(new transports.Console(), format.json());
}
// #endregion

// #region file
/** A file of winston's. The file of openAuditTrail also shows when it was changed, and says when the disk is full. */
export function fileLogger(filename: string): Logger {
  return loggerTo(new transports.File({ filename, maxsize: 64 * 1024 * 1024, tailable: true }), format.json());
}
// #endregion

// #region syslog
/** A syslog server: RFC 5424 messages over TCP. */
export function syslogLogger(host: string, port: number): Logger {
  return loggerTo(new transports.Stream({ stream: syslogStream(host, port), eol: '' }), format.printf(syslogLine));
}
// #endregion

// #region http
/** The HTTP intake of a SIEM, which gets each event as the body of a POST. */
export function httpLogger(intake: URL, headers: Record<string, string> = {}): Logger {
  const { protocol, hostname: host, port, pathname: path } = intake;
  const ssl = protocol === 'https:';
  const transport = new transports.Http({ host, port: Number(port) || (ssl ? 443 : 80), path, ssl, headers });
  return loggerTo(transport, exactly());
}

/** Without the `level` that winston adds, which is a field of neither OCSF nor ECS. */
const exactly = format((event) => {
  const { level: _level, ...rest } = event;
  return rest as typeof event;
});
// #endregion

type Transport = transports.ConsoleTransportInstance | transports.StreamTransportInstance;

function loggerTo(transport: object, shape: Logger['format']): Logger {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares its transports as interfaces
  return createLogger({ format: shape, transports: transport as Transport });
}
