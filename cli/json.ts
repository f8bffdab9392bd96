import { escapeUnits } from '../lib/text.js';

const NOT_PRINTABLE = /[^\x20-\x7e\n]/g;

/** JSON in ASCII: what is hidden in a text stays visible and moves no terminal, and the text stays the same. */
export function jsonText(value: object, space?: number): string {
  return `${JSON.stringify(value, undefined, space).replace(NOT_PRINTABLE, escapeUnits)}\n`;
}
