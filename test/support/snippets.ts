// Quotes regions of the examples in Markdown pages. Run as a program it brings the pages up to date.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const root = new URL('../../', import.meta.url);
const SNIPPET = /(<!-- snippet: (\S+)#(\S+) -->\n```[jt]s\n)([\s\S]*?)(```)/g;
const PACKAGE_NAMES: readonly (readonly [RegExp, string])[] = [
  [/'(?:\.\.\/)+lib\/index\.js'/g, "'mcp-etdi'"],
  [/'(?:\.\.\/)+lib\/testing\.js'/g, "'mcp-etdi/testing'"],
  [/'(?:\.\.\/)+lib\/stores\/redis\.js'/g, "'mcp-etdi/redis'"],
  [/'(?:\.\.\/)+adapters\/(express|koa)\.js'/g, "'mcp-etdi/$1'"],
  [/'(?:\.\.\/)+client\/index\.js'/g, "'mcp-etdi/client'"],
];

/** The pages that quote examples. */
export const pages: readonly string[] = [
  'README.md',
  ...readdirSync(new URL('docs', root)).map((name) => `docs/${name}`),
];

export function readPage(page: string): string {
  return readFileSync(new URL(page, root), 'utf8');
}

/** The page with every snippet as the examples have it, under the names of the package. */
export function fillSnippets(text: string): string {
  return text.replace(SNIPPET, (_all, head: string, file: string, name: string, _old, tail: string) => {
    return `${head}${region(file, name)}\n${tail}`;
  });
}

function region(file: string, name: string): string {
  const source = readFileSync(new URL(file, root), 'utf8');
  const [, body] = new RegExp(`// #region ${name}\\n([\\s\\S]*?)\\n[ ]*// #endregion`).exec(source) ?? [];
  if (body === undefined) throw new Error(`${file} has no region ${name}`);
  const indent = /^ */.exec(body)?.[0] ?? '';
  return asPackage(body.replace(new RegExp(`^${indent}`, 'gm'), ''));
}

/** The text of an example, under the names of the package. */
export function asPackage(text: string): string {
  return PACKAGE_NAMES.reduce((all, [path, packageName]) => all.replace(path, packageName), text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const page of pages) writeFileSync(new URL(page, root), fillSnippets(readPage(page)));
}
