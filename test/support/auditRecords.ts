import { EventEmitter, once } from 'node:events';
import type { AuditEvent, AuditRecord } from '../../lib/index.js';

/** A sink that keeps what it gets and can be waited for. */
export class AuditRecords {
  /** The records of requests that are over. */
  readonly list: AuditRecord[] = [];
  /** Everything, in order. */
  readonly events: AuditEvent[] = [];
  readonly #written = new EventEmitter();

  readonly sink = (event: AuditEvent): void => {
    this.events.push(event);
    if (event.type !== 'request') return;
    this.list.push(event);
    this.#written.emit('record');
  };

  /** Resolves when so many requests were recorded. */
  async reach(count: number): Promise<void> {
    while (this.list.length < count) await once(this.#written, 'record');
  }
}
