/** One line of a report: right when both texts are the same. */
export interface Row {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

/** A table of expectations and results, and how many of them differ. */
export function report(rows: readonly Row[]): { readonly text: string; readonly wrong: number } {
  const wrong = rows.filter(isWrong).length;
  const head: Row = { what: 'WHAT', expected: 'EXPECTED', got: 'RESULT' };
  const widthOf = (name: 'what' | 'expected'): number => Math.max(...[head, ...rows].map((row) => row[name].length));
  const [what, expected] = [widthOf('what'), widthOf('expected')];
  const line = (mark: string, row: Row): string =>
    `${mark.padEnd(4)}  ${row.what.padEnd(what)}  ${row.expected.padEnd(expected)}  ${row.got}\n`;
  const lines = rows.map((row) => line(isWrong(row) ? 'FAIL' : 'ok', row));
  return { text: `${line('', head)}${lines.join('')}\n${rows.length} lines, ${wrong} not as they should be\n`, wrong };
}

function isWrong({ expected, got }: Row): boolean {
  return expected !== got;
}
