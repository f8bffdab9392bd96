import { open } from 'node:fs/promises';

const LF = 0x0a;
const CHUNK = 256 * 1024;
/** No record is longer. What is, is read in pieces of this length, none of which is a record. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Lines without their line feeds, as they come from a file. */
export interface Lines {
  readonly lines: readonly Buffer[];
  /** What is behind the last line feed of the file. Only the last of all has one, and it may be empty. */
  readonly rest?: Buffer;
}

/** Reads a file line by line, many lines at a time. */
export async function* readLines(path: string): AsyncGenerator<Lines> {
  const file = await open(path, 'r');
  try {
    let kept: Buffer = Buffer.alloc(0);
    for (;;) {
      const buffer = Buffer.allocUnsafe(kept.length + CHUNK);
      kept.copy(buffer);
      const { bytesRead } = await file.read(buffer, kept.length, CHUNK);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, kept.length + bytesRead);
      const lines = linesIn(bytes);
      const end = bytes.lastIndexOf(LF) + 1;
      kept = bytes.subarray(end);
      if (kept.length > MOST_BYTES) {
        lines.push(kept);
        kept = Buffer.alloc(0);
      }
      yield { lines };
    }
    yield { lines: [], rest: kept };
  } finally {
    await file.close();
  }
}

/** The lines that end in these bytes, without their line feeds. */
export function linesIn(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, from)) {
    lines.push(bytes.subarray(from, at));
    from = at + 1;
  }
  return lines;
}
