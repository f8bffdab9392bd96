import type { TrailReport } from '../verifyTrail.js';
import { countText, numberText } from './cells.js';

/** The last record of a log that a known key or a checkpoint kept elsewhere vouches for, or 0 where there is none. */
export function vouchedUntil({ first, checkpoints }: TrailReport): number {
  const until = Math.max(checkpoints.signedUntil, checkpoints.keptUntil);
  return until < (first?.seq ?? 1) ? 0 : until;
}

/** What is proven of a log without a fault, and no more: `not changed up to record 2 of 4`. */
export function provenText(report: TrailReport): string {
  const [until, first, last] = [vouchedUntil(report), report.first?.seq ?? 1, report.last?.seq ?? 0];
  if (until === 0) return 'no change was found, and nobody vouches for any of it';
  const from = first === 1 ? '' : `from record ${numberText(first)} `;
  return `not changed ${from}up to record ${numberText(until)} of ${numberText(last)}`;
}

/** What is not proven of it: `records 3 and 4 are vouched for by nobody`. Nothing where all is. */
export function unprovenText(report: TrailReport): string | undefined {
  const [until, last] = [vouchedUntil(report), report.last?.seq ?? 0];
  if (until === 0 || report.unvouched === 0) return undefined;
  return `${recordsText(until + 1, last)} vouched for by nobody`;
}

/** What is proven neither way, since a checkpoint cannot vouch for its own record. Nothing where there is none. */
export function closingText(report: TrailReport): string | undefined {
  const last = report.last?.seq ?? 0;
  const what = report.closing === 1 ? 'a checkpoint' : 'checkpoints';
  return report.closing === 0 ? undefined : `${recordsText(last - report.closing + 1, last)} ${what} of the log itself`;
}

/** What somebody could have done unseen. */
export function doubtText(report: TrailReport): string {
  const { unvouched, checkpoints } = report;
  const [until, kept] = [vouchedUntil(report), checkpoints.keptUntil];
  const cut =
    kept === 0 ? 'the end may have been cut off' : `what came after record ${numberText(kept)} may have been cut off`;
  if (unvouched === 0) return cut;
  if (until === 0) return `all of it may have been written anew, and ${cut}`;
  if (until === kept) return `what came after record ${numberText(kept)} may have been changed or cut off`;
  return `what came after record ${numberText(until)} may have been changed, and ${cut}`;
}

/** Which checkpoints in the log a known key has signed. */
export function signedText({ checkpoints }: TrailReport, keys: boolean): string {
  const { found, verified, signedUntil } = checkpoints;
  if (!keys) return `${countText(found, 'checkpoint')} in the log; no signature was verified, as no keys were named`;
  if (verified === 0) return 'no checkpoint is signed by a known key';
  return `${countText(verified, 'checkpoint')} signed by a known key, the last at record ${numberText(signedUntil)}`;
}

/** How many checkpoints kept elsewhere were compared, of so many that were named, and at which record the newest. */
export function keptText({ last, checkpoints }: TrailReport, named: number): string {
  const { compared, keptUntil } = checkpoints;
  if (named === 0) return 'no checkpoint that was kept elsewhere was compared with it';
  const others = named - compared;
  const before = others === 0 ? '' : `, ${numberText(others)} about records before it`;
  const text = `${countText(compared, 'checkpoint')} kept elsewhere compared with it${before}`;
  if (compared === 0) return text;
  const rest = (last?.seq ?? 0) - keptUntil;
  const newest = `${compared === 1 ? '' : 'the last '}at record ${numberText(keptUntil)}`;
  return `${text}, ${newest}; ${rest === 0 ? 'no record' : countText(rest, 'record')} came after it`;
}

function recordsText(from: number, to: number): string {
  if (from === to) return `record ${numberText(from)} is`;
  return `records ${numberText(from)} ${to === from + 1 ? 'and' : 'to'} ${numberText(to)} are`;
}
