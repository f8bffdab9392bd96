import { axisText, cell, countText, figure, numberText } from './cells.js';
import { html, type Html } from './html.js';
import { OUTCOMES, shownOf, sumOf, titleOf, type Ending, type Outcomes } from './outcomes.js';
import type { Slot, Timeline } from './timeline.js';

/** Where there are fewer bars, they are as broad as if there were so many. */
const NARROW = 24;
const SLOT = 10;
const HEIGHT = 100;
/** What happened must be seen, be it as rare as it may. */
const LEAST_HEIGHT = 1.5;

/** Requests over time, as bars. */
export function timelineSection(timeline: Timeline): Html | undefined {
  const { width } = timeline;
  const slots = timeline.slots();
  const [first] = slots;
  if (first === undefined) return undefined;
  const shown = shownOf(timeline.total());
  const breadth = 0.8 * SLOT * Math.min(1, slots.length / NARROW);
  const most = Math.max(...slots.map(({ outcomes }) => sumOf(outcomes)));
  const marks =
    slots.length < 3 ? [first.time, timeline.last] : [first.time, (first.time + timeline.last) / 2, timeline.last];
  return html`<section>
    <h2>Requests over time</h2>
    <p class="soft">One bar is ${durationText(width)}. Times are UTC.</p>
    <div class="plot">
      <div class="scale"><span>${numberText(most)}</span><span>0</span></div>
      <svg
        viewBox="0 0 ${slots.length * SLOT} ${HEIGHT}"
        preserveAspectRatio="none"
        role="img"
        aria-label="Requests over time"
      >
        ${slots.map((slot, index) => bar(slot, index, { most, width, breadth }))}
      </svg>
    </div>
    <div class="axis">${marks.map((time) => html`<span>${axisText(time, width)}</span>`)}</div>
    <p class="key">${shown.map((outcome) => html`<span><i class="${outcome}"></i>${titleOf(outcome)}</span>`)}</p>
    <details>
      <summary>The same as a table</summary>
      <div class="wide">
        <table class="cards">
          <thead>
            <tr>
              <th>From</th>
              ${shown.map((outcome) => html`<th class="n">${titleOf(outcome)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${slots.filter(({ outcomes }) => sumOf(outcomes) > 0).map((slot) => row(slot, width, shown))}
          </tbody>
        </table>
      </div>
    </details>
  </section>`;
}

interface Scale {
  readonly most: number;
  readonly width: number;
  readonly breadth: number;
}

function bar({ time, outcomes }: Slot, index: number, { most, width, breadth }: Scale): Html | undefined {
  if (sumOf(outcomes) === 0) return undefined;
  let top = HEIGHT;
  const parts = OUTCOMES.filter((outcome) => outcomes[outcome] > 0).map((outcome) => {
    const height = Math.max(LEAST_HEIGHT, (outcomes[outcome] / most) * HEIGHT);
    top -= height;
    const left = (index + 0.5) * SLOT - breadth / 2;
    const [x, y, w, h] = [left, Math.max(0, top), breadth, height].map((value) => value.toFixed(2));
    return html`<rect class="${outcome}" x="${x}" y="${y}" width="${w}" height="${h}" />`;
  });
  return html`<g><title>${axisText(time, width)}: ${textOf(outcomes)}</title>${parts}</g>`;
}

function row({ time, outcomes }: Slot, width: number, shown: readonly Ending[]): Html {
  const figures = shown.map((outcome) => figure(titleOf(outcome), outcomes[outcome]));
  return html`<tr>
    ${cell('From', axisText(time, width), 'time')}${figures}
  </tr>`;
}

function textOf(outcomes: Outcomes): string {
  const named = OUTCOMES.filter((outcome) => outcomes[outcome] > 0);
  return named.map((outcome) => `${numberText(outcomes[outcome])} ${titleOf(outcome).toLowerCase()}`).join(', ');
}

const UNITS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
] as const;

function durationText(width: number): string {
  const [size, unit] = UNITS.find(([one]) => width >= one) ?? [1000, 'second'];
  return countText(width / size, unit);
}
