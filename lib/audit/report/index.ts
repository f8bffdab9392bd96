import { readTrail } from '../trailFiles.js';
import { verifyTrail, type TrailReport, type VerifyTrailOptions } from '../verifyTrail.js';
import { renderPage } from './page.js';
import { Tally } from './tally.js';

export interface AuditReportOptions extends VerifyTrailOptions {
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
}

/** One page for people, and what verification said. */
export interface AuditReport {
  /** HTML that needs nothing else: no script, no network. */
  readonly html: string;
  readonly report: TrailReport;
}

/**
 * Verifies a trail and tells about it on one page: who called what, what was denied and why, when, and whether the log
 * was changed. Reads the files twice and keeps figures only, so that a long log needs no more memory than a short one.
 * @throws {TypeError} when an option is not what it must be
 */
export async function auditReport({ now = () => new Date(), ...trail }: AuditReportOptions): Promise<AuditReport> {
  const report = await verifyTrail(trail);
  const tally = new Tally();
  for await (const { record } of readTrail(trail.files)) {
    // What was written since is not verified.
    if (report.ok && record.seq > (report.last?.seq ?? 0)) break;
    tally.add(record.event);
  }
  const { keys, files, checkpoints = [] } = trail;
  const verification = { report, keys: keys !== undefined, checkpoints: checkpoints.length };
  return { html: renderPage({ files, verification, tally, now: now() }), report };
}
