import { LINE_BYTES, writeLine } from '../line.js';

const BYTES = 256 * 1024;
/** What one UTF-16 unit takes at most. */
const UNIT_BYTES = 3;

/** Lines that wait for a file, as the bytes that will be in it: added at the end while what is before is written. */
export class Page {
  /** The number of its last record. */
  last = 0;
  /** Whether the next record belongs to another file. */
  endsFile = false;
  #bytes: Buffer;
  #used = 0;
  #written = 0;

  /** @param record what it must have room for, at least */
  constructor(record = '') {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(BYTES, LINE_BYTES + Buffer.byteLength(record)));
  }

  hasRoomFor(record: string): boolean {
    const room = this.#bytes.length - this.#used - LINE_BYTES;
    return record.length * UNIT_BYTES <= room || Buffer.byteLength(record) <= room;
  }

  /** Adds a line. Gives the hash of the record, and how long the line is. */
  add(seq: number, record: string): { readonly hash: string; readonly length: number } {
    const line = writeLine(record, this.#bytes, this.#used);
    this.#used += line.length;
    this.last = seq;
    return line;
  }

  /** What was added and not written. */
  get rest(): Buffer {
    return this.#bytes.subarray(this.#written, this.#used);
  }

  wrote(bytes: number): void {
    this.#written += bytes;
    if (this.#written < this.#used) return;
    this.#written = this.#used = 0;
    // One long record does not hold its memory for ever.
    if (this.#bytes.length > BYTES) this.#bytes = Buffer.allocUnsafeSlow(BYTES);
  }
}
