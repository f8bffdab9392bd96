import { walkTrail, type TrailReport, type VerifyTrailOptions } from '../verifyTrail.js';
import { comparedOf, keyIdOf, LogFacts } from './logFacts.js';
import { renderPage } from './page.js';
import { Tally } from './tally.js';
import type { Named } from './verifyCommand.js';

export interface AuditReportOptions extends VerifyTrailOptions {
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** How the log was named, so that the page can say how to verify it. Default: by its files alone. */
  readonly named?: Named;
  /** The version of this package. */
  readonly version?: string;
}

/** One page for people, and what verification said. */
export interface AuditReport {
  /** HTML that needs nothing else: no script, no network. */
  readonly html: string;
  readonly report: TrailReport;
}

/**
 * Verifies a trail and tells about it on one page: who called what, what was denied and why, when, and up to where it is
 * proven that the log was not changed. Reads the files once, so that what it tells is what was verified, and keeps figures
 * only, so that a long log needs no more memory than a short one.
 * @throws {TypeError} when an option is not what it must be
 */
export async function auditReport(options: AuditReportOptions): Promise<AuditReport> {
  const { now = () => new Date(), named, version, ...trail } = options;
  const { keys, files, checkpoints = [] } = trail;
  const [tally, facts] = [new Tally(), new LogFacts()];
  const report = await walkTrail(trail, (sealed) => {
    tally.add(sealed.record.event);
    facts.add(sealed);
  });
  const compared = comparedOf(report, checkpoints);
  const signed = report.ok && keys !== undefined;
  const keyIds = signed ? [...facts.keyIds, ...compared.map(({ jws }) => keyIdOf(jws))] : [];
  const html = renderPage({
    about: { report, files, facts, compared, version, keyIds: [...new Set(keyIds)].filter((id) => id !== undefined) },
    verification: { report, keys: keys !== undefined, checkpoints: checkpoints.length },
    tally,
    named: named ?? { files },
    now: now(),
  });
  return { html, report };
}
