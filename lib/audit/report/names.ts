import type { Target } from './entry.js';
import { html, type Html } from './html.js';

/** A text in letters that tell `l` and `1` apart. */
export function name(text: string): Html {
  return html`<span class="name">${text}</span>`;
}

/** Who called, or that nobody proved it. */
export function callerName(caller: string): Html {
  return caller === '' ? html`<em>nobody proven</em>` : html`${caller}`;
}

/** What was asked for. */
export function targetName({ kind, name: text }: Target): Html {
  return kind === 'method'
    ? html`<span>${name(text)}</span>`
    : html`<span>${name(text)} <span class="soft">${kind}</span></span>`;
}
