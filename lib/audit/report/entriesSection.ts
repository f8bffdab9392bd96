import type { Group } from './bounded.js';
import { cell, countText, figure, numberText, timeText } from './cells.js';
import { denialText, textOfType, type Entry } from './entry.js';
import { html, type Content, type Html } from './html.js';
import { callerName, name, targetName } from './names.js';
import type { Tally } from './tally.js';

/** How many rows there are at the most. No caller has more than ten of them. */
const MOST_ROWS = 50;

/** The last requests that were denied, the newest first. */
export function denialsSection({ denials }: Tally): Html | undefined {
  if (denials.count === 0) return undefined;
  const rows = denials.list().slice(0, MOST_ROWS);
  return html`<section>
    <h2>Latest denials</h2>
    <p class="soft">
      ${shownText(rows, denials.count)} Those of one caller for one reason are one row, about the last of them.
    </p>
    <div class="wide">
      <table class="cards">
        <thead>
          <tr>
            <th>Last (UTC)</th>
            <th class="n">Times</th>
            <th>Caller</th>
            <th>From</th>
            <th>What</th>
            <th>Reason</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(denialRow)}
        </tbody>
      </table>
    </div>
  </section>`;
}

function shownText(rows: readonly Group<Entry>[], all: number): string {
  const shown = rows.reduce((sum, { count }) => sum + count, 0);
  return shown < all ? `${numberText(shown)} of ${numberText(all)}.` : 'All of them.';
}

function denialRow({ item, count }: Group<Entry>): Html {
  const { time, caller, ip, targets, missing } = item;
  const what = targets.slice(0, 3).map((target) => html`<div>${targetName(target)}</div>`);
  const more =
    targets.length > 3 ? html`<div class="soft">and ${countText(targets.length - 3, 'further message')}</div>` : '';
  const lacks = missing.length === 0 ? '' : html`<div class="soft">missing: ${missing.join(', ')}</div>`;
  const cells: readonly Content[] = [
    cell('Last', timeText(time), 'time'),
    figure('Times', count),
    cell('Caller', callerName(caller)),
    cell('From', name(ip)),
    cell('What', html`<div>${what}${more}</div>`),
    cell('Reason', html`<div><code>${denialText(item)}</code>${lacks}</div>`),
  ];
  return html`<tr>
    ${cells}
  </tr>`;
}

/** How many are seen at once. The others are folded. */
const MOST_OPEN = 10;

/** What somebody should look at, the newest first. */
export function notableSection({ notable }: Tally): Html | undefined {
  if (notable.count === 0) return undefined;
  const rows = notable.list().slice(0, MOST_ROWS);
  const [open, folded] = [rows.slice(0, MOST_OPEN), rows.slice(MOST_OPEN)];
  const further = html`<details>
    <summary>${numberText(folded.length)} before that</summary>
    ${notableTable(folded)}
  </details>`;
  return html`<section>
    <h2>Worth a look</h2>
    <p class="soft">
      ${countText(notable.count, 'event')} stood out. ${shownText(rows, notable.count)} Those of one caller in the same
      way are one row, about the last of them.
    </p>
    ${notableTable(open)}${folded.length === 0 ? '' : further}
  </section>`;
}

function notableTable(rows: readonly Group<Entry>[]): Html {
  return html`<div class="wide">
    <table class="cards">
      <thead>
        <tr>
          <th>Last (UTC)</th>
          <th class="n">Times</th>
          <th>Event</th>
          <th>Caller</th>
          <th>About</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(notableRow)}
      </tbody>
    </table>
  </div>`;
}

function notableRow({ item: entry, count }: Group<Entry>): Html {
  const { time, type, caller, id } = entry;
  const event = html`<div>
    ${textOfType(type)}
    <div class="soft"><code>${type}</code></div>
  </div>`;
  const who = id === '' ? '' : callerName(caller);
  const cells = [
    cell('Last', timeText(time), 'time'),
    figure('Times', count),
    cell('Event', event),
    cell('Caller', who, id === '' ? 'empty' : ''),
  ];
  return html`<tr>
    ${cells}${cell('About', aboutOf(entry).join(', '))}
  </tr>`;
}

function aboutOf(entry: Entry): readonly string[] {
  const { targets, ip, note } = entry;
  const named = targets.filter(({ kind }) => kind !== 'method');
  const parts = [...named.map((target) => target.name), denialText(entry), ip === '' ? '' : `from ${ip}`, note];
  return parts.filter((text) => text !== '');
}
