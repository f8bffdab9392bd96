import { describeRequest } from '../lib/audit/describe.js';
import { checkSink, openSink, type AuditErrorHandler, type AuditSink } from '../lib/audit/sink.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, optional, readOptions } from '../lib/options.js';
import type {} from './authenticate.js';
import type {} from './authorizeScopes.js';
import type {} from './verifySignature.js';

export interface AuditLogOptions {
  /** Where the records go: a winston `Logger` as it is, anything else with `info(message, meta)`, or a function. */
  readonly sink: AuditSink;
  /** Sees a record that could not be written. Default: one escaped line on standard error. */
  readonly onError?: AuditErrorHandler;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/**
 * Writes exactly one record for each request, when it is over: JSON, event stream, denied, crashed or aborted.
 *
 * Mount it first, so that the verdicts of all others are in the record. It proves nothing and denies nothing; it reads
 * no body and holds no response. A record holds no token, header, cookie, query, argument or result.
 *
 * @throws {TypeError} when an option is not what it must be
 */
export function auditLog(options: AuditLogOptions): Middleware {
  const {
    sink,
    onError,
    now = () => new Date(),
  } = readOptions<AuditLogOptions>('auditLog', options, {
    sink: checkSink,
    onError: optional(callback),
    now: optional(callback),
  });
  const write = openSink(sink, onError);
  return {
    name: 'auditLog',
    needs: [],
    adds: [],
    run({ request }) {
      // Node remembers the peer of a socket only when asked before it closes, and an aborted request is recorded after.
      // eslint-disable-next-line @typescript-eslint/no-meaningless-void-operator -- reading it is all there is to do
      void request.ip;
      return {};
    },
    hooks: {
      settled(ctx, outcome) {
        write(describeRequest(ctx, outcome, now(), ctx.state));
      },
    },
  };
}
