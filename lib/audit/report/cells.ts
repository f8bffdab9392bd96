import { html, type Content, type Html } from './html.js';

/** A number for people: `12,345`. */
export function numberText(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 record`, `12,345 records`. */
export function countText(value: number, one: string): string {
  return `${numberText(value)} ${one}${value === 1 ? '' : 's'}`;
}

/** `2026-11-22 12:00:00`, in UTC. */
export function timeText(time: number | undefined): string {
  return dateOf(time)?.toISOString().replace('T', ' ').slice(0, -5) ?? '-';
}

/** The time without seconds; where a bar spans a day or more, without the time of day. */
export function axisText(time: number, width: number): string {
  const text = timeText(time);
  return width >= 86_400_000 ? text.slice(0, -9) : text.slice(0, width < 60_000 ? undefined : -3);
}

/** A cell. On a narrow screen the label stands before its value. */
export function cell(label: string, content: Content, kind = ''): Html {
  return html`<td class="${kind}" data-label="${label}">${content}</td>`;
}

/** A cell with a number. */
export function figure(label: string, value: number): Html {
  return cell(label, numberText(value), value === 0 ? 'n zero' : 'n');
}

/** A cell with a bar. */
export function shareCell(value: number, most: number, kind: string): Html {
  const width = most === 0 ? 0 : Math.max(1, Math.round((value / most) * 100));
  return html`<td class="share">
    <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect class="${kind}" width="${width}" height="10" />
    </svg>
  </td>`;
}

function dateOf(time: number | undefined): Date | undefined {
  const date = new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
