import { open, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

const CHUNK = 64 * 1024;
const LF = 0x0a;
/** No record is longer. */
const MOST_BYTES = 16 * 1024 * 1024;
const POLL_MS = 250;

/**
 * The lines of a file from the beginning on, and nothing each time the end is reached. With a signal it goes on until
 * that is aborted, also in the file that takes the place of a full one. Half a line is no line yet.
 */
export async function* linesOf(path: string, follow?: AbortSignal): AsyncGenerator<string | undefined> {
  let reader = new Reader(await open(path, 'r'));
  try {
    for (;;) {
      yield* reader.lines();
      yield undefined;
      if (follow === undefined || follow.aborted) return;
      if (await reader.isReplaced(path)) {
        // What was written between the last look and the change.
        yield* reader.lines();
        await reader.close();
        reader = new Reader(await open(path, 'r'));
      } else {
        await wait(POLL_MS, undefined, { signal: follow }).catch(() => undefined);
      }
    }
  } finally {
    await reader.close();
  }
}

class Reader {
  readonly #file: FileHandle;
  #offset = 0;
  #kept: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** The lines up to the present end. */
  async *lines(): AsyncGenerator<string> {
    for (;;) {
      const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const bytes = Buffer.concat([this.#kept, buffer.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(LF);
      this.#kept = bytes.length - end > MOST_BYTES ? Buffer.alloc(0) : bytes.subarray(end + 1);
      if (end >= 0) yield* bytes.toString('utf8', 0, end).split('\n');
    }
  }

  /** Whether another file has that name by now, or this one was cut. */
  async isReplaced(path: string): Promise<boolean> {
    const [now, mine] = await Promise.all([stat(path).catch(() => undefined), this.#file.stat()]);
    return now !== undefined && (now.ino !== mine.ino || now.dev !== mine.dev || now.size < this.#offset);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
