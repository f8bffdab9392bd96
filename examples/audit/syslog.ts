import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { Writable } from 'node:stream';

/** Facility "log audit" of RFC 5424 section 6.2.1, times eight. */
const FACILITY = 13 * 8;
const WARNING = 4;
const INFORMATIONAL = 6;

/** One message of RFC 5424. `-` stands for structured data: all of it is in the JSON. */
export function syslogLine({ level: _level, message: _message, ...event }: Record<string, unknown>): string {
  const { type, time, code } = event as { type?: string; time?: string; code?: string };
  const priority = FACILITY + (code === undefined ? INFORMATIONAL : WARNING);
  return `<${priority}>1 ${time ?? '-'} ${hostname()} mcp-etdi ${process.pid} ${type ?? '-'} - \ufeff${JSON.stringify(event)}`;
}

/**
 * Sends messages to a syslog server over TCP, each with its length in front (RFC 6587 section 3.4.1), so that no text in
 * one can begin another. Use `tls.connect` where the network is not yours. It connects with the first message.
 */
export function syslogStream(host: string, port: number): Writable {
  let socket: Socket | undefined;
  const stream = new Writable({
    decodeStrings: true,
    write(message: Buffer, _encoding, done) {
      socket ??= connect(port, host).on('error', (error) => stream.destroy(error));
      socket.write(Buffer.concat([Buffer.from(`${message.byteLength} `), message]), done);
    },
    final(done) {
      if (socket === undefined) {
        done();
        return;
      }
      socket.end();
      once(socket, 'close').then(() => {
        done();
      }, done);
    },
  });
  return stream;
}
