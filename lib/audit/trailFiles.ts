import { readdir } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import { readRecord } from './line.js';
import { readLines } from './trail/lines.js';
import type { PlacedRecord, TrailPlace } from './verifyTrail.js';

/** How many digits the number of a record has in the name of a file that is full. */
const DIGITS = 16;

/** The name that a file gets once it is full: that of its last record, so that names sort as records do. */
export function fullName(file: string, lastSeq: number): string {
  const { dir, name, ext } = parse(file);
  return join(dir, `${name}.${String(lastSeq).padStart(DIGITS, '0')}${ext}`);
}

/** The files of a trail that are there, oldest first; the one that is written to is the last. */
export async function trailFiles(file: string): Promise<readonly string[]> {
  const { name, ext } = parse(file);
  const entries = await readdir(dirname(file));
  const isFull = (entry: string): boolean =>
    entry.startsWith(`${name}.`) &&
    entry.endsWith(ext) &&
    FULL.test(entry.slice(name.length, entry.length - ext.length));
  const full = entries.filter(isFull).sort();
  return [...full, ...entries.filter((entry) => entry === basename(file))].map((entry) => join(dirname(file), entry));
}

const FULL = /^\.\d{16}$/;

/** The records of a trail, unverified, with their places. What is no record is left out. */
export async function* readTrail(files: readonly string[]): AsyncGenerator<PlacedRecord> {
  for (const file of files) {
    let number = 0;
    for await (const { lines, rest } of readLines(file)) {
      const all = rest === undefined ? lines : [...lines, rest];
      yield* all.flatMap((line, index) => parseLine(line, { file, line: number + index + 1 }));
      number += lines.length;
    }
  }
}

function parseLine(line: Buffer, place: TrailPlace): readonly PlacedRecord[] {
  const record = readRecord(line);
  return record === undefined ? [] : [{ ...record, ...place }];
}
