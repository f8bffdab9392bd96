import { tell } from '../tell.js';
import type { AuditEvent } from './events.js';
import { openSink, reportLost, type AuditSink, type SinkOptions } from './sink.js';
import { Losses } from './trail/losses.js';

/** How often is looked whether a sink has room again while no event comes, in milliseconds. */
const LOOK_MS = 1000;

export interface LoneSinkOptions extends Omit<SinkOptions, 'onLost'> {
  /** Its place among the sinks, counted from 0. Default: 0. */
  readonly index?: number;
  readonly now: () => Date;
}

/**
 * Opens a sink that no trail stands behind. What it has no room for is nowhere else: that is told, and once there is room
 * again, the sink itself gets a record of how much it was.
 */
export function openLoneSink(sink: AuditSink, options: LoneSinkOptions): (event: AuditEvent) => void {
  const { onError = reportLost, index = 0, now, ...others } = options;
  const losses = new Losses(now);
  let looking: NodeJS.Timeout | undefined;

  const onLost: SinkOptions['onLost'] = (reason, event) => {
    // A failure is told already, with its error.
    if (reason === 'sink_failed') return;
    const isFirst = losses.isEmpty;
    losses.add(reason, index);
    if (!isFirst) return;
    looking ??= setInterval(recordLosses, LOOK_MS).unref();
    const error = new Error('the sink has no room: events are left out until it has');
    tell(event.id ?? event.type, onError, error, event);
  };
  const { put, hasRoom } = openSink(sink, { ...others, onError, onLost });

  function recordLosses(): void {
    if (!hasRoom()) return;
    for (const loss of losses.take()) {
      const error = new Error(`events left out since ${loss.since}, when the sink had no room: ${loss.lost}`);
      tell('trail_gap', onError, error);
      put(Object.freeze({ v: 1, time: now().toISOString(), type: 'trail_gap', ...loss }));
    }
    if (!losses.isEmpty) return;
    clearInterval(looking);
    looking = undefined;
  }

  return (event) => {
    if (!losses.isEmpty) recordLosses();
    put(event);
  };
}
