import { showText } from '../../text.js';

/** Markup. Only `html` and `style` make it. */
export interface Html {
  readonly markup: string;
}

export type Content = Html | string | number | undefined | readonly Content[];

class Markup implements Html {
  readonly markup: string;
  constructor(markup: string) {
    this.markup = markup;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** The longest text that is shown whole. */
const MOST_TEXT = 300;

/** Writes HTML. Whatever is put in is text, with hidden and bidirectional characters made visible, unless it is `Html`. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Markup(strings.map((part, index) => part + render(values[index])).join(''));
}

function render(value: Content): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.markup;
  if (typeof value === 'object') return (value as readonly Content[]).map(render).join('');
  return showText(String(value), MOST_TEXT).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A style sheet of our own. */
export function style(css: string): Html {
  return new Markup(`<style>${css}</style>`);
}
