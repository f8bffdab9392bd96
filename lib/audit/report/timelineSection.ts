import { axisText, cell, countText, figure, numberText } from './cells.js';
import { html, type Html } from './html.js';
import { noOutcomes, OUTCOMES, sumOf, titleOf, type Outcomes } from './outcomes.js';
import type { Slot, Timeline } from './timeline.js';

/** Fewer bars than this would be too broad. */
const LEAST_BARS = 24;
const HEIGHT = 100;
/** What happened must be seen, be it as rare as it may. */
const LEAST_HEIGHT = 1.5;

/** Requests over time, as bars. */
export function timelineSection(timeline: Timeline): Html | undefined {
  const { width } = timeline;
  const counted = timeline.slots();
  const [first] = counted;
  if (first === undefined) return undefined;
  const slots = padded(counted, first.time, width);
  const most = Math.max(...slots.map(({ outcomes }) => sumOf(outcomes)));
  const [begin, middle, end] = [0, 0.5, 1].map((part) => axisText(first.time + part * slots.length * width, width));
  return html`<section>
    <h2>Requests over time</h2>
    <p class="soft">One bar is ${durationText(width)}. Times are UTC.</p>
    <div class="plot">
      <div class="scale"><span>${numberText(most)}</span><span>0</span></div>
      <svg
        viewBox="0 0 ${slots.length * 10} ${HEIGHT}"
        preserveAspectRatio="none"
        role="img"
        aria-label="Requests over time"
      >
        ${slots.map((slot, index) => bar(slot, index, most, width))}
      </svg>
    </div>
    <div class="axis"><span>${begin}</span><span>${middle}</span><span>${end}</span></div>
    <p class="key">${OUTCOMES.map((outcome) => html`<span><i class="${outcome}"></i>${titleOf(outcome)}</span>`)}</p>
    <details>
      <summary>The same as a table</summary>
      <div class="wide">
        <table class="cards">
          <thead>
            <tr>
              <th>From</th>
              ${OUTCOMES.map((outcome) => html`<th class="n">${titleOf(outcome)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${counted.filter(({ outcomes }) => sumOf(outcomes) > 0).map((slot) => row(slot, width))}
          </tbody>
        </table>
      </div>
    </details>
  </section>`;
}

function padded(slots: readonly Slot[], begin: number, width: number): readonly Slot[] {
  const length = Math.max(LEAST_BARS, slots.length);
  return Array.from({ length }, (_, index) => slots[index] ?? { time: begin + index * width, outcomes: noOutcomes() });
}

function bar({ time, outcomes }: Slot, index: number, most: number, width: number): Html | undefined {
  if (sumOf(outcomes) === 0) return undefined;
  let top = HEIGHT;
  const parts = OUTCOMES.filter((outcome) => outcomes[outcome] > 0).map((outcome) => {
    const height = Math.max(LEAST_HEIGHT, (outcomes[outcome] / most) * HEIGHT);
    top -= height;
    const place = [index * 10 + 1, Math.max(0, top), height].map((value) => value.toFixed(1));
    return html`<rect class="${outcome}" x="${place[0]}" y="${place[1]}" width="8" height="${place[2]}" />`;
  });
  return html`<g><title>${axisText(time, width)}: ${textOf(outcomes)}</title>${parts}</g>`;
}

function row({ time, outcomes }: Slot, width: number): Html {
  const figures = OUTCOMES.map((outcome) => figure(titleOf(outcome), outcomes[outcome]));
  return html`<tr>
    ${cell('From', axisText(time, width), 'time')}${figures}
  </tr>`;
}

function textOf(outcomes: Outcomes): string {
  const named = OUTCOMES.filter((outcome) => outcomes[outcome] > 0);
  return named.map((outcome) => `${numberText(outcomes[outcome])} ${outcome}`).join(', ');
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
