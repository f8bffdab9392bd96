import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

interface Row {
  readonly attack: string;
  readonly code: string;
  readonly proofs: readonly { readonly title: string; readonly file: string }[];
}

/** The rows of all tables of the catalogue. */
function rowsOf(page: string): readonly Row[] {
  const lines = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:attack|---) /.test(line));
  return lines.map((line) => {
    const [attack = '', , code = '', links = ''] = line.slice(2, -2).split(' | ');
    const proofs = [...links.matchAll(/\[(.+?)\]\(\.\.\/(test\/[^)]+)\)/g)];
    return { attack, code, proofs: proofs.map(([, title = '', file = '']) => ({ title, file })) };
  });
}

/** Whether a file has a test of this name, or a table of tests with this row. */
function hasTest(text: string, title: string): boolean {
  return [`'${title}'`, `\`${title}\``].some((name) => text.includes(name));
}

/** Every code that a check denies with, and every reason of a tool verdict. */
function knownCodes(): ReadonlySet<string> {
  const files = ['lib', 'middleware'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  const sources = files.filter((name) => name.endsWith('.ts')).map(read);
  const blocks = sources.flatMap((text) => [...text.matchAll(/interface DenialCodes \{([\s\S]*?)\n *\}/g)]);
  const codes = blocks.flatMap(([, block = '']) =>
    [...block.matchAll(/^ *(\w+): \d{3}/gm)].map(([, code = '']) => code),
  );
  const reasons = [...read('client/tools/verdict.ts').matchAll(/'(\w+_\w+)'/g)].map(([, reason = '']) => reason);
  return new Set([...codes, ...reasons]);
}

describe('the attack catalogue', () => {
  const rows = rowsOf(read('docs/attacks.md'));
  const codes = knownCodes();

  it('has a row for each attack, and a test in each row', () => {
    expect(rows.length).to.be.greaterThan(80);
    expect(rows.filter(({ proofs }) => proofs.length === 0)).to.deep.equal([]);
    expect(new Set(rows.map(({ attack }) => attack)).size).to.equal(rows.length);
  });

  for (const { attack, code, proofs } of rows) {
    it(`names tests that are there: ${attack}`, () => {
      for (const { title, file } of proofs) {
        expect(existsSync(`${root}${file}`), file).to.equal(true);
        expect(hasTest(read(file), title), `${file} has a test '${title}'`).to.equal(true);
      }
    });

    it(`names a code that is there: ${attack}`, () => {
      if (code !== '-') expect(codes).to.include(code.replaceAll('`', ''));
    });
  }

  it('would notice a test that was renamed', () => {
    expect(hasTest("it('denies a token', () => 0)", 'denies a token')).to.equal(true);
    expect(hasTest("it('denies any token', () => 0)", 'denies a token')).to.equal(false);
    expect(codes).to.not.include('token_unheard_of');
  });
});
