import { createHash, hash, type Hash } from 'node:crypto';
import type { TrailEvent } from '../events.js';
import {
  eventBytes,
  readLink,
  readRecord,
  recordBytes,
  type Checkpoint,
  type Link,
  type SealedRecord,
} from '../line.js';
import type { TrailPlace, TrailReport } from '../verifyTrail.js';
import { ChainCheck, type Seen } from './chainCheck.js';
import { isSigned, readCheckpoint } from './checkpoint.js';
import type { Evidence } from './evidence.js';
import { Findings } from './findings.js';
import { readLines } from './lines.js';

/** Lines in a row that are no records, which the record behind them may explain. */
interface Odd {
  readonly places: TrailPlace[];
  readonly digest: Hash;
  bytes: number;
}

/** How many are kept until then: more than crashes leave. */
const MOST_ODD = 16;
const OWN = Buffer.from('"type":"trail_');

/** Reads the files of a trail and compares them with what is known from elsewhere. */
export class TrailWalk {
  readonly #files: readonly string[];
  readonly #evidence: Evidence;
  readonly #findings: Findings;
  readonly #check: ChainCheck;
  readonly #onRecord: ((record: SealedRecord) => void) | undefined;
  readonly #counts = { found: 0, verified: 0, signedUntil: 0, keptUntil: 0, recovered: 0 };
  /** The checkpoints kept elsewhere whose record was there, be it the same or not. */
  readonly #compared = new Set<Checkpoint>();
  /** How many of the last records are the trail's own checkpoints. */
  #closing = 0;
  #odd: Odd | undefined;
  #torn: TrailReport['torn'];
  #isForeign = false;

  constructor(
    files: readonly string[],
    partial: boolean,
    evidence: Evidence,
    onRecord: ((record: SealedRecord) => void) | undefined,
  ) {
    this.#files = files;
    this.#onRecord = onRecord;
    this.#evidence = evidence;
    this.#findings = new Findings(files);
    this.#check = new ChainCheck(partial, this.#findings);
  }

  /** Reads all files, oldest first. */
  async run(): Promise<TrailReport> {
    for (const [index, file] of this.#files.entries()) await this.#read(file, index === this.#files.length - 1);
    this.#explain(undefined);
    this.#compareRest();
    this.#check.end();
    for (const finding of this.#evidence.findings) this.#findings.add(finding);
    return this.#report();
  }

  async #read(file: string, isLast: boolean): Promise<void> {
    let line = 0;
    for await (const { lines, rest = NOTHING } of readLines(file)) {
      for (const bytes of lines) {
        line += 1;
        const place = { file, line };
        const checkpoint = this.#take(bytes, place);
        if (checkpoint !== undefined) await this.#takeCheckpoint(checkpoint.jws, checkpoint.link, place);
      }
      if (rest.length > 0) this.#takeRest(rest, { file, line: line + 1 }, isLast);
    }
  }

  #report(): TrailReport {
    const { last, first, records } = this.#check;
    const { recovered, ...checkpoints } = this.#counts;
    const findings = this.#findings.list();
    const { unvouched, closing } = this.#countEnd();
    return {
      ok: findings.length === 0,
      findings,
      records,
      files: this.#files.length,
      ...(first === undefined ? {} : { chain: first.link.chain, first: { seq: first.link.seq } }),
      ...(last === undefined ? {} : { last: { seq: last.link.seq, hash: last.link.hash } }),
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
      recovered,
      unvouched,
      closing,
      checkpoints: { ...checkpoints, compared: this.#compared.size },
    };
  }

  /** A checkpoint cannot vouch for the record that it stands in, so that one of those is always the last. */
  #countEnd(): Pick<TrailReport, 'unvouched' | 'closing'> {
    const { first, last } = this.#check;
    if (first === undefined || last === undefined) return { unvouched: 0, closing: 0 };
    const { signedUntil, keptUntil } = this.#counts;
    const vouched = Math.max(signedUntil, keptUntil, first.link.seq - 1);
    const rest = last.link.seq - vouched;
    const isClosed = vouched >= first.link.seq && rest <= this.#closing;
    return isClosed ? { unvouched: 0, closing: rest } : { unvouched: rest, closing: 0 };
  }

  /** Gives the signature of a checkpoint, where the line is one. */
  #take(bytes: Buffer, place: TrailPlace): { readonly jws: string; readonly link: Link } | undefined {
    const link = readLink(bytes);
    if (link === undefined) {
      this.#keepOdd(bytes, place);
      return undefined;
    }
    const own = bytes.includes(OWN) ? ownEvent(bytes, link) : undefined;
    this.#explain(own);
    if (this.#onRecord !== undefined) this.#show(bytes);
    if (!this.#check.take(bytes, link, place)) return undefined;
    this.#compare(link, place);
    this.#closing = own?.type === 'trail_checkpoint' ? this.#closing + 1 : 0;
    return own?.type === 'trail_checkpoint' ? { jws: own.jws, link } : undefined;
  }

  #show(bytes: Buffer): void {
    const record = readRecord(bytes);
    if (record !== undefined) this.#onRecord?.(record);
  }

  /** Half a line, or one whose line feed alone is missing. */
  #takeRest(rest: Buffer, place: TrailPlace, isLast: boolean): void {
    const link = readLink(rest);
    const isWhole = link?.hash === hash('sha256', recordBytes(rest), 'hex');
    if (isWhole || !isLast) this.#take(rest, place);
    else this.#torn = { ...place, bytes: rest.length };
  }

  #keepOdd(bytes: Buffer, place: TrailPlace): void {
    if (this.#odd !== undefined && this.#odd.places.length >= MOST_ODD) this.#explain(undefined);
    const odd = (this.#odd ??= { places: [], digest: createHash('sha256'), bytes: -1 });
    if (odd.places.length > 0) odd.digest.update('\n');
    odd.digest.update(bytes);
    odd.bytes += bytes.length + 1;
    odd.places.push(place);
  }

  /** Lines that are no records are the torn end of a run, where the next record says so, and else a fault. */
  #explain(next: TrailEvent | undefined): void {
    const odd = this.#odd;
    if (odd === undefined) return;
    this.#odd = undefined;
    const isKnown =
      next?.type === 'trail_recovered' && next.bytes === odd.bytes && next.digest === odd.digest.digest('hex');
    if (isKnown) this.#counts.recovered += 1;
    else for (const place of odd.places) this.#check.malformed(place);
  }

  #compare(link: Link, place: TrailPlace): void {
    for (const checkpoint of this.#evidence.kept.get(link.seq) ?? []) {
      this.#compared.add(checkpoint);
      if (checkpoint.chain === link.chain && checkpoint.hash === link.hash) {
        this.#counts.keptUntil = Math.max(this.#counts.keptUntil, link.seq);
        continue;
      }
      this.#isForeign ||= checkpoint.chain !== link.chain;
      const message = `a checkpoint names another record ${link.seq}: it, or some before it, were written anew`;
      this.#check.add('rewritten', link.seq, place, message);
    }
  }

  /** Checkpoints that are about no record that was read. */
  #compareRest(): void {
    const rest = [...this.#evidence.kept.values()].flat().filter((one) => !this.#compared.has(one));
    const { first } = this.#check;
    const own = rest.filter(({ chain }) => first === undefined || chain === first.link.chain);
    if (first !== undefined) {
      if (own.length < rest.length) this.#addForeign(first);
      for (const one of own) if (one.seq === first.link.seq - 1) this.#compareBefore(one, first);
    }
    this.#compareEnd(own.reduce((until, { seq }) => Math.max(until, seq), 0));
  }

  #addForeign(first: Seen): void {
    // Where a record was compared with one of them, it has been said there.
    if (this.#isForeign) return;
    const message = 'a checkpoint is about another trail: all records were written anew';
    this.#check.add('rewritten', first.link.seq, first, message);
  }

  /** The record before the first is not there, but its hash is, in the first. */
  #compareBefore(checkpoint: Checkpoint, first: Seen): void {
    this.#compared.add(checkpoint);
    const { seq, prev } = first.link;
    if (checkpoint.hash === prev) {
      this.#counts.keptUntil = Math.max(this.#counts.keptUntil, checkpoint.seq);
      return;
    }
    const message = `a checkpoint names another record before record ${seq}: it, and those behind it, were written anew`;
    this.#check.add('rewritten', seq, first, message);
  }

  #compareEnd(until: number): void {
    const { last } = this.#check;
    const seq = last?.link.seq ?? 0;
    if (until <= seq) return;
    const place = last ?? { file: this.#files.at(-1) ?? '', line: 0 };
    this.#check.add('truncated', seq + 1, place, `records ${seq + 1} to ${until}, or more, are gone from the end`);
  }

  async #takeCheckpoint(jws: string, link: Link, place: TrailPlace): Promise<void> {
    const { trust } = this.#evidence;
    this.#counts.found += 1;
    const checkpoint = readCheckpoint(jws);
    const fits =
      checkpoint?.chain === link.chain &&
      checkpoint.seq < link.seq &&
      (this.#check.isOutOfSight(checkpoint.seq) || checkpoint.hash === this.#check.hashOf(checkpoint.seq));
    if (!fits || (trust !== undefined && !(await isSigned(checkpoint, trust)))) {
      const message = `the checkpoint in record ${link.seq} is not signed by a known key, or not about a record before it`;
      this.#check.add('checkpoint_invalid', link.seq, place, message);
      return;
    }
    if (trust === undefined) return;
    this.#counts.verified += 1;
    this.#counts.signedUntil = Math.max(this.#counts.signedUntil, checkpoint.seq);
  }
}

const NOTHING = Buffer.alloc(0);

/** The event of a line, where the trail itself is what it is about. */
function ownEvent(bytes: Buffer, link: Link): TrailEvent | undefined {
  try {
    const event = JSON.parse(eventBytes(bytes, link).toString()) as TrailEvent;
    return event.type.startsWith('trail_') ? event : undefined;
  } catch {
    return undefined;
  }
}
