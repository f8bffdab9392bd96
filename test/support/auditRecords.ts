import { EventEmitter, once } from 'node:events';
import type { AuditRecord } from '../../lib/index.js';

/** A sink that keeps every record and can be waited for. */
export class AuditRecords {
  readonly list: AuditRecord[] = [];
  readonly #written = new EventEmitter();

  readonly sink = (record: AuditRecord): void => {
    this.list.push(record);
    this.#written.emit('record');
  };

  /** Resolves when so many records were written. */
  async reach(count: number): Promise<void> {
    while (this.list.length < count) await once(this.#written, 'record');
  }
}
