/** What would have been printed meanwhile, one entry for each write. */
export async function withoutStandardError(run: () => Promise<void>): Promise<readonly string[]> {
  const lines: string[] = [];
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = (line: string | Uint8Array): boolean => lines.push(String(line)) > 0;
  try {
    await run();
  } finally {
    process.stderr.write = write;
  }
  return lines;
}
