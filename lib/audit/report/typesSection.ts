import { ranked } from './bounded.js';
import { cell, figure } from './cells.js';
import { textOfType } from './entry.js';
import { html, type Html } from './html.js';
import type { Tally } from './tally.js';

const MOST_ROWS = 100;

/** Every record by its type: their sum is the number of records. */
export function typesSection({ types, records }: Tally): Html {
  const { shown, others } = ranked(types, MOST_ROWS);
  const texts = shown.map(([type, { count }]) => {
    const text = textOfType(type);
    return html`<tr>
      ${cell('Type', html`<code>${type}</code>`)}${cell('Meaning', text)}${figure('Records', count)}
    </tr>`;
  });
  return html`<section>
    <h2>Everything in the log</h2>
    <div class="wide">
      <table class="cards">
        <thead>
          <tr>
            <th>Type</th>
            <th>Meaning</th>
            <th class="n">Records</th>
          </tr>
        </thead>
        <tbody>
          ${texts}${
            others === 0
              ? ''
              : html`<tr>
                  <td>further types</td>
                  <td class="empty"></td>
                  ${figure('Records', others)}
                </tr>`
          }
        </tbody>
        <tfoot>
          <tr>
            <th>All</th>
            <td class="empty"></td>
            ${figure('Records', records)}
          </tr>
        </tfoot>
      </table>
    </div>
  </section>`;
}
