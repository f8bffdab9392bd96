import type { Checkpoint } from '../line.js';
import type { TrailReport } from '../verifyTrail.js';
import { countText, numberText, timeText } from './cells.js';
import { textOfType } from './entry.js';
import { html, type Content, type Html } from './html.js';
import type { Configuration, Landmark, LogFacts } from './logFacts.js';
import { name } from './names.js';

/** What ties a page to a log. */
export interface About {
  readonly report: TrailReport;
  readonly files: readonly string[];
  readonly facts: LogFacts;
  /** The thumbprints of the keys that have signed a checkpoint which was verified. */
  readonly keyIds: readonly string[];
  /** The checkpoints kept elsewhere that were compared, newest first. */
  readonly compared: readonly Checkpoint[];
  /** The version of this package. */
  readonly version: string | undefined;
}

const MOST = 20;

/** Which log, verified with what, and what was in force: so that the page can be held against the log. */
export function aboutSection({ report, files, facts, keyIds, compared, version }: About): Html {
  const rows: readonly (readonly [string, Content])[] = [
    ['Files', list(files.map(name))],
    ['Chain', report.chain === undefined ? 'none' : name(report.chain)],
    ['First record', landmark(facts.first)],
    ['Last record', landmark(facts.last)],
    ['Keys that verified', keyIds.length === 0 ? 'none' : list(keyIds.map(name))],
    ['Kept checkpoints compared', keptContent(report, compared)],
    ['Written by', version === undefined ? 'mcp-etdi' : `mcp-etdi ${version}`],
  ];
  return html`<section>
    <h2>This page is about</h2>
    <dl class="about">
      ${rows.map(
        ([title, content]) =>
          html`<div>
            <dt>${title}</dt>
            <dd>${content}</dd>
          </div>`,
      )}
    </dl>
    ${configurations(facts)}
  </section>`;
}

function landmark(record: Landmark | undefined): Content {
  if (record === undefined) return 'none';
  return html`record ${numberText(record.seq)}, ${timeText(record.time)} UTC, hash ${name(record.hash)}`;
}

/** Of a log with a fault nobody can say which of them it still holds. */
function keptContent({ ok }: TrailReport, compared: readonly Checkpoint[]): Content {
  if (!ok) return 'see above: the log is not what was written';
  if (compared.length === 0) return 'none';
  return list(compared.map(({ seq, time }) => html`record ${numberText(seq)}, made ${timeText(Date.parse(time))} UTC`));
}

function list(items: readonly Html[]): Content {
  const more = items.length - MOST;
  const shown = items.slice(0, MOST).map((item) => html`<div>${item}</div>`);
  return more > 0 ? [shown, html`<div class="soft">and ${countText(more, 'further one')}</div>`] : shown;
}

function configurations({ configurations: found }: LogFacts): Content {
  const shown = found.list();
  if (shown.length === 0) return html`<p class="soft">No configuration is in the log.</p>`;
  const lost = found.count - shown.length;
  const before = lost === 0 ? '' : html`<p class="soft">${countText(lost, 'earlier configuration')} not shown.</p>`;
  return [shown.map(configuration), before];
}

function configuration({ time, type, component, actor, settings }: Configuration): Html {
  const who = actor === '' ? '' : html` by ${actor}`;
  return html`<details>
    <summary>${textOfType(type)}: ${name(component)}${who}, ${timeText(time)} UTC</summary>
    <ul>
      ${settings.length === 0 ? html`<li>no settings</li>` : settings.map(setting)}
    </ul>
  </details>`;
}

function setting([title, value]: readonly [string, string]): Html {
  return html`<li>${name(title)}: ${name(value)}</li>`;
}
