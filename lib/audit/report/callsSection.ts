import { namesText, rowsOf, type Caller, type CallRow, type UndefinedRow } from './callers.js';
import { cell, countText, figure, numberText, timeText } from './cells.js';
import { html, type Content, type Html } from './html.js';
import { callerName, targetName } from './names.js';
import { addTo, noOutcomes, shownOf, sumOf, titleOf, type Ending, type Outcomes } from './outcomes.js';
import type { Tally } from './tally.js';

const MOST_CALLERS = 100;
/** How many rows each of them has. The others are one. */
const MOST_ROWS = 10;

/** A row before it is markup. */
interface Line {
  readonly what: Content;
  readonly outcomes: Outcomes;
  readonly last: number;
}

/** Who called what: whoever was let through most first, and of each what was let through. */
export function callsSection({ callers, requests }: Tally): Html {
  const shown = shownOf(requests);
  const all = [...callers.list(), ...(callers.rest === undefined ? [] : [callers.rest])];
  const sorted = sortedCallers(callers.list());
  const hidden = [...sorted.slice(MOST_CALLERS), ...all.slice(callers.list().length)];
  return html`<section>
    <h2>Who called what</h2>
    <p class="soft">A request with several messages counts once for each of them.</p>
    <div class="wide">
      <table class="cards">
        <thead>
          <tr>
            <th>Caller</th>
            <th>What</th>
            ${shown.map((outcome) => html`<th class="n">${titleOf(outcome)}</th>`)}
            <th>Last</th>
          </tr>
        </thead>
        <tbody>
          ${sorted.slice(0, MOST_CALLERS).map((caller) => callerRows(caller, shown))}
          ${hidden.length === 0 ? '' : sumRow(hiddenText(hidden.length, callers.rest), hidden, shown)}
        </tbody>
        <tfoot>
          ${sumRow('All', all, shown)}
        </tfoot>
      </table>
    </div>
  </section>`;
}

/** Nobody gets to the top by what was denied. */
function sortedCallers(callers: readonly Caller[]): readonly Caller[] {
  const sums = new Map(callers.map((caller) => [caller, outcomesOf(rowsOf(caller))]));
  const rankOf = (caller: Caller): Outcomes => sums.get(caller) ?? noOutcomes();
  return [...callers].sort((a, b) => byAllowed(rankOf(a), rankOf(b)));
}

function byAllowed(a: Outcomes, b: Outcomes): number {
  return b.allowed - a.allowed || sumOf(b) - sumOf(a);
}

function callerRows(caller: Caller, shown: readonly Ending[]): readonly Html[] {
  const named = caller.calls.entries().map(([, row]) => row);
  const sorted = named.sort((a, b) => byAllowed(a.outcomes, b.outcomes));
  const rest = [...sorted.slice(MOST_ROWS), ...(caller.calls.rest === undefined ? [] : [caller.calls.rest])];
  const lines = [
    ...sorted.slice(0, MOST_ROWS).map(callLine),
    ...(rest.length === 0 ? [] : [restLine(rest, caller.calls.rest !== undefined)]),
    ...[...caller.undefined.values()].map(undefinedLine),
  ];
  return lines.map((line, index) => lineRow(caller, line, index > 0, shown));
}

function callLine({ target, outcomes, last }: CallRow): Line {
  return { what: target === undefined ? '' : targetName(target), outcomes, last };
}

function restLine(rows: readonly CallRow[], isOpen: boolean): Line {
  const last = Math.max(...rows.map((row) => row.last));
  const names = isOpen ? `${numberText(rows.length)} or more further names` : countText(rows.length, 'further name');
  return { what: names, outcomes: outcomesOf(rows), last };
}

function undefinedLine(row: UndefinedRow): Line {
  const [calls, names] = [countText(sumOf(row.outcomes), 'call'), namesText(row)];
  return { ...row, what: `${calls} of ${names} undefined ${row.kind}${names === '1' ? '' : 's'}` };
}

function lineRow({ caller, issuer }: Caller, line: Line, again: boolean, shown: readonly Ending[]): Html {
  const vouches = again || issuer === '' ? '' : html`<div class="soft name">${issuer}</div>`;
  const who = html`<div class="${again ? 'soft' : ''}">${callerName(caller)}${vouches}</div>`;
  const figures = shown.map((outcome) => figure(titleOf(outcome), line.outcomes[outcome]));
  return html`<tr>
    ${cell('Caller', who)}${cell('What', line.what)}${figures}${cell('Last', timeText(line.last), 'time')}
  </tr>`;
}

function hiddenText(count: number, rest: Caller | undefined): string {
  return rest === undefined ? countText(count, 'further caller') : `${numberText(count)} or more further callers`;
}

function sumRow(title: string, callers: readonly Caller[], shown: readonly Ending[]): Html {
  const sum = outcomesOf(callers.flatMap(rowsOf));
  return html`<tr>
    <td>${title}</td>
    <td class="empty"></td>
    ${shown.map((outcome) => figure(titleOf(outcome), sum[outcome]))}
    <td class="empty"></td>
  </tr>`;
}

function outcomesOf(rows: readonly CallRow[]): Outcomes {
  const sum = noOutcomes();
  for (const { outcomes } of rows) addTo(sum, outcomes);
  return sum;
}
