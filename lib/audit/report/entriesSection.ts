import { cell, countText, numberText, timeText } from './cells.js';
import { textOfType, type Entry } from './entry.js';
import { html, type Content, type Html } from './html.js';
import { callerName, name, targetName } from './names.js';
import type { Tally } from './tally.js';

/** The last requests that were denied, the newest first. */
export function denialsSection({ denials }: Tally): Html | undefined {
  if (denials.count === 0) return undefined;
  const rows = denials.list();
  return html`<section>
    <h2>Latest denials</h2>
    <p class="soft">
      ${rows.length < denials.count ? `The last ${rows.length} of ${numberText(denials.count)}.` : 'All of them.'}
    </p>
    <div class="wide">
      <table class="cards">
        <thead>
          <tr>
            <th>Time (UTC)</th>
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

function denialRow({ time, caller, ip, targets, code = '', missing }: Entry): Html {
  const what = targets.slice(0, 3).map((target) => html`<div>${targetName(target)}</div>`);
  const more =
    targets.length > 3 ? html`<div class="soft">and ${countText(targets.length - 3, 'further message')}</div>` : '';
  const lacks = missing.length === 0 ? '' : html`<div class="soft">missing: ${missing.join(', ')}</div>`;
  const cells: readonly Content[] = [
    cell('Time', timeText(time), 'time'),
    cell('Caller', callerName(caller)),
    cell('From', name(ip)),
    cell('What', html`<div>${what}${more}</div>`),
    cell('Reason', html`<div><code>${code}</code>${lacks}</div>`),
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
  const rows = notable.list();
  const [open, folded] = [rows.slice(0, MOST_OPEN), rows.slice(MOST_OPEN)];
  const lost = notable.count - rows.length;
  const further = html`<details>
    <summary>${numberText(folded.length)} before that</summary>
    ${notableTable(folded)}
  </details>`;
  return html`<section>
    <h2>Worth a look</h2>
    <p class="soft">
      ${countText(notable.count, 'event')} stood out${lost === 0 ? '' : `; the last ${rows.length} are here`}.
    </p>
    ${notableTable(open)}${folded.length === 0 ? '' : further}
  </section>`;
}

function notableTable(rows: readonly Entry[]): Html {
  return html`<div class="wide">
    <table class="cards">
      <thead>
        <tr>
          <th>Time (UTC)</th>
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

function notableRow(entry: Entry): Html {
  const { time, type, caller, id } = entry;
  const event = html`<div>
    ${textOfType(type)}
    <div class="soft"><code>${type}</code></div>
  </div>`;
  const who = id === '' ? '' : callerName(caller);
  const cells = [
    cell('Time', timeText(time), 'time'),
    cell('Event', event),
    cell('Caller', who, id === '' ? 'empty' : ''),
  ];
  return html`<tr>
    ${cells}${cell('About', aboutOf(entry).join(', '))}
  </tr>`;
}

function aboutOf({ targets, code = '', ip, note }: Entry): readonly string[] {
  const named = targets.filter(({ kind }) => kind !== 'method');
  const parts = [...named.map((target) => target.name), code, ip === '' ? '' : `from ${ip}`, note];
  return parts.filter((text) => text !== '');
}
