import { createHash, hash, type Hash } from 'node:crypto';
import type { TrailEvent } from '../events.js';
import { eventBytes, readLink, recordBytes, type Link } from '../line.js';
import type { TrailPlace, TrailReport } from '../verifyTrail.js';
import { ChainCheck } from './chainCheck.js';
import { isSigned, readCheckpoint } from './checkpoint.js';
import type { Evidence } from './evidence.js';
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
  readonly #evidence: Evidence;
  readonly #check: ChainCheck;
  readonly #counts = { found: 0, verified: 0, signedUntil: 0, recovered: 0 };
  #odd: Odd | undefined;
  #torn: TrailReport['torn'];
  #foreign = false;

  constructor(partial: boolean, evidence: Evidence) {
    this.#check = new ChainCheck(partial);
    this.#evidence = evidence;
  }

  async read(file: string, isLast: boolean): Promise<void> {
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

  report(files: readonly string[]): TrailReport {
    this.#explain(undefined);
    const check = this.#check;
    const { last, first } = check;
    this.#compareEnd(files.at(-1) ?? '');
    check.end();
    const { recovered, ...checkpoints } = this.#counts;
    const findings = [...check.findings, ...this.#evidence.findings];
    return {
      ok: findings.length === 0,
      findings,
      records: check.records,
      files: files.length,
      ...(first === undefined ? {} : { chain: first.chain, first: { seq: first.seq } }),
      ...(last === undefined ? {} : { last: { seq: last.link.seq, hash: last.link.hash } }),
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
      recovered,
      checkpoints,
    };
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
    if (!this.#check.take(bytes, link, place)) return undefined;
    this.#compare(link, place);
    return own?.type === 'trail_checkpoint' ? { jws: own.jws, link } : undefined;
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
    const { trust, kept } = this.#evidence;
    for (const { chain, hash: wanted } of kept.get(link.seq) ?? []) {
      if (chain === link.chain && wanted === link.hash) {
        if (trust !== undefined) this.#counts.signedUntil = Math.max(this.#counts.signedUntil, link.seq);
        continue;
      }
      this.#foreign ||= chain !== link.chain;
      const message = `a checkpoint names another record ${link.seq}: it, or some before it, were written anew`;
      this.#check.add('rewritten', link.seq, place, message);
    }
  }

  #compareEnd(file: string): void {
    const last = this.#check.last;
    const seq = last?.link.seq ?? 0;
    const place = { file: last?.file ?? file, line: last?.line ?? 0 };
    const beyond = [...this.#evidence.kept.entries()].filter(([known]) => known > seq);
    if (beyond.length === 0) return;
    const isOther = beyond.some(([, [one]]) => last !== undefined && one?.chain !== last.link.chain);
    if (isOther && !this.#foreign) {
      this.#check.add('rewritten', 1, place, 'a checkpoint is about another trail: all records were written anew');
    } else if (!isOther) {
      const until = Math.max(...beyond.map(([known]) => known));
      this.#check.add('truncated', seq + 1, place, `records ${seq + 1} to ${until}, or more, are gone from the end`);
    }
  }

  async #takeCheckpoint(jws: string, link: Link, place: TrailPlace): Promise<void> {
    const { trust } = this.#evidence;
    this.#counts.found += 1;
    const checkpoint = readCheckpoint(jws);
    const fits =
      checkpoint?.chain === link.chain &&
      checkpoint.seq < link.seq &&
      checkpoint.hash === this.#check.hashOf(checkpoint.seq);
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
