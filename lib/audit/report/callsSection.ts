import { cell, countText, figure, timeText } from './cells.js';
import { html, type Html } from './html.js';
import { callerName, targetName } from './names.js';
import { addTo, noOutcomes, OUTCOMES, sumOf, titleOf } from './outcomes.js';
import type { CallRow, Tally } from './tally.js';

const MOST_ROWS = 100;

/** Who called what, the busiest callers first. */
export function callsSection({ calls }: Tally): Html {
  const all = calls.entries().map(([, row]) => row);
  const rows = sorted(all);
  const [shown, hidden] = [rows.slice(0, MOST_ROWS), [...rows.slice(MOST_ROWS), ...(calls.rest ? [calls.rest] : [])]];
  const everything = calls.rest === undefined ? all : [...all, calls.rest];
  return html`<section>
    <h2>Who called what</h2>
    <p class="soft">A request with several messages counts once for each of them.</p>
    <div class="wide">
      <table class="cards">
        <thead>
          <tr>
            <th>Caller</th>
            <th>What</th>
            ${OUTCOMES.map((outcome) => html`<th class="n">${titleOf(outcome)}</th>`)}
            <th>Last</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map((row, index) => callLine(row, shown[index - 1]))}
          ${hidden.length === 0 ? '' : sumRow(countText(hidden.length, 'further row'), hidden)}
        </tbody>
        <tfoot>
          ${sumRow('All', everything)}
        </tfoot>
      </table>
    </div>
  </section>`;
}

function sorted(rows: readonly CallRow[]): readonly CallRow[] {
  const sums = new Map<string, number>();
  const keyOf = ({ caller, issuer }: CallRow): string => `${caller}\n${issuer}`;
  for (const row of rows) sums.set(keyOf(row), (sums.get(keyOf(row)) ?? 0) + sumOf(row.outcomes));
  const rankOf = (row: CallRow): number => sums.get(keyOf(row)) ?? 0;
  const order = (a: CallRow, b: CallRow): number =>
    rankOf(b) - rankOf(a) ||
    (keyOf(a) < keyOf(b) ? -1 : Number(keyOf(a) > keyOf(b))) ||
    sumOf(b.outcomes) - sumOf(a.outcomes);
  return [...rows].sort(order);
}

function callLine(row: CallRow, before: CallRow | undefined): Html {
  const again = row.caller === before?.caller && row.issuer === before.issuer;
  const issuer = again || row.issuer === '' ? '' : html`<div class="soft name">${row.issuer}</div>`;
  const caller = html`<div class="${again ? 'soft' : ''}">${callerName(row.caller)}${issuer}</div>`;
  const figures = OUTCOMES.map((outcome) => figure(titleOf(outcome), row.outcomes[outcome]));
  return html`<tr>
    ${cell('Caller', caller)}${cell('What', targetName(row.target))}${figures}${cell('Last', timeText(row.last), 'time')}
  </tr>`;
}

function sumRow(title: string, rows: readonly CallRow[]): Html {
  const sum = noOutcomes();
  for (const { outcomes } of rows) addTo(sum, outcomes);
  const figures = OUTCOMES.map((outcome) => figure(titleOf(outcome), sum[outcome]));
  return html`<tr>
    <td>${title}</td>
    <td class="empty"></td>
    ${figures}
    <td class="empty"></td>
  </tr>`;
}
