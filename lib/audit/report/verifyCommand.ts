/** How the log was named to whoever made the page. What is absent is not known. */
export interface Named {
  readonly files: readonly string[];
  readonly keys?: string | undefined;
  readonly checkpoints?: readonly string[] | undefined;
  readonly partial?: boolean | undefined;
}

/** The words of the command line that verifies the same log with the same evidence, ready for a shell. */
export function verifyCommand({ files, keys, checkpoints = [], partial }: Named): readonly string[] {
  return [
    ...['mcp-etdi', 'audit', 'verify'],
    ...files.map(quoted),
    ...(keys === undefined ? [] : ['--keys', quoted(keys)]),
    ...checkpoints.flatMap((file) => ['--checkpoint', quoted(file)]),
    ...(partial === true ? ['--partial'] : []),
  ];
}

const PLAIN = /^[\w@%+=:,./-]+$/;

function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
