// Rules of this repository that neither the compiler nor the linter sees.
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The one file that needs an optional package. */
const CERTIFICATES = 'client/mtlsFetch.ts';
const SHIPPED = ['lib', 'middleware', 'adapters', 'client', 'cli'];

const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

/** The TypeScript files below some folders, by path from the root. */
function sources(...folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.[mc]?tsx?$/.test(path))
      .map((path) => `${folder}/${path}`),
  );
}

/** The files that git knows. One may have been removed since. */
function tracked(): readonly string[] {
  // Whoever runs this may not be the one whose checkout it is.
  const list = ['-c', 'safe.directory=*', 'ls-files', '-z'];
  const names = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0');
  return names.filter((name) => name !== '' && existsSync(`${root}${name}`));
}

/** Whether a text has other characters than those that print in ASCII, and line feeds. Git takes what has a NUL for no text. */
function isForeign(bytes: Buffer): boolean {
  return !bytes.includes(0) && bytes.some((byte) => byte !== 0x0a && (byte < 0x20 || byte > 0x7e));
}

/** What a file loads: by `import`, by `export ... from`, by `import()` and by `require()`. */
function imports(text: string): readonly string[] {
  const forms = [/\bfrom\s+'([^']+)'/g, /^import\s+'([^']+)'/gm, /\b(?:import|require)\(\s*'([^']+)'/g];
  return forms.flatMap((form) => [...text.matchAll(form)].map(([, name = '']) => name));
}

const packages = (paths: readonly string[]): ReadonlySet<string> =>
  new Set(paths.flatMap((path) => imports(read(path)).filter((name) => !/^(?:\.|node:)/.test(name))));

describe('repository', () => {
  it('holds text in ASCII alone, so that what is read is what runs', () => {
    const files = tracked();
    expect(files).to.include.members(['lib/exchange.ts', 'README.md', '.ci/run', 'package.json', 'docs/doctor.md']);
    expect(files.filter((path) => isForeign(readFileSync(`${root}${path}`)))).to.deep.equal([]);
  });

  it('knows text that is not in ASCII, and what is no text', () => {
    expect(isForeign(Buffer.from('a \u2013 b\n'))).to.equal(true);
    expect(isForeign(Buffer.from('a\tb\n'))).to.equal(true);
    expect(isForeign(Buffer.from('a - b\n'))).to.equal(false);
    expect(isForeign(Buffer.from([0x89, 0x50, 0x00]))).to.equal(false);
  });

  it('finds every way to load a module', () => {
    const text = `import a from 'a';\nimport {\n  b,\n} from 'b';\nimport 'c';\nexport * from 'd';\nawait import('e');\nrequire('f');\ntype G = import('g').G;`;
    expect([...imports(text)].sort()).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  });

  it('keeps frameworks, SDKs and loggers out of lib and middleware: they load jose and what Node brings', () => {
    expect([...packages(sources('lib', 'middleware'))]).to.deep.equal(['jose']);
  });

  it('loads no framework in adapters either, which know them by their shape', () => {
    expect([...packages(sources('adapters'))]).to.deep.equal([]);
  });

  it('loads nothing in what is shipped but its dependencies', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const own = sources(...SHIPPED).filter((path) => path !== CERTIFICATES);
    expect([...packages(own)].filter((name) => !(name in dependencies))).to.deep.equal([]);
    expect(Object.keys(dependencies)).to.deep.equal(['jose']);
  });

  it('loads undici where client certificates are sent alone, and not before one is', () => {
    const text = read(CERTIFICATES);
    expect([...packages([CERTIFICATES])]).to.deep.equal(['undici']);
    expect([...text.matchAll(/^import (?!type )[^;]*'undici'/gm)]).to.deep.equal([]);
    expect(text).to.include("return import('undici')");
  });

  it('lets data flow from adapters to lib, never back', () => {
    const back = sources('lib', 'middleware').filter((path) =>
      imports(read(path)).some((name) => /\/(?:adapters|client|cli)\//.test(name)),
    );
    expect(back).to.deep.equal([]);
  });

  it('exports these entry points and no others', () => {
    const { exports, type, sideEffects } = JSON.parse(read('package.json')) as {
      exports: Record<string, string | Record<string, string>>;
      type: string;
      sideEffects: boolean;
    };
    expect(Object.keys(exports)).to.deep.equal([
      '.',
      './express',
      './koa',
      './testing',
      './client',
      './redis',
      './package.json',
    ]);
    for (const [name, target] of Object.entries(exports)) {
      if (typeof target === 'string') continue;
      const { types = '', default: file = '', ...others } = target;
      expect(others, name).to.deep.equal({});
      expect(types, name).to.equal(file.replace(/\.js$/, '.d.ts'));
      expect(() => read(file.replace('./dist/', '').replace(/\.js$/, '.ts')), name).to.not.throw();
    }
    expect([type, sideEffects]).to.deep.equal(['module', false]);
  });

  it('runs all of its tests', () => {
    const narrowed = sources('test').filter((path) =>
      /\b(?:it|describe|context)\.(?:only|skip)\(|\bx(?:it|describe)\(/.test(read(path)),
    );
    expect(narrowed.filter((path) => path !== 'test/repository.test.ts')).to.deep.equal([]);
  });
});
