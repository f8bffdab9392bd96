const NOT_PRINTABLE = /[^\x20-\x7e\n]/g;

/** JSON in ASCII: what is hidden in a text stays visible and moves no terminal, and the text stays the same. */
export function jsonText(value: object, space?: number): string {
  const text = JSON.stringify(value, undefined, space).replace(
    NOT_PRINTABLE,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${text}\n`;
}
