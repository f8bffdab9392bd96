/** Backslashes, so that no client can write an escape itself, and every character that is not seen where it stands. */
const HIDDEN = /[\\\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** What stands for the end of a text that was cut. No escaped text has it anywhere else. */
export const CUT = '\\...';

/**
 * Makes any text safe to stand in one line of a log, whatever writes that line and whoever looks at it.
 *
 * Control, format, bidirectional, separator, invisible and unassigned characters and lone surrogates become
 * `\uXXXX`, a backslash becomes `\\`: two different texts never look the same. What is longer than `most` UTF-16
 * units is cut and ends in `\...`, which nothing else can.
 */
export function escapeText(value: string, most = 256): string {
  const kept = value.length > most ? value.slice(0, most) : value;
  const escaped = PLAIN.test(kept) ? kept : kept.replace(HIDDEN, escapeCharacter);
  return kept === value ? escaped : escaped + CUT;
}

/** Shows a text that is escaped already, or should be: as `escapeText` does, except that a backslash stays what it is. */
export function showText(value: string, most = 256): string {
  const kept = value.length > most ? value.slice(0, most) : value;
  const shown = PRINTABLE.test(kept) ? kept : kept.replace(HIDDEN, showCharacter);
  return kept === value ? shown : shown + CUT;
}

function showCharacter(character: string): string {
  return character === '\\' ? character : escapeCharacter(character);
}

function escapeCharacter(character: string): string {
  return character === '\\' ? '\\\\' : escapeUnits(character);
}

/** Each UTF-16 unit as `\uXXXX`, which is what JSON and JavaScript take it back from. */
export function escapeUnits(text: string): string {
  return text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
