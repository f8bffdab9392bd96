import type { TrailFinding, TrailReport } from '../verifyTrail.js';
import { countText, numberText } from './cells.js';
import { html, type Html } from './html.js';
import { closingText, doubtText, keptText, provenText, signedText, unprovenText, vouchedUntil } from './vouched.js';

/** What a trail was verified with, and what that said. */
export interface Verification {
  readonly report: TrailReport;
  /** Whether there were keys, and so signatures were verified. */
  readonly keys: boolean;
  /** How many checkpoints kept elsewhere there were. */
  readonly checkpoints: number;
}

const MOST_FINDINGS = 20;

/** Whether the log was changed, said first, in plain words, and no further than somebody vouches for it. */
export function statusSection(verification: Verification): Html {
  const { report } = verification;
  if (!report.ok) return changed(report);
  if (report.records === 0) return EMPTY;
  const title = [provenText(report), unprovenText(report)].filter((text) => text !== undefined);
  return html`<section class="status ${isProven(verification) ? 'good' : 'hint'}">
    <h2>${title.length === 1 ? capital(title[0]) : title.map(sentence).join(' ')}</h2>
    <p>
      Each of the ${countText(report.records, 'record')} in ${countText(report.files, 'file')} has the hash that it
      states, and names the one before. Whoever can write the file can make such hashes anew, but not a signature or a
      checkpoint that is kept elsewhere.
    </p>
    <ul>
      ${evidence(verification).map((line) => html`<li>${sentence(line)}</li>`)}
    </ul>
  </section>`;
}

/** A signed end alone may be an earlier one: nothing that was cut off behind it would show. */
function isProven({ report, keys }: Verification): boolean {
  const until = vouchedUntil(report);
  return keys && until > 0 && report.unvouched === 0 && report.checkpoints.keptUntil === until;
}

/** A log that was ever written to holds at least that. */
const EMPTY = html`<section class="status hint">
  <h2>Nothing is in this log</h2>
  <p>Whoever opens a log writes a first record. Without one, it was never used or it was emptied.</p>
</section>`;

function changed({ findings, records }: TrailReport): Html {
  const shown = findings.slice(0, MOST_FINDINGS);
  const more = findings.length - shown.length;
  return html`<section class="status bad">
    <h2>This log was changed, or is damaged</h2>
    <p>Figures below count the ${countText(records, 'record')} that can still be read. Do not rely on them.</p>
    <ul>
      ${shown.map(findingLine)}${more === 0 ? '' : html`<li>and ${countText(more, 'further finding')}</li>`}
    </ul>
  </section>`;
}

function findingLine({ fault, seq, file, line, message }: TrailFinding): Html {
  return html`<li>
    <strong>${fault.replace('_', ' ')}</strong>: ${message}
    <span class="soft">(<span class="name">${file}</span>, line ${numberText(line)}, record ${numberText(seq)})</span>
  </li>`;
}

function evidence({ report, keys, checkpoints }: Verification): readonly string[] {
  const { torn, recovered } = report;
  const lines = [
    closingText(report),
    signedText(report, keys),
    keptText(report, checkpoints),
    doubtText(report),
    torn === undefined
      ? undefined
      : `the last line is half a line of ${countText(torn.bytes, 'byte')}, left by a crash`,
    recovered === 0 ? undefined : `${countText(recovered, 'half line')} of earlier crashes, each recorded`,
  ];
  return lines.filter((line) => line !== undefined);
}

function sentence(text: string): string {
  return `${capital(text)}.`;
}

function capital(text = ''): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
