import type { TrailFinding, TrailReport } from '../verifyTrail.js';
import { countText, numberText } from './cells.js';
import { html, type Html } from './html.js';

/** What a trail was verified with. */
export interface Verification {
  readonly report: TrailReport;
  /** Whether there were keys, and so signatures were verified. */
  readonly keys: boolean;
  /** Whether there was a checkpoint kept elsewhere. */
  readonly checkpoints: boolean;
}

const MOST_FINDINGS = 20;

/** Whether the log was changed, said first and in plain words. */
export function statusSection(verification: Verification): Html {
  const { report } = verification;
  if (!report.ok) return changed(report);
  if (report.records === 0) return EMPTY;
  const proven = verification.keys && verification.checkpoints;
  return html`<section class="status ${proven ? 'good' : 'hint'}">
    <h2>${proven ? 'This log was not changed' : 'No change was found'}</h2>
    <p>
      Each of the ${countText(report.records, 'record')} in ${countText(report.files, 'file')} has the hash it was
      written with, and its place right after the record before.
    </p>
    <ul>
      ${[...signatures(verification), ...missing(verification), ...crashes(report)].map((line) => html`<li>${line}</li>`)}
    </ul>
  </section>`;
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

function signatures({ keys, report }: Verification): readonly string[] {
  const { found, verified, signedUntil } = report.checkpoints;
  if (!keys) return [`${countText(found, 'checkpoint')} in the log; no signature was verified, as no keys were named.`];
  const rest = (report.last?.seq ?? 0) - signedUntil;
  const tail = rest > 0 ? ` ${countText(rest, 'record')} came after it.` : '';
  return verified === 0
    ? ['No checkpoint is signed yet, so whoever can write the file could have written all of it anew.']
    : [
        `${countText(verified, 'checkpoint')} signed by a known key, the last at record ${numberText(signedUntil)}.${tail}`,
      ];
}

function missing({ checkpoints, report }: Verification): readonly string[] {
  if (checkpoints)
    return ['It holds what the checkpoint that was kept elsewhere says, so its end was not cut off before that.'];
  const unseen = 'Without a checkpoint that was kept elsewhere nobody can see whether the end of the log was cut off';
  return [`${unseen}${report.checkpoints.verified === 0 ? ', or all of it was written anew' : ''}.`];
}

function crashes({ torn, recovered }: TrailReport): readonly string[] {
  const lines: string[] = [];
  if (torn !== undefined)
    lines.push(`The last line is half a line of ${countText(torn.bytes, 'byte')}, as a crash leaves it.`);
  if (recovered > 0) lines.push(`${countText(recovered, 'half line')} of earlier crashes, each recorded.`);
  return lines;
}
