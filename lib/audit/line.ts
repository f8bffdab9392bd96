import { hash } from 'node:crypto';
import type { AuditEvent } from './events.js';

/**
 * A record of a trail: an event and its place in the chain. Its RFC 8785 form is what is stored and hashed:
 * `{"chain":"...","event":{...},"prev":"...","seq":1}`.
 */
export interface TrailRecord {
  /** Names the trail: a random UUID, made with its first record. */
  readonly chain: string;
  readonly event: AuditEvent;
  /** The `hash` of the record before, of the file before too. 64 zeros for the first. */
  readonly prev: string;
  /** Counts from 1 without a gap, across files and restarts. */
  readonly seq: number;
}

/** One line of a trail: `{"hash":"...","record":...}` and a line feed. */
export interface SealedRecord {
  /** SHA-256 of the stored bytes of `record`, lower-case hex. */
  readonly hash: string;
  readonly record: TrailRecord;
}

/** What a checkpoint says: the trail had this record, and so all before it. Kept elsewhere, it shows what was cut off. */
export interface Checkpoint {
  readonly chain: string;
  readonly seq: number;
  /** The `hash` of record `seq`. */
  readonly hash: string;
  /** RFC 3339. */
  readonly time: string;
  /** Compact JWS (RFC 7515) of `typ` `etdi-checkpoint+jws`. Its payload is the RFC 8785 form of the members above. */
  readonly jws: string;
}

/** `prev` of the first record of a trail. */
export const GENESIS: string = '0'.repeat(64);

/** The place of a record in the chain, as the fixed parts of its line show it. */
export interface Link {
  readonly hash: string;
  readonly chain: string;
  readonly prev: string;
  readonly seq: number;
}

const HEAD = '{"hash":"';
const RECORD = '","record":';
const CHAIN = '{"chain":"';
const EVENT = '","event":';
const HASH = 64;
const UUID = 36;
/** Where the record begins in a line. */
const RECORD_AT = HEAD.length + HASH + RECORD.length;
const EVENT_AT = RECORD_AT + CHAIN.length + UUID + EVENT.length;
/** `,"prev":"<64>","seq":<up to 16>}}` */
const MOST_TAIL = 9 + HASH + 8 + 16 + 2;
/** How long a line is, its line feed included, but for its record. */
export const LINE_BYTES: number = RECORD_AT + 2;
const TAIL = /,"prev":"([0-9a-f]{64})","seq":([1-9]\d{0,15})\}\}$/;
const START = /^\{"hash":"([0-9a-f]{64})","record":\{"chain":"([0-9a-f-]{36})","event":\{$/;

/** The stored form of a record. `event` is in its RFC 8785 form already. */
export function recordText(chain: string, event: string, prev: string, seq: number): string {
  return `${CHAIN}${chain}${EVENT}${event},"prev":"${prev}","seq":${seq}}`;
}

/** A line without its line feed. */
export function lineText(hash: string, record: string): string {
  return `${HEAD}${hash}${RECORD}${record}}`;
}

/**
 * Writes the line of a record into a buffer, its line feed included: what is hashed are the very bytes that are stored.
 * Gives the hash, and how long the line is.
 */
export function writeLine(
  record: string,
  into: Buffer,
  at: number,
): { readonly hash: string; readonly length: number } {
  const length = into.write(`${lineText(GENESIS, record)}\n`, at);
  const digest = hash('sha256', into.subarray(at + RECORD_AT, at + length - 2), 'hex');
  into.write(digest, at + HEAD.length);
  return { hash: digest, length };
}

/** The bytes of a line that its hash is over. */
export function recordBytes(line: Buffer): Buffer {
  return line.subarray(RECORD_AT, line.length - 1);
}

/** Reads the place of a record off its line, without parsing the event. Nothing where that is no line of a trail. */
export function readLink(line: Buffer): Link | undefined {
  if (line.length < EVENT_AT + 2) return undefined;
  const start = START.exec(line.toString('latin1', 0, EVENT_AT + 1));
  const tail = TAIL.exec(line.toString('latin1', Math.max(EVENT_AT, line.length - MOST_TAIL)));
  if (start === null || tail === null) return undefined;
  const [, hash = '', chain = ''] = start;
  const [, prev = '', seq = ''] = tail;
  return { hash, chain, prev, seq: Number(seq) };
}

/** Reads a line. Nothing where that is no line of a trail, or no JSON. */
export function readRecord(line: Buffer): SealedRecord | undefined {
  if (readLink(line) === undefined) return undefined;
  try {
    return JSON.parse(line.toString()) as SealedRecord;
  } catch {
    return undefined;
  }
}

/** The bytes of the event in a line that `readLink` can read. */
export function eventBytes(line: Buffer, { seq }: Link): Buffer {
  const tail = 9 + HASH + 8 + String(seq).length + 2;
  return line.subarray(EVENT_AT, line.length - tail);
}
