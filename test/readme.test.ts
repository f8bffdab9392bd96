import { readFileSync } from 'node:fs';
import { expect } from 'chai';

const SNIPPET = /<!-- snippet: (\S+)#(\S+) -->\n```ts\n([\s\S]*?)```/g;
const PACKAGE_NAMES: readonly (readonly [RegExp, string])[] = [
  [/'\.\.\/lib\/index\.js'/g, "'mcp-etdi'"],
  [/'\.\.\/lib\/testing\.js'/g, "'mcp-etdi/testing'"],
  [/'\.\.\/adapters\/(express|koa)\.js'/g, "'mcp-etdi/$1'"],
  [/'\.\.\/client\/index\.js'/g, "'mcp-etdi/client'"],
];

function region(file: string, name: string): string {
  const source = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  const [, body] = new RegExp(`// #region ${name}\\n([\\s\\S]*?)\\n[ ]*// #endregion`).exec(source) ?? [];
  if (body === undefined) throw new Error(`${file} has no region ${name}`);
  const indent = /^ */.exec(body)?.[0] ?? '';
  const text = body.replace(new RegExp(`^${indent}`, 'gm'), '');
  return PACKAGE_NAMES.reduce((all, [path, packageName]) => all.replace(path, packageName), text);
}

const pages = ['README.md'];

describe('the documentation', () => {
  for (const page of pages) {
    it(`quotes in ${page} what the examples really say`, () => {
      const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
      const snippets = [...text.matchAll(SNIPPET)];
      expect(snippets).to.have.lengthOf.at.least(1);
      for (const [, file = '', name = '', code = ''] of snippets)
        expect(code.trimEnd(), file).to.equal(region(file, name));
    });
  }
});
