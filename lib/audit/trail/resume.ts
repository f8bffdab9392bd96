import { hash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { eventBytes, readLink, recordBytes, type Link } from '../line.js';
import { trailFiles } from '../trailFiles.js';
import { AuditTrailError } from './error.js';
import { linesIn } from './lines.js';

const NOTHING = Buffer.alloc(0);
const POSIX = process.platform !== 'win32';
const READ = constants.O_RDONLY | (POSIX ? constants.O_NOFOLLOW | constants.O_NONBLOCK : 0);
const LF = 0x0a;
const PIECE = 64 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;
/** Where a line ends that was written to its end. */
const END = /,"seq":\d{1,16}\}\}$/;
const MOST_END = 32;

/** Where a trail goes on. */
export interface Resumed {
  /** The last record; nothing where there is none. */
  readonly last: Link | undefined;
  /** Whether the run before was closed: `trail_stopped`, or the checkpoint behind it, is the last record. */
  readonly clean: boolean;
  /** Half a line at the end of the file, or more of them where a crash came before the first could be recorded. */
  readonly torn: { readonly bytes: number; readonly digest: string } | undefined;
  /** Whether the file does not end in a line feed. */
  readonly unended: boolean;
  /** The file before the one that is written to, where that one is missing or has no record. */
  readonly before: string | undefined;
  /** How long the file is. */
  readonly bytes: number;
}

interface Tail {
  /** The last two that were written to their ends. */
  readonly lines: readonly Buffer[];
  /** What is behind them, without the last line feed. */
  readonly half: Buffer;
  /** What is behind the last line feed. */
  readonly rest: Buffer;
  readonly bytes: number;
}

/**
 * Finds the end of a trail.
 * @throws {AuditTrailError} `trail_unsafe`, `trail_changed`
 */
export async function resumeTrail(file: string): Promise<Resumed> {
  const files = await trailFiles(file);
  const active = files.at(-1) === file ? await readTail(file) : undefined;
  const full = files.filter((one) => one !== file).at(-1);
  const isNext = active !== undefined ? wholeRest(active.rest) : undefined;
  const own = lastOf(file, active, isNext);
  const last = own ?? (full === undefined ? undefined : lastOf(full, await readTail(full), undefined));
  const { rest = NOTHING, half = NOTHING, bytes = 0 } = active ?? {};
  return {
    last: last?.link,
    clean: last?.clean ?? false,
    torn: isNext === undefined ? tornOf(half) : undefined,
    unended: rest.length > 0,
    before: own === undefined ? full : undefined,
    bytes,
  };
}

function tornOf(rest: Buffer): Resumed['torn'] {
  return rest.length === 0 ? undefined : { bytes: rest.length, digest: hash('sha256', rest, 'hex') };
}

interface Last {
  readonly link: Link;
  readonly clean: boolean;
}

function lastOf(file: string, tail: Tail | undefined, next: Buffer | undefined): Last | undefined {
  const lines = [...(tail?.lines ?? []), ...(next === undefined ? [] : [next])];
  const line = lines.at(-1);
  if (line === undefined) return undefined;
  const link = wholeLink(line);
  if (link === undefined) {
    throw new AuditTrailError(
      'trail_changed',
      `the last record of '${file}' is not what was written; see 'mcp-etdi audit verify', then move the file away`,
    );
  }
  return { link, clean: lines.slice(-2).some(isStop) };
}

function isStop(line: Buffer): boolean {
  const link = readLink(line);
  return link !== undefined && eventBytes(line, link).includes('"type":"trail_stopped"');
}

function wholeRest(rest: Buffer): Buffer | undefined {
  return rest.length > 0 && wholeLink(rest) !== undefined ? rest : undefined;
}

function wholeLink(line: Buffer): Link | undefined {
  const link = readLink(line);
  return link?.hash === hash('sha256', recordBytes(line), 'hex') ? link : undefined;
}

/** The last two lines of a file, and what is behind them. */
async function readTail(path: string): Promise<Tail> {
  const file = await open(path, READ);
  try {
    const { size } = await assertPrivate(path, file);
    const end = await readEnd(file, size);
    const lastFeed = end.lastIndexOf(LF);
    const lines = linesIn(end);
    const whole = lines.slice(0, lines.findLastIndex((line) => !isHalf(line)) + 1);
    const halves = lines.slice(whole.length).reduce((sum, { length }) => sum + length + 1, 0);
    const rest = end.subarray(lastFeed + 1);
    const half = end.subarray(lastFeed + 1 - halves, rest.length > 0 ? end.length : Math.max(lastFeed, 0));
    return { lines: whole.slice(-2), half, rest, bytes: size };
  } finally {
    await file.close();
  }
}

/** An empty line is none: no crash leaves one. */
function isHalf(line: Buffer): boolean {
  return line.length > 0 && !END.test(line.toString('latin1', Math.max(0, line.length - MOST_END)));
}

async function assertPrivate(path: string, file: FileHandle): Promise<Stats> {
  const found = await file.stat();
  const { uid, mode } = found;
  if (!found.isFile()) throw unsafe(path, 'is not a file');
  if (POSIX && uid !== process.getuid?.()) throw unsafe(path, 'belongs to another user; run as its owner');
  if (POSIX && (mode & 0o077) !== 0) throw unsafe(path, 'is open to other users; run: chmod 600 on it');
  return found;
}

async function readEnd(file: FileHandle, size: number): Promise<Buffer> {
  for (let length = Math.min(size, PIECE); ; length = Math.min(size, length * 4)) {
    const end = Buffer.alloc(length);
    await file.read(end, 0, length, size - length);
    if (linesIn(end).length > 2 || length === size || length > MOST_BYTES) return end;
  }
}

function unsafe(path: string, problem: string): AuditTrailError {
  return new AuditTrailError('trail_unsafe', `'${path}' ${problem}`);
}
