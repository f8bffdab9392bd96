import { ranked } from './bounded.js';
import { cell, countText, figure, shareCell, timeText } from './cells.js';
import { html, type Html } from './html.js';
import { name } from './names.js';
import { meaningOf } from './reasons.js';
import type { CodeRow, ReasonRow, Tally } from './tally.js';

const MOST_ROWS = 100;

/** Why requests were denied, most frequent first. */
export function reasonsSection({ reasons, denials, requests }: Tally): Html {
  const { shown, others } = ranked(reasons, MOST_ROWS);
  const [[, { count: most }] = ['', { count: 0 }]] = shown;
  if (shown.length === 0)
    return html`<section>
      <h2>Denials by reason</h2>
      <p>No request was denied.${retriedText(requests.retried)}</p>
    </section>`;
  return html`<section>
    <h2>Denials by reason</h2>
    <p class="soft">${undecided(requests.denied, denials.count)}${retriedText(requests.retried)}</p>
    <div class="wide">
      <table class="cards">
        <thead>
          <tr>
            <th>Reason</th>
            <th class="n">Requests</th>
            <th class="share"></th>
            <th>Last</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map(([code, reason]) => [reasonRow(code, reason, most), detailRows(reason, most)])}${others === 0 ? '' : otherReasons(others)}
        </tbody>
        <tfoot>
          <tr>
            <th>All</th>
            ${figure('Requests', denials.count)}
            <td class="share"></td>
            <td class="empty"></td>
          </tr>
        </tfoot>
      </table>
    </div>
  </section>`;
}

function undecided(denied: number, all: number): string {
  const failed = all - denied;
  const text = `${countText(denied, 'request')} ${denied === 1 ? 'was' : 'were'} denied`;
  return failed <= 0 ? `${text}.` : `${text}; ${countText(failed, 'further one')} ended at a check that failed itself.`;
}

function reasonRow(code: string, { count, last }: ReasonRow, most: number): Html {
  const reason = html`<div>
    <code>${code}</code>
    <div class="soft">${meaningOf(code)}</div>
  </div>`;
  const figures = [figure('Requests', count), shareCell(count, most, 'denied'), cell('Last', timeText(last), 'time')];
  return html`<tr>
    ${cell('Reason', reason)}${figures}
  </tr>`;
}

/** What the checks said more: it tells a client that is slow from one that forges. */
function detailRows({ reasons }: CodeRow, most: number): readonly Html[] {
  const rows = [...reasons.entries()].sort(([, a], [, b]) => b.count - a.count);
  const rest = reasons.rest === undefined ? [] : [['further ones', reasons.rest] as const];
  return [...rows, ...rest].map(
    ([reason, { count, last }]) =>
      html`<tr class="sub">
        ${cell('Reason', name(reason))}${figure('Requests', count)}${shareCell(count, most, 'denied')}${cell(
          'Last',
          timeText(last),
          'time',
        )}
      </tr>`,
  );
}

/** A client that proves its key asks for a nonce first, as the protocol has it. */
function retriedText(count: number): string {
  if (count === 0) return '';
  return ` ${countText(count, 'further one')} ${count === 1 ? 'was' : 'were'} asked to try again with a nonce, which refuses nothing.`;
}

function otherReasons(count: number): Html {
  return html`<tr>
    <td>further reasons</td>
    ${figure('Requests', count)}
    <td class="share"></td>
    <td class="empty"></td>
  </tr>`;
}
