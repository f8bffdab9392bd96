import { createSecretKey } from 'node:crypto';
import type { AuditContentMode } from '../lib/audit/content.js';
import { AUDIT_FORMATS, type AuditFormat } from '../lib/audit/formats/index.js';
import { latePlace } from '../lib/audit/latePlace.js';
import { openLoneSink } from '../lib/audit/loneSink.js';
import { ownDigestKey } from '../lib/audit/privacy.js';
import { auditHooks, type AuditLevel } from '../lib/audit/requestLog.js';
import { checkSink, type AuditErrorHandler, type AuditSink } from '../lib/audit/sink.js';
import { trailOf, type AuditTrail } from '../lib/audit/trail.js';
import type { Trail } from '../lib/audit/trail/trail.js';
import { Unavailable } from '../lib/denial.js';
import type { Middleware } from '../lib/middleware.js';
import { callback, flag, listOf, oneOf, optional, readOptions, type Check } from '../lib/options.js';
import { reportError } from '../lib/report.js';
import { tell } from '../lib/tell.js';
import type {} from './authenticate.js';
import type {} from './authorizeScopes.js';
import type {} from './verifySignature.js';

export interface AuditLogOptions {
  /** Where events go: a winston `Logger` as it is, anything else with `info(message, meta)`, a function, or several. */
  readonly sink?: AuditSink | readonly AuditSink[];
  /** What `openAuditTrail` gave: events go into its chain, and from there to its file and sinks. */
  readonly trail?: AuditTrail;
  /**
   * How much is written. `denials`: each denial at once, and the record of each request that was not allowed.
   * `requests`: the record of every request as well. `all`: also each proof, call and outcome. Default: `requests`.
   */
  readonly level?: AuditLevel;
  /** How much of the arguments of tools is recorded. Default: `redacted`. */
  readonly arguments?: AuditContentMode;
  /** How much of their results is recorded, at level `all`. Default: `redacted`. */
  readonly results?: AuditContentMode;
  /** The key of mode `digest`, 32 bytes or more. Default: a random one, so that digests compare within one process. */
  readonly digestKey?: Uint8Array;
  /** What `sink` gets. Default: `native`. */
  readonly format?: AuditFormat;
  /** What happens while the trail cannot be written. `deny`: 503. `continue`: requests are answered. Default: `continue`. */
  readonly onFailure?: 'deny' | 'continue';
  /** Whether each request is on the disk before its handler runs, and each denial before its answer. Takes `trail`. Default: false. */
  readonly writeAhead?: boolean;
  /**
   * Sees an event that `sink` could not write, and the first of those that it has no room for; and hears how many those
   * were. Also told once, with an error and no event, when the log is mounted behind checks whose denials it does not hear.
   * Default: one escaped line on standard error.
   */
  readonly onError?: AuditErrorHandler;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

const MODES: readonly AuditContentMode[] = ['none', 'keys', 'digest', 'redacted', 'full'];
const sinks: Check = (value) => (Array.isArray(value) ? listOf(checkSink, { least: 1 })(value) : checkSink(value));
const trails: Check = (value) => (trailOf(value) === undefined ? 'must be what openAuditTrail resolves to' : undefined);
const longKey: Check = (value) =>
  value instanceof Uint8Array && value.byteLength >= 32 ? undefined : 'must be a Uint8Array of 32 bytes or more';

/**
 * Writes each denial at once, and one record for each request when it is over: JSON, event stream, denied, crashed or
 * aborted.
 *
 * Mount it first, so that the verdicts of all others are in the record. It proves nothing, and denies nothing unless it
 * is told to where the log cannot be written. No token, cookie or other header is in a record, and of arguments only
 * what the options say.
 *
 * @throws {Unavailable} while the trail cannot be written, with `onFailure: 'deny'` or `writeAhead`
 * @throws {TypeError} when an option is not what it must be
 */
export function auditLog(options: AuditLogOptions): Middleware {
  const given = readOptions<AuditLogOptions>('auditLog', options, {
    sink: optional(sinks),
    trail: optional(trails),
    level: optional(oneOf('denials', 'requests', 'all')),
    arguments: optional(oneOf(...MODES)),
    results: optional(oneOf(...MODES)),
    digestKey: optional(longKey),
    format: optional(oneOf(...AUDIT_FORMATS)),
    onFailure: optional(oneOf('deny', 'continue')),
    writeAhead: optional(flag),
    onError: optional(callback),
    now: optional(callback),
  });
  const { level = 'requests', onFailure = 'continue', writeAhead = false, digestKey, now = systemTime } = given;
  const trail = trailOf(given.trail);
  assertPlaced(given, trail);
  const isStrict = onFailure === 'deny' || writeAhead;
  const privacy = {
    arguments: given.arguments ?? 'redacted',
    results: given.results ?? 'redacted',
    key: digestKey === undefined ? ownDigestKey() : createSecretKey(digestKey),
    // A trail writes them all.
    lazy: trail === undefined,
  };
  const ahead = writeAhead ? trail : undefined;
  const place = latePlace((error, { id }) => {
    if (given.onError === undefined) reportError(error, id);
    else tell(id, given.onError, error);
  });
  const hooks = auditHooks({
    put: putTo(given, trail),
    level,
    privacy,
    now,
    ...(ahead === undefined ? {} : { ahead }),
  });
  return {
    name: 'auditLog',
    needs: [],
    adds: [],
    run(ctx) {
      place.entered(ctx);
      // Node remembers the peer of a socket only when asked before it closes, and an aborted request is recorded after.
      // eslint-disable-next-line @typescript-eslint/no-meaningless-void-operator -- reading it is all there is to do
      void ctx.request.ip;
      if (isStrict && trail?.failing === true) throw new Unavailable('The audit log is unavailable');
      return {};
    },
    hooks: {
      ...hooks,
      decided(ctx, decision) {
        place.decided(ctx, decision);
        hooks.decided?.(ctx, decision);
      },
    },
  };
}

const systemTime = (): Date => new Date();

function assertPlaced({ sink, writeAhead, onFailure }: AuditLogOptions, trail: Trail | undefined): void {
  if (sink === undefined && trail === undefined) {
    throw new TypeError("auditLog: say where events go: 'sink', 'trail', or both");
  }
  if (trail === undefined && (writeAhead === true || onFailure === 'deny')) {
    const name = writeAhead === true ? "'writeAhead'" : "'onFailure'";
    throw new TypeError(`auditLog: ${name} takes a 'trail': what a sink has written nobody knows`);
  }
}

function putTo(
  { sink, onError, format, now = systemTime }: AuditLogOptions,
  trail: Trail | undefined,
): Parameters<typeof auditHooks>[0]['put'] {
  const list = sink === undefined ? [] : Array.isArray(sink) ? (sink as readonly AuditSink[]) : [sink as AuditSink];
  const puts = list.map((one, index) => openLoneSink(one, { onError, format, index, now }));
  const [first] = puts;
  if (trail === undefined && first !== undefined && puts.length === 1) return first;
  return (event) => {
    trail?.put(event);
    for (const put of puts) put(event);
  };
}
